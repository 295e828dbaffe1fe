//! `weft network`: making a network of fog nodes, and looking at one.

use super::admit::Admit;
use super::{Failure, Output};
use crate::config::{Config, Layer};
use crate::network_file::{NetworkFile, time_text};
use crate::node::bootstrap::{FIRST_PORT, Made, Plan};
use crate::node::{NETWORK_FILE, REGISTRAR_KEY};
use crate::sensor::system_now;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use weft_tangle::DeviceId;

/// Nodes of a new network that are each told a line; of more the rest is counted.
const NODES_TOLD: usize = 12;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Make a network: its file, its registrar's key, and a directory for each node to start from
    New(New),
    /// Show what a network is: id, registrars, committee, rules
    Show(Show),
    /// Admit a node or device, as its registrar
    Admit(Admit),
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::New(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Admit(arguments) => arguments.run(),
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct New {
    /// How many fog nodes; all are of the committee
    #[arg(long, value_name = "N")]
    nodes: usize,
    /// The directory to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The network's name for people [default: the directory's name]
    #[arg(long)]
    name: Option<String>,
    /// Where the nodes run: once for all, or once for each [default: 127.0.0.1]
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// API port of a host's first node; gossip takes the next port, and the next node ten more
    #[arg(long, value_name = "PORT", default_value_t = FIRST_PORT)]
    port: u16,
    /// Let sensors, gateways and patients enrol without the registrar
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    output: Output,
}

impl New {
    fn run(self) -> Result<(), Failure> {
        let directory = || self.out.file_name().map(|name| name.to_string_lossy().into_owned());
        let plan = Plan {
            name: self.name.clone().or_else(directory).unwrap_or_default(),
            created: system_now(),
            nodes: self.nodes,
            hosts: self.hosts.clone(),
            first_port: self.port,
            open: self.open,
        };
        let made = plan.make(&self.out)?;
        if !self.output.json {
            return self.output.text(&self.told(&made));
        }
        let nodes = made.nodes.iter().map(|node| {
            json!({
                "device": node.id.to_string(),
                "config": node.config.display().to_string(),
                "api": format!("http://{}", node.api),
                "gossip": node.address,
            })
        });
        self.output.object(&[
            ("network", json!(made.network.id().to_string())),
            ("name", json!(made.network.name())),
            ("network_file", json!(self.out.join(NETWORK_FILE).display().to_string())),
            ("registrar_key", json!(self.out.join(REGISTRAR_KEY).display().to_string())),
            ("nodes", nodes.collect::<Value>()),
        ])
    }

    fn told(&self, made: &Made) -> String {
        let (network, registrar) = (self.out.join(NETWORK_FILE), self.out.join(REGISTRAR_KEY));
        let mut lines = vec![
            format!("made the network {} ({})", made.network.id(), made.network.name()),
            format!("  {}  what all nodes share; not secret", network.display()),
            format!(
                "  {}  admits devices and further nodes; keep it secret, and off the nodes",
                registrar.display()
            ),
        ];
        let told = made.nodes.iter().take(NODES_TOLD);
        let rest = made.nodes.len().saturating_sub(NODES_TOLD);
        let rest = (rest > 0).then(|| format!("  and so on, {rest} more"));
        let place = told.clone().map(|node| {
            format!("  {}  API http://{}, gossip {}", node.config.display(), node.api, node.address)
        });
        lines.extend(place.chain(rest.clone()));
        if made.is_apart {
            lines.push(
                "next, move each node's directory, which holds its key, to its machine; and there:".into(),
            );
            lines.push("  weft node --config DIRECTORY/config.toml".into());
        } else {
            lines.push("next, each in a terminal of its own:".into());
            lines.extend(
                told.map(|node| format!("  weft node --config {}", node.config.display())).chain(rest),
            );
        }
        let admitted =
            if self.open { String::new() } else { format!(" --registrar {}", registrar.display()) };
        let api = made.nodes.first().map(|node| format!(" --api http://{}", node.api)).unwrap_or_default();
        lines.push("then, for a sensor:".into());
        lines.push("  weft key new sensor.key".into());
        lines.push(format!("  weft device enrol --key sensor.key --role sensor{admitted}{api}"));
        lines.push(format!("  weft sensor send --key sensor.key{api} hr=72"));
        lines.join("\n") + "\n"
    }
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The network file
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    network: Option<PathBuf>,
    /// A node's configuration, which names the network file [default: as for `weft node`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let path = match self.network {
            Some(path) => path,
            None => {
                let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
                let config = Config::load(self.config.as_deref(), variable, Layer::default())?;
                config.network.unwrap_or_else(|| config.data.join(NETWORK_FILE))
            }
        };
        let file = read(&path)?;
        if self.output.json { self.output.object(&described(&file)) } else { self.output.text(&told(&file)) }
    }
}

