//! The `weft` command line: one file a group of commands.
//!
//! Always true: standard output carries results alone, standard error messages. The exit code is 0 when what was asked
//! for is done, 1 when it was refused or failed, 2 when the command line itself is wrong or, of a check, when it could not
//! be made.

#[cfg(feature = "node")]
mod admit;
#[cfg(feature = "node")]
mod allocator;
mod api;
mod commits;
#[cfg(feature = "node")]
mod db;
#[cfg(feature = "node")]
mod demo;
mod device;
mod events;
mod failure;
#[cfg(feature = "node")]
mod join;
mod key;
mod load;
#[cfg(feature = "node")]
mod network;
#[cfg(feature = "node")]
mod node;
mod output;
mod peers;
mod progress;
mod replay;
mod sensor;
mod show;
#[cfg(feature = "simulate")]
mod simulate;
#[cfg(all(feature = "node", target_os = "linux"))]
mod turns;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[cfg(feature = "node")]
pub use db::DbError;
pub use failure::Failure;
pub use output::{Output, message};

/// A ledger for medical sensors without blocks.
#[derive(Parser, Debug)]
#[command(name = "weft", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Watch vital signs become transactions of the tangle
    #[cfg(feature = "node")]
    Demo(demo::Demo),
    /// Run a fog node
    #[cfg(feature = "node")]
    Node(node::NodeLine),
    /// Look at the node's configuration
    #[cfg(feature = "node")]
    #[command(subcommand)]
    Config(node::ConfigCommand),
    /// Make networks of fog nodes, look at them, admit to them
    #[cfg(feature = "node")]
    #[command(subcommand)]
    Network(network::Command),
    /// Check, back up, restore and compact a node's database
    #[cfg(feature = "node")]
    #[command(subcommand)]
    Db(db::Command),
    /// Make and look at keys
    #[command(subcommand)]
    Key(key::Command),
    /// Introduce devices to a network, before they send
    #[command(subcommand)]
    Device(device::Command),
    /// Send readings as a sensor does
    #[command(subcommand)]
    Sensor(sensor::Command),
    /// Simulate networks that fail, from a scenario and seeds
    #[cfg(feature = "simulate")]
    Simulate(simulate::Simulate),
    /// Show how a node stands with the other fog nodes
    Peers(peers::Peers),
    /// Show what a node has made final together
    Commits(commits::Commits),
    /// Follow what happens at a node
    Events(events::Events),
    /// Show a transaction
    Show(show::Show),
    /// Show the parents that a ticket would give now
    Tips(show::Tips),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        #[cfg(feature = "node")]
        Command::Demo(arguments) => arguments.run(),
        #[cfg(feature = "node")]
        Command::Node(arguments) => arguments.run(),
        #[cfg(feature = "node")]
        Command::Config(command) => command.run(),
        #[cfg(feature = "node")]
        Command::Network(command) => command.run(),
        #[cfg(feature = "node")]
        Command::Db(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Device(command) => command.run(),
        Command::Sensor(command) => command.run(),
        #[cfg(feature = "simulate")]
        Command::Simulate(arguments) => arguments.run(),
        Command::Peers(command) => command.run(),
        Command::Commits(command) => command.run(),
        Command::Events(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Tips(command) => command.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                message(&format!("weft: {failure}"));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

#[cfg(test)]
mod tests;
