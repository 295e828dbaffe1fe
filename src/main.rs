//! The `weft` command.

// A node holds half as much with it as with that of glibc (`src/cli/allocator.rs`).
#[cfg(feature = "node")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    weft::cli::main()
}
