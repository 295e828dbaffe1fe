//! `weft device`: introducing devices to a network.

use super::api::{Api, read_key, say, stop_on_signals, with_session};
use super::{Failure, Output};
use crate::sensor::enrol::{self, DEFAULT_VALID_DAYS};
use crate::sensor::{ClientError, SessionError};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use weft_tangle::Role;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Enrol the holder of a key in a role
    Enrol(Enrol),
}

#[derive(Args, Debug)]
pub(super) struct Enrol {
    /// The device's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the device is; others than sensor, gateway and patient need a registrar
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES.map(Role::name)))]
    role: String,
    /// The key file of a registrar that admits the device
    #[arg(long, value_name = "FILE")]
    registrar: Option<PathBuf>,
    /// How many days from now the enrolment holds
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VALID_DAYS)]
    valid_days: u32,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

const ROLES: [Role; 6] =
    [Role::Sensor, Role::Gateway, Role::Patient, Role::Practitioner, Role::Fog, Role::Researcher];

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Enrol(arguments) = self;
        arguments.run()
    }
}

impl Enrol {
    fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let registrar = self.registrar.as_deref().map(read_key).transpose()?;
        // The parser lets no other name through.
        let role = ROLES.into_iter().find(|role| role.name() == self.role).unwrap_or(Role::Sensor);
        let stop = stop_on_signals()?;
        let client = self.api.client(stop.clone())?;
        let (sent, until) = with_session(client, &key, stop, say, |session| {
            let enrolment = enrol::enrolment(&key, role, session.time()?, self.valid_days)?;
            let until = enrolment.valid_until;
            let enrolment = enrol::admitted(enrolment, &session.terms().network, registrar.as_ref());
            Ok((enrol::send(session, &enrolment)?, until))
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
            ("role", json!(role.name())),
            ("valid_until", json!(until.as_millis())),
        ])
    }
}
