//! What glibc's allocator is told before a node starts: two arenas.
//!
//! By itself it gives each thread one, up to eight a core, and memory that was freed in one serves no other. The pages that
//! redb caches and drops come from all of them, so a node that used 100 MiB held 331 after 500,000 transactions; with two
//! arenas it stays at 230 (`benches/README.md`). The allocator reads its settings before `main`, hence the second start.

/// Where glibc looks. What an operator has set stays.
const SETTING: &str = "MALLOC_ARENA_MAX";

/// Starts this program again in this process, with the setting, unless it is there or another allocator is at work.
pub(super) fn few() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        let mut arguments = std::env::args_os();
        let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else { return };
        if std::env::var_os(SETTING).is_some() {
            return;
        }
        // It returns only when it fails; then the node runs, and needs more memory.
        let _error = std::process::Command::new(program).arg0(name).args(arguments).env(SETTING, "2").exec();
    }
}