fn described(file: &NetworkFile) -> Vec<(&'static str, Value)> {
    let (network, size) = (&file.network, file.network.committee_size());
    let (difficulty, enrolment_difficulty) = network.rules().base_difficulties();
    let member =
        |(key, address): &(_, String)| json!({"device": DeviceId::of(key).to_string(), "address": address});
    vec![
        ("network", json!(network.id().to_string())),
        ("name", json!(network.name())),
        ("created", json!(network.created().as_millis())),
        ("genesis", json!(network.genesis().to_string())),
        ("registrars", network.registrars().map(|(id, _)| json!(id.to_string())).collect()),
        ("committee", file.addresses.iter().map(member).collect()),
        ("n", json!(size.members())),
        ("f", json!(size.faulty())),
        ("quorum", json!(size.quorum())),
        (
            "rules",
            json!({
                "epoch_ms": network.rules().epoch_ms(),
                "quota": network.rules().quota(),
                "difficulty": difficulty.bits(),
                "enrolment_difficulty": enrolment_difficulty.bits(),
                "open_enrolment": network.is_open(),
            }),
        ),
        (
            "finality",
            json!({
                "fastest_ms": file.pace.fastest_ms(),
                "slowest_ms": file.pace.slowest_ms(),
                "delta_ms": file.pace.delta_ms(),
            }),
        ),
    ]
}

fn told(file: &NetworkFile) -> String {
    let (network, size) = (&file.network, file.network.committee_size());
    let (rules, (difficulty, enrolment)) = (network.rules(), network.rules().base_difficulties());
    let enrolling = match network.is_open() {
        true => "open: sensors, gateways and patients by themselves, others by a registrar",
        false => "closed: by a registrar",
    };
    let mut text = format!(
        "id          {}\nname        {}\ncreated     {}\nenrolment   {enrolling}\n\
         rules       epochs of {} ms, {} transactions of a device in one before more work is asked, work of {} bits, \
         of an enrolment {}\n",
        network.id(),
        network.name(),
        time_text(network.created()),
        rules.epoch_ms(),
        rules.quota(),
        difficulty.bits(),
        if network.is_open() { enrolment.bits() } else { difficulty.bits() },
    );
    for (id, _) in network.registrars() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "registrar   {id}");
    }
    for (key, address) in &file.addresses {
        let _ = writeln!(text, "committee   {}  {address}", DeviceId::of(key));
    }
    let (n, f, quorum) = (size.members(), size.faulty(), size.quorum());
    let pace = &file.pace;
    let (fastest, slowest, delta) = (pace.fastest_ms(), pace.leisure_ms(size), pace.delta_ms());
    let _ = writeln!(
        text,
        "rounds      every {fastest} to {slowest} ms; a message between members takes {delta} ms at most"
    );
    let _ = writeln!(text, "quorum      {quorum} of n = {n}; up to f = {f} may fail or lie");
    text
}

pub(super) fn read(path: &Path) -> Result<NetworkFile, Failure> {
    NetworkFile::read(path).map_err(|source| Failure::NetworkFile { path: path.into(), source })
}
