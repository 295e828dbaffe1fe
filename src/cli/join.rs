//! `weft node join`: a further fog node, admitted by a registrar. The same command at each step does what is next.

use super::api::{Api, stop_on_signals};
use super::{Failure, Output};
use crate::node::CONFIG_FILE;
use crate::node::credential::{CREDENTIAL_FILE, Credential};
use crate::node::joining::{ADMISSION_FILE, JoinError, Newcomer, REQUEST_FILE, Wish};
use crate::sensor::admission::{Admission, AdmissionError, Request, fog_address};
use crate::sensor::enrol::DEFAULT_VALID_DAYS;
use crate::sensor::{Client, system_now};
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use weft_tangle::body::Address;

#[derive(Args, Debug)]
pub(super) struct Join {
    /// The node's data directory; made at the first step
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// First step: the network's file, of which the node takes a copy
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// First step: where other fog nodes reach this one for gossip
    #[arg(long, value_name = "HOST:PORT", value_parser = fog_address)]
    address: Option<Address>,
    /// First step: where the HTTP API is to listen
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8470")]
    api_listen: SocketAddr,
    /// How many days from now to ask for
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VALID_DAYS)]
    valid_days: u32,
    /// Ask anew: for a longer time, or with another --address
    #[arg(long)]
    renew: bool,
    /// Second step: the registrar's answer [default: admission.toml in the data directory]
    #[arg(long, value_name = "FILE")]
    admission: Option<PathBuf>,
    /// Second step: a running node that takes the enrolment now; without one the new node brings it along when it
    /// starts [default: $WEFT_API]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Join {
    pub(super) fn run(self) -> Result<(), Failure> {
        if !Newcomer::is_settled(&self.data) {
            let (Some(network), Some(address)) = (&self.network, &self.address) else {
                return Err(Failure::NotSettled { data: self.data });
            };
            let newcomer = Newcomer::settle(&self.data, network, self.api_listen, &self.wish(address))?;
            return self.asked(&newcomer, &newcomer.request()?);
        }
        let newcomer = Newcomer::open(&self.data)?;
        if self.renew {
            let address = match &self.address {
                Some(address) => Some(address.clone()),
                None => newcomer.request()?.enrolment.address,
            };
            let address = address.ok_or(Failure::NotSettled { data: self.data.clone() })?;
            return self.asked(&newcomer, &newcomer.ask_again(&self.wish(&address))?);
        }
        self.go_on(&newcomer)
    }

    fn wish(&self, address: &Address) -> Wish {
        Wish { address: address.clone(), days: self.valid_days, now: system_now() }
    }

    /// What is next: the answer becomes the credential, the credential is handed in, or the answer is waited for.
    fn go_on(&self, newcomer: &Newcomer) -> Result<(), Failure> {
        let known = newcomer.credential()?;
        if let Some((admission, path)) = self.answer()?
            && known.as_ref().is_none_or(|known| *known.enrolment() != admission.enrolment)
        {
            return self.accept(newcomer, &admission, &path);
        }
        match known {
            Some(credential) if credential.enrolment().valid_until <= system_now() => {
                let (device, until) = (newcomer.device(), credential.enrolment().valid_until);
                Err(Failure::CredentialExpired {
                    source: AdmissionError::Expired { device, until, now: system_now() },
                    data: self.data.clone(),
                })
            }
            Some(credential) => self.hand_in(&credential, self.client(newcomer)?.as_ref()),
            None => {
                let request = newcomer.request()?;
                if self
                    .address
                    .as_ref()
                    .is_some_and(|address| Some(address) != request.enrolment.address.as_ref())
                {
                    return Err(Failure::AskedOtherwise { data: self.data.clone() });
                }
                self.asked(newcomer, &request)
            }
        }
    }

    fn answer(&self) -> Result<Option<(Admission, PathBuf)>, Failure> {
        let path = match &self.admission {
            Some(path) => path.clone(),
            None => {
                let path = self.data.join(ADMISSION_FILE);
                if !path.exists() {
                    return Ok(None);
                }
                path
            }
        };
        Ok(Some((Admission::read(&path)?, path)))
    }

    fn accept(&self, newcomer: &Newcomer, admission: &Admission, path: &Path) -> Result<(), Failure> {
        let stop = stop_on_signals()?;
        let client = self.client(newcomer)?;
        let ticket = client.as_ref().map(|client| client.ticket(&newcomer.device(), 1)).transpose()?;
        let credential = newcomer.accept(admission, path, ticket, system_now(), &stop)?;
        self.hand_in(&credential, client.as_ref())
    }

    /// A client of the node that was named, which must be of the same network.
    fn client(&self, newcomer: &Newcomer) -> Result<Option<Client>, Failure> {
        let api = Api::of(self.api.clone());
        if !api.is_named() {
            return Ok(None);
        }
        let client = api.client(stop_on_signals()?)?;
        let (found, expected) = (client.network()?.network, *newcomer.network().id());
        if found == expected {
            return Ok(Some(client));
        }
        let path = PathBuf::from(client.url());
        Err(JoinError::from(AdmissionError::OtherNetwork { path, found, expected }).into())
    }

    fn hand_in(&self, credential: &Credential, client: Option<&Client>) -> Result<(), Failure> {
        let path = self.data.join(CREDENTIAL_FILE);
        let handed = client.map(|client| client.submit(credential.transaction().wire())).transpose();
        let handed = handed.map_err(|source| Failure::HandIn { path: path.clone(), source })?;
        let config = self.data.join(CONFIG_FILE);
        let mut members = vec![
            ("device", json!(credential.transaction().header().issuer.to_string())),
            ("valid_until", json!(credential.enrolment().valid_until.as_millis())),
            ("id", json!(credential.id().to_string())),
        ];
        members.extend(handed.map(|accepted| ("status", json!(accepted.status))));
        members.push(("credential", json!(path.display().to_string())));
        members.push(("config", json!(config.display().to_string())));
        self.output.object(&members)?;
        self.next(&format!("admitted; next:\n  weft node --config {}\n", config.display()))
    }

    fn asked(&self, newcomer: &Newcomer, request: &Request) -> Result<(), Failure> {
        let path = self.data.join(REQUEST_FILE);
        let address = request.enrolment.address.as_ref().map_or("", Address::as_str);
        self.output.object(&[
            ("device", json!(newcomer.device().to_string())),
            ("network", json!(newcomer.network().id().to_string())),
            ("address", json!(address)),
            ("valid_until", json!(request.enrolment.valid_until.as_millis())),
            ("request", json!(path.display().to_string())),
        ])?;
        let data = self.data.display();
        self.next(&format!(
            "next:\n  1. Send {} to a registrar of the network, and read the device id to them, who run\n       \
             weft network admit {REQUEST_FILE} --key registrar.key\n  \
             2. Put the {ADMISSION_FILE} that comes back into {data}, and run\n       weft node join --data {data}\n",
            path.display(),
        ))
    }

    /// What a person does next; a program knows.
    fn next(&self, text: &str) -> Result<(), Failure> {
        if self.output.json { Ok(()) } else { self.output.text(text) }
    }
}
