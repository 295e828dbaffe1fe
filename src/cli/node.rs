//! `weft node` and `weft config check`.

use super::Failure;
use super::join::Join;
use crate::config::{ApiLayer, Config, ConfigError, GossipLayer, Layer, LogLayer};
use crate::network_file::{NetworkFile, time_text};
use crate::node::{Home, Node, REGISTRAR_KEY};
use crate::runtime::{ShutdownSignals, block_on};
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where else the settings may stand.
const SETTINGS: &str = "Settings may also stand in the configuration file or in WEFT_NETWORK, WEFT_DATA, \
    WEFT_API_LISTEN, WEFT_GOSSIP_LISTEN, WEFT_GOSSIP_PEERS, WEFT_GOSSIP_BANDWIDTH_KIB, WEFT_STORAGE_CACHE_MIB, \
    WEFT_STORAGE_SCRUB_KIB, WEFT_LOG_LEVEL and WEFT_LOG_STAGES. Flags win over variables, \
    variables over the file; `weft config check` prints what is in force.";

/// `weft node`, or what stands behind it.
#[derive(Args, Debug)]
#[command(after_help = SETTINGS, args_conflicts_with_subcommands = true)]
pub(super) struct NodeLine {
    #[command(subcommand)]
    command: Option<NodeCommand>,
    #[command(flatten)]
    start: NodeArgs,
}

#[derive(Subcommand, Debug)]
enum NodeCommand {
    /// Prepare a further node of a network, which a registrar admits
    Join(Join),
}

impl NodeLine {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Some(NodeCommand::Join(join)) => join.run(),
            None => self.start.run(),
        }
    }
}

/// What a node is started with; everything has a default.
#[derive(Args, Debug, Default)]
pub(super) struct NodeArgs {
    /// Configuration file (TOML); also WEFT_CONFIG
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Network file; without one the node makes a private network of one
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Directory of the database and the keys [default: weft-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the HTTP API listens [default: 127.0.0.1:8470]
    #[arg(long, value_name = "IP:PORT")]
    api_listen: Option<String>,
    /// Where gossip listens [default: 127.0.0.1:8471]
    #[arg(long, value_name = "IP:PORT")]
    gossip_listen: Option<String>,
    /// What is logged on standard error: off, error, warn, info, debug or trace [default: warn]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
}

/// Look at the configuration
#[derive(Subcommand, Debug)]
pub(super) enum ConfigCommand {
    /// Print what is in force, as TOML; a network file that is named must be one
    #[command(after_help = SETTINGS)]
    Check(NodeArgs),
}

impl ConfigCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(arguments) => {
                let config = arguments.load()?;
                if let Some(path) = &config.network {
                    let wrong = |source| Failure::NetworkFile { path: path.clone(), source };
                    NetworkFile::read(path).map_err(wrong)?;
                }
                print(&config.to_toml())
            }
        }
    }
}

impl NodeArgs {
    /// Serves until SIGINT or SIGTERM.
    pub(super) fn run(self) -> Result<(), Failure> {
        super::allocator::give_back_soon();
        #[cfg(target_os = "linux")]
        super::turns::let_each_finish();
        let config = self.load()?;
        start_log(&config);
        let mut signals = ShutdownSignals::listen().map_err(Failure::Signals)?;
        let node = Node::start(&config)?;
        print(&greeting(&config, &node))?;
        warn_of_strangers(&node);
        warn_unless_admitted(node.home());
        block_on(node.run(async move { signals.next().await }));
        print("stopped; everything that was acknowledged is on disk\n")
    }

    /// The configuration that is in force with these arguments and this environment.
    fn load(self) -> Result<Config, ConfigError> {
        let flags = Layer {
            data: self.data,
            network: self.network,
            api: ApiLayer { listen: self.api_listen },
            gossip: GossipLayer { listen: self.gossip_listen, ..GossipLayer::default() },
            log: LogLayer { level: self.log, ..LogLayer::default() },
            ..Layer::default()
        };
        // An empty variable is what a shell script leaves of one that is not set.
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Config::load(self.config.as_deref(), variable, flags)
    }
}

/// Logs to standard error from now on.
pub(super) fn start_log(config: &Config) {
    let stderr = std::io::stderr;
    // Colours are for a person who wants them; in a file they are noise.
    let is_colourful =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(config.log).with_ansi(is_colourful).with_writer(stderr);
    if subscriber.try_init().is_err() {
        tracing::debug!("the log was started before");
    }
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
}

fn greeting(config: &Config, node: &Node) -> String {
    let home = node.home();
    let api = from_here(node.api_address());
    let mut lines = vec![
        format!(
            "weft {} serves network {} ({})",
            env!("CARGO_PKG_VERSION"),
            home.network.id(),
            home.network.name()
        ),
        format!("  node     {}", home.node),
        format!("  data     {}", config.data.display()),
        format!("  API      http://{api}/api/v1/network"),
        format!("  metrics  http://{api}/metrics"),
    ];
    lines.extend(
        home.private.as_ref().filter(|_| home.is_new).map(|path| explain_private_network(home, path, &api)),
    );
    lines.join("\n") + "\n"
}

/// An address that commands on this machine can use: one that stands for all interfaces is none to connect to.
fn from_here(mut api: SocketAddr) -> SocketAddr {
    if api.ip().is_unspecified() {
        api.set_ip(if api.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    api
}

fn explain_private_network(home: &Home, path: &Path, api: &SocketAddr) -> String {
    let registrar = path.with_file_name(REGISTRAR_KEY);
    let admitted = match home.network.is_open() {
        true => String::new(),
        false => format!(" --registrar {}", registrar.display()),
    };
    [
        format!("made a private network of one: {}", path.display()),
        "next, in another terminal:".into(),
        "  weft key new sensor.key".into(),
        format!("  weft device enrol --key sensor.key --role sensor{admitted} --api http://{api}"),
        format!("  weft sensor send --key sensor.key --api http://{api} hr=72"),
    ]
    .join("\n")
}

pub(super) fn warn_of_strangers(node: &Node) {
    let api = node.api_address();
    if api.ip().is_loopback() {
        return;
    }
    tracing::warn!(
        "the API listens on {api}, beyond this machine, and readings are not sealed yet: whoever reaches it can read them"
    );
    if node.home().network.is_open() {
        tracing::warn!("enrolment is open: whoever reaches {api} can enrol devices");
    }
}

fn warn_unless_admitted(home: &Home) {
    let now = crate::node::now();
    let until = home.credential.as_ref().map(|credential| credential.enrolment().valid_until);
    match until {
        _ if home.network.standing(&home.node).is_some() => {}
        Some(until) if until > now => {}
        Some(until) => tracing::warn!(
            "this node was admitted until {}; ask for another admission with `weft node join --renew`",
            time_text(until)
        ),
        None => tracing::warn!(
            "no registrar has admitted this node to the network, so others will not speak to it; see `weft node join`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn help_names_every_variable_that_is_read() {
        let read = RefCell::new(Vec::new());
        let variable = |name: &str| {
            read.borrow_mut().push(name.to_owned());
            None
        };
        Config::load(None, variable, Layer::default()).unwrap();
        let read = read.into_inner();
        assert!(read.len() > 8, "{read:?}");
        let missing: Vec<_> =
            read.iter().filter(|name| **name != "WEFT_CONFIG" && !SETTINGS.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
