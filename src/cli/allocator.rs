//! What the allocator is told before a node starts: to give back soon what is free, page by page.
//!
//! glibc's kept what was freed among what stays, so a node that used 100 MiB held 250 with the best settings; mimalloc by itself
//! gives back whole huge pages alone, and those seconds later. So told, a node that has taken 200,000 transactions holds half of
//! that (`benches/README.md`). The allocator reads its settings before `main`, hence the second start.

/// Where mimalloc looks, and what it shall find. What an operator has set stays.
const SETTINGS: [(&str, &str); 2] = [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "100")];

/// Starts this program again in this process, with the settings, unless they are there.
pub(super) fn give_back_soon() {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let mut arguments = std::env::args_os();
        let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else { return };
        let missing = SETTINGS.into_iter().filter(|(setting, _)| std::env::var_os(setting).is_none());
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return;
        }
        // It returns only when it fails; then the node runs, and needs more memory.
        let _error = std::process::Command::new(program).arg0(name).args(arguments).envs(missing).exec();
    }
}
