//! Tests on real processes that take their time. They run with `--features slow-tests`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is test code, also outside test functions")]

#[path = "../it/chain.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod chain;

#[path = "../it/cluster.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod cluster;

#[path = "../it/support.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod support;

mod crash;
mod finality;
mod full;
mod gossip;
mod hostile;
mod namespaces;
mod overload;
mod recordings;

/// Says that a test cannot run on this system. `WEFT_NO_SKIPS` says that it can: then this is a failure.
fn skip(why: &str) {
    assert!(std::env::var_os("WEFT_NO_SKIPS").is_none(), "nothing may be skipped here: {why}");
    println!("SKIPPED, {why}");
}
