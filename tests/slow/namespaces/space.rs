//! Network namespaces of this very process, threads that work in them, and the commands that arrange them.
//!
//! Always true: a namespace's name bears the id of the process that made it, and with it go all processes that were
//! started in it, also when a test panics. What a run that was killed has left, the next one removes.

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How the names of all namespaces of these tests begin; the id of the process follows.
const PREFIX: &str = "weft-test-";

/// Where `ip netns` keeps what the names stand for.
const NAMES: &str = "/var/run/netns";

/// A network namespace, removed with its processes when dropped.
pub(super) struct Space(String);

impl Space {
    /// A namespace with nothing but a loopback interface.
    ///
    /// # Errors
    /// What the system says, where it lets nobody make one or lacks the command.
    pub(super) fn new() -> Result<Self, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let space = Self(format!("{PREFIX}{}-{number}", std::process::id()));
        ip(&format!("netns add {}", space.0))?;
        space.try_ip("link set lo up")?;
        Ok(space)
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Does something on a thread that has moved in. Processes that it starts stay there, and so do its sockets.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let moved = || {
            let space = File::open(Path::new(NAMES).join(&self.0)).unwrap();
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(moved).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// `ip` on the interfaces of this namespace.
    pub(super) fn ip(&self, line: &str) {
        self.try_ip(line).unwrap();
    }

    /// The same where the system may refuse it.
    ///
    /// # Errors
    /// What `ip` said.
    pub(super) fn try_ip(&self, line: &str) -> Result<String, String> {
        ip(&format!("-n {} {line}", self.0))
    }

    /// The processes in it.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let pids = ip(&format!("netns pids {}", self.0)).unwrap_or_default();
        pids.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for pid in self.processes() {
            // One that has ended meanwhile is what was wanted.
            let _ended = kill_process(pid, Signal::KILL);
        }
        if let Err(words) = ip(&format!("netns del {}", self.0)) {
            println!("the namespace {} stays: {words}", self.0);
        }
    }
}

/// Removes the namespaces of processes that are no more.
pub(super) fn sweep() {
    for name in left() {
        let pid = name.trim_start_matches(PREFIX).split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            drop(Space(name));
        }
    }
}

/// The names of all namespaces of these tests.
pub(super) fn left() -> Vec<String> {
    let names = std::fs::read_dir(NAMES).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with(PREFIX)).collect()
}

fn ip(line: &str) -> Result<String, String> {
    run("ip", line, "")
}

/// Runs a command, whose words are parted by spaces, on an input; what it printed.
///
/// # Errors
/// What it said when it failed.
pub(super) fn run(program: &str, line: &str, input: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(line.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}; install its package"))?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("{program} {line}: {error}"))?;
    if output.status.success() && written.is_ok() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} {line}: {}", String::from_utf8_lossy(&output.stderr)))
}
