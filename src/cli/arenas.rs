//! What glibc's allocator is told before a node starts: two arenas, and large pieces in mappings of their own.
//!
//! By itself it gives each thread an arena, up to eight a core, and memory that was freed in one serves no other. The pages
//! that redb caches and drops come from all of them, so a node that used 100 MiB held 331 after 500,000 transactions, and
//! 270 with two arenas. What is larger than 128 KiB, as bodies of requests are, has a mapping of its own only until the
//! first of them is freed; from then on it comes from the arenas too, and what stays small among it keeps it there. Held to
//! mappings, a node stays under 200 MiB (`benches/README.md`). The allocator reads its settings before `main`, hence
//! the second start.

/// Where glibc looks, and what it shall find. What an operator has set stays.
const SETTINGS: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// Starts this program again in this process, with the settings, unless they are there or another allocator is at work.
pub(super) fn few() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
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
