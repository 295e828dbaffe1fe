//! `weft device`: introducing devices to a network.

use super::api::{Api, read_key, say, stop_on_signals, with_session};
use super::{Failure, Output};
use crate::sensor::admission::{self, Admission};
use crate::sensor::durable::{beside, create_new_public};
use crate::sensor::enrol::{self, DEFAULT_VALID_DAYS};
use crate::sensor::{ClientError, SessionError};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use weft_tangle::{Role, Timestamp};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Enrol the holder of a key in a role
    Enrol(Enrol),
    /// Write a request to be admitted, for a registrar who sits elsewhere
    Request(Request),
}

#[derive(Args, Debug)]
pub(super) struct Enrol {
    /// The device's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the device is; others than sensor, gateway and patient need a registrar
    #[arg(long, value_parser = role_parser(), required_unless_present = "admission")]
    role: Option<Role>,
    /// The key file of a registrar that admits the device
    #[arg(long, value_name = "FILE")]
    registrar: Option<PathBuf>,
    /// A registrar's answer to `weft device request`, which says role and time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["role", "registrar", "valid_days"])]
    admission: Option<PathBuf>,
    /// How many days from now the enrolment holds
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VALID_DAYS)]
    valid_days: u32,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

#[derive(Args, Debug)]
pub(super) struct Request {
    /// The device's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the device wants to be; a fog node asks with `weft node join`
    #[arg(long, value_parser = role_parser())]
    role: Role,
    /// How many days from now the enrolment is to hold
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VALID_DAYS)]
    valid_days: u32,
    /// The request to write [default: the key's name with .request.toml]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

fn role_parser() -> impl TypedValueParser<Value = Role> {
    // The parser of names lets no other through.
    PossibleValuesParser::new(Role::ALL.map(Role::name))
        .map(|name| Role::from_name(&name).unwrap_or(Role::Sensor))
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Enrol(arguments) => arguments.run(),
            Self::Request(arguments) => arguments.run(),
        }
    }
}

impl Enrol {
    fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let registrar = self.registrar.as_deref().map(read_key).transpose()?;
        let admission =
            self.admission.as_deref().map(|path| Ok::<_, Failure>((Admission::read(path)?, path)));
        let admission = admission.transpose()?;
        let stop = stop_on_signals()?;
        let client = self.api.client(stop.clone())?;
        let (sent, enrolment) = with_session(client, &key, stop, say, |session| {
            let network = session.terms().network;
            let enrolment = match (&admission, self.role) {
                (Some((admission, path)), _) => admission.check_place(&network, &key.device(), path)?.clone(),
                (None, role) => {
                    let role = role.unwrap_or(Role::Sensor);
                    let enrolment = enrol::enrolment(&key, role, session.time()?, self.valid_days)?;
                    enrol::admitted(enrolment, &network, registrar.as_ref())
                }
            };
            Ok((enrol::send(session, &enrolment)?, enrolment))
        })
        .map_err(|failure| match failure {
            Failure::Session(SessionError::Client(ClientError::Problem(problem)))
                if problem.slug() == "role" && registrar.is_none() =>
            {
                Failure::NoRegistrar(problem)
            }
            other => other,
        })?;
        self.output.object(&[
            ("id", json!(sent.id.to_string())),
            ("status", json!(sent.status)),
            ("device", json!(key.device().to_string())),
            ("role", json!(enrolment.role.name())),
            ("valid_until", json!(enrolment.valid_until.as_millis())),
        ])
    }
}

impl Request {
    fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let info = self.api.client(stop_on_signals()?)?.network()?;
        let enrolment =
            enrol::enrolment(&key, self.role, Timestamp::from_millis(info.time), self.valid_days)?;
        let request = admission::Request { network: info.network, enrolment };
        let out = self.out.unwrap_or_else(|| beside(&self.key, ".request.toml"));
        create_new_public(&out, request.to_toml().as_bytes())
            .map_err(|source| Failure::Write { path: out.clone(), source })?;
        self.output.object(&[
            ("device", json!(key.device().to_string())),
            ("network", json!(info.network.to_string())),
            ("role", json!(self.role.name())),
            ("valid_until", json!(request.enrolment.valid_until.as_millis())),
            ("request", json!(out.display().to_string())),
        ])?;
        if self.output.json {
            return Ok(());
        }
        self.output.text(&format!(
            "next:\n  1. Send {} to a registrar of the network, and read the device id to them, who run\n       \
             weft network admit FILE --key registrar.key\n  2. With the admission that comes back\n       \
             weft device enrol --key {} --admission FILE\n",
            out.display(),
            self.key.display(),
        ))
    }
}
