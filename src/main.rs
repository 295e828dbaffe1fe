//! The `weft` command.

/// A node's memory stays what it holds: redb's pages come and go by the thousand in many sizes and on several threads, and
/// glibc's allocator keeps twice of it (`benches/README.md`).
#[cfg(feature = "node")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    weft::cli::main()
}
