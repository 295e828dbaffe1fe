//! `weft sensor load` as a process of its own: the same devices in every round, going on from their state files.

use crate::support::WEFT;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// Devices that send at once, a connection each.
pub(super) const DEVICES: usize = 64;

/// More transactions than a round can take.
const COUNT: &str = "1000000";

/// The longest until the first acknowledgement: all devices enrol in the first round.
const FIRST_WITHIN: Duration = Duration::from_secs(60);

/// A running load.
pub(crate) struct Load {
    child: Child,
    ids: PathBuf,
}

impl Load {
    pub(crate) fn start(url: &str, directory: &Path, round: u64, batch: usize) -> Self {
        let arguments = ["--devices", &DEVICES.to_string(), "--batch", &batch.to_string()];
        Self::start_with(url, directory, round, &arguments)
    }

    /// A load of so many devices and what else these arguments say.
    pub(crate) fn start_with(url: &str, directory: &Path, round: u64, arguments: &[&str]) -> Self {
        let ids = directory.join(format!("ids-{round}"));
        let mut command = Command::new(WEFT);
        command.args(["sensor", "load", "--json", "--count", COUNT, "--api", url]).args(arguments);
        command.arg("--ids").arg(&ids).arg("--data").arg(directory.join("devices"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, ids }
    }

    /// Waits until an acknowledgement is written down.
    pub(crate) fn wait_for_first(&mut self) {
        let begin = Instant::now();
        while std::fs::metadata(&self.ids).map_or(0, |file| file.len()) == 0 {
            assert!(begin.elapsed() < FIRST_WITHIN, "nothing is acknowledged within {FIRST_WITHIN:?}");
            assert_eq!(
                self.child.try_wait().unwrap(),
                None,
                "the load ended before anything was acknowledged"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `kill -9`; what was acknowledged.
    pub(crate) fn kill(mut self) -> Vec<TxId> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        written(&self.ids)
    }

    /// SIGTERM; what was acknowledged. Nothing that an honest device sent may have been refused.
    pub(crate) fn stop(self) -> Vec<TxId> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let Output { stdout, stderr, .. } = self.child.wait_with_output().unwrap();
        let ids = written(&self.ids);
        if ids.is_empty() && stdout.is_empty() {
            // It had not begun to send, and has no report.
            return ids;
        }
        let report: Value = serde_json::from_slice(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
        assert_eq!(report["refused"], 0, "{report}");
        assert_eq!(report["accepted"], ids.len(), "{report}");
        ids
    }
}

/// The ids in a file. The last line may have been cut off by a kill.
fn written(path: &Path) -> Vec<TxId> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.unwrap(),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(|line| line.parse().unwrap()).collect()
}
