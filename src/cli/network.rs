//! `weft network`: making a network of fog nodes, looking at one, and admitting to it.

use super::api::read_key;
use super::node::print;
use super::{Failure, Output};
use crate::config::{Config, Layer};
use crate::network_file::{NetworkFile, parse_time, time_text};
use crate::node::bootstrap::{FIRST_PORT, Made, Plan};
use crate::node::joining::{ADMISSION_FILE, REQUEST_FILE};
use crate::node::{NETWORK_FILE, REGISTRAR_KEY};
use crate::sensor::admission::Request;
use crate::sensor::durable::create_new_public;
use crate::sensor::system_now;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use weft_tangle::{DeviceId, Role, Timestamp};

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
    let _ = writeln!(text, "quorum      {quorum} of n = {n}; up to f = {f} may fail or lie");
    text
}

#[derive(Args, Debug)]
pub(super) struct Admit {
    /// The request, as `weft node join` or `weft device request` wrote it
    request: PathBuf,
    /// The key file of a registrar of the network
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The network file [default: network.toml beside the key]
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Until when, in RFC 3339 or as a date (UTC) [default: as the request wishes]
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// The admission to write [default: beside the request]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Admit {
    fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let file = read(&self.network.clone().unwrap_or_else(|| self.key.with_file_name(NETWORK_FILE)))?;
        let request = Request::read(&self.request)?;
        let admission =
            request.admitted_by(key.key(), &file.network, self.until, system_now(), &self.request)?;
        let out = self.out.clone().unwrap_or_else(|| admission_path(&self.request));
        let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let next = match admission.enrolment.role {
            Role::Fog => format!("weft node join --data DIR --admission {name}"),
            _ => format!("weft device enrol --key KEY_FILE --admission {name}"),
        };
        let text = admission.to_toml(&next);
        create_new_public(&out, text.as_bytes())
            .map_err(|source| Failure::Write { path: out.clone(), source })?;
        let enrolment = &admission.enrolment;
        let mut members = vec![("device", json!(admission.device().to_string()))];
        members.push(("role", json!(enrolment.role.name())));
        members.extend(enrolment.address.as_ref().map(|address| ("address", json!(address.as_str()))));
        members.push(("valid_until", json!(enrolment.valid_until.as_millis())));
        members.push(("admission", json!(out.display().to_string())));
        self.output.object(&members)?;
        if self.output.json {
            return Ok(());
        }
        print(&format!(
            "next: send {} back; who asked puts it beside the node or key, and runs\n  {next}\n",
            out.display()
        ))
    }
}

/// `admission-request.toml` becomes `admission.toml`, `a.request.toml` `a.admission.toml`.
fn admission_path(request: &Path) -> PathBuf {
    let name = request.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name == REQUEST_FILE {
        return request.with_file_name(ADMISSION_FILE);
    }
    let stem = name.strip_suffix(".request.toml").unwrap_or(&name);
    request.with_file_name(format!("{stem}.{ADMISSION_FILE}"))
}

fn read(path: &Path) -> Result<NetworkFile, Failure> {
    NetworkFile::read(path).map_err(|source| Failure::NetworkFile { path: path.into(), source })
}

fn time(text: &str) -> Result<Timestamp, String> {
    let time = parse_time(text).or_else(|| parse_time(&format!("{text}T00:00:00Z")));
    time.ok_or_else(|| "write a date such as 2030-12-31, or an RFC 3339 time".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admission_lies_beside_its_request() {
        for (request, admission) in [
            ("d/admission-request.toml", "d/admission.toml"),
            ("d/a.key.request.toml", "d/a.key.admission.toml"),
            ("b", "b.admission.toml"),
        ] {
            assert_eq!(admission_path(Path::new(request)), Path::new(admission));
        }
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(time("1970-01-02").unwrap().as_millis(), 86_400_000);
        assert_eq!(time("1970-01-02T00:00:01+00:00").unwrap().as_millis(), 86_401_000);
        assert!(time("tomorrow").is_err());
    }
}
