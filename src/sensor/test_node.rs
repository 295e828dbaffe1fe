//! A node for tests: a real server that checks what it is sent with the ledger's own checks, and can misbehave.

use super::client::scripted::{Seen, json, serve};
use super::{Client, KeyFile, Patience, Stop, system_now};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weft_tangle::check::Screened;
use weft_tangle::{Issuer, Kind, Network, NetworkParts, Rules, Timestamp, Transaction, TxId, Verified};

/// What the node does with a transaction instead of answering for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// 503, nothing taken.
    Busy,
    /// Takes it and drops the connection.
    LoseAnswer,
    /// 422 `parents`.
    Stale,
    /// Answers for another one.
    OtherId,
}

/// What the node has seen.
pub(super) struct Seat {
    pub(super) network: Network,
    pub(super) taken: Vec<Transaction>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) tickets: usize,
    issuer: Option<Issuer>,
}

/// A running node, its device's key, and a directory for both.
pub(super) struct TestNode {
    pub(super) seat: Arc<Mutex<Seat>>,
    pub(super) directory: tempfile::TempDir,
    pub(super) key: KeyFile,
    url: String,
}

impl TestNode {
    pub(super) fn start(epoch_ms: u64, faults: &[Fault]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyFile::create(&directory.path().join("sensor.key")).unwrap();
        let fog = KeyFile::create(&directory.path().join("fog.key")).unwrap();
        let network = Network::new(NetworkParts {
            name: "ward".into(),
            created: Timestamp::from_millis(1_600_000_000_000),
            open_enrolment: true,
            rules: Rules::new(epoch_ms, 600, 2, 3).unwrap(),
            registrars: vec![],
            committee: vec![fog.key().public_key().clone()],
        });
        let faults = faults.iter().copied().collect();
        let seat = Seat {
            network: network.unwrap(),
            taken: vec![],
            bodies: vec![],
            faults,
            tickets: 0,
            issuer: None,
        };
        let seat = Arc::new(Mutex::new(seat));
        let served = seat.clone();
        let (url, seen) = serve(Box::new(move |seen| served.lock().unwrap().answer(seen)));
        // The requests are kept in the seat; what is sent here only has to be received.
        std::thread::spawn(move || seen.iter().count());
        Self { seat, directory, key, url }
    }

    pub(super) fn client(&self) -> Client {
        let patience = Patience {
            attempts: 5,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(5),
        };
        Client::new(&self.url, patience, Stop::default()).unwrap()
    }
}

impl Seat {
    fn answer(&mut self, seen: &Seen) -> Option<Vec<u8>> {
        let path = seen.line.split(' ').nth(1).unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/api/v1/network" => json("200 OK", "", &self.network_json()),
            "/api/v1/ticket" => {
                self.tickets += 1;
                let count = path.rsplit('=').next().unwrap().parse().unwrap();
                json("200 OK", "", &self.ticket(count))
            }
            "/api/v1/transactions" => self.take(&seen.body),
            _ => json("404 Not Found", "", "{}"),
        }
    }

    fn take(&mut self, wire: &[u8]) -> Option<Vec<u8>> {
        self.bodies.push(wire.to_vec());
        let fault = self.faults.pop_front();
        match fault {
            Some(Fault::Busy) => return problem("503 Service Unavailable", "overloaded", "busy"),
            Some(Fault::Stale) => return problem("422 Unprocessable Content", "parents", "unknown"),
            _ => {}
        }
        match self.check(wire) {
            Err(error) => problem("422 Unprocessable Content", "malformed", &error),
            Ok((id, known)) => {
                let id = if matches!(fault, Some(Fault::OtherId)) { self.network.genesis() } else { id };
                let body = format!(r#"{{"id":"{id}","status":"attached"}}"#);
                let answer = json(if known { "200 OK" } else { "201 Created" }, "", &body);
                answer.filter(|_| !matches!(fault, Some(Fault::LoseAnswer)))
            }
        }
    }

    fn check(&mut self, wire: &[u8]) -> Result<(TxId, bool), String> {
        let text = |error: weft_tangle::Refusal| error.to_string();
        let transaction = Transaction::decode(&self.network, wire).map_err(text)?;
        let screened = Screened::check(&self.network, transaction.clone()).map_err(text)?;
        if transaction.header().kind == Kind::Enrol {
            let verified = Verified::check_enrolment(&self.network, screened).map_err(text)?;
            let enrolment = verified.enrolment().unwrap();
            self.issuer = Some(Issuer::new(&enrolment.public_key, vec![enrolment.standing()]).unwrap());
        } else {
            let issuer = self.issuer.as_ref().ok_or("nobody is enrolled")?;
            Verified::check(&self.network, screened, issuer).map_err(text)?;
            crate::content::check(transaction.header().content_format, transaction.content())
                .map_err(|error| error.to_string())?;
        }
        let known = self.taken.iter().any(|taken| taken.id() == transaction.id());
        let id = transaction.id();
        if !known {
            self.taken.push(transaction);
        }
        Ok((id, known))
    }

    fn network_json(&self) -> String {
        let rules = self.network.rules();
        let (difficulty, enrolment_difficulty) = rules.base_difficulties();
        serde_json::json!({
            "network": self.network.id().to_string(),
            "name": self.network.name(),
            "version": "0.1.0",
            "node": "0".repeat(52),
            "time": system_now().as_millis(),
            "tips": 1, "transactions": 1, "finalised": 0, "commit": null, "peers": [],
            "genesis": self.network.genesis().to_string(),
            "rules": {
                "epoch_ms": rules.epoch_ms(), "quota": rules.quota(), "difficulty": difficulty.bits(),
                "enrolment_difficulty": enrolment_difficulty.bits(), "open_enrolment": true,
            },
        })
        .to_string()
    }

    fn ticket(&self, count: usize) -> String {
        let now = system_now();
        let genesis = self.network.genesis();
        let newest = self.taken.last().map_or(genesis, Transaction::id);
        serde_json::json!({
            "network": self.network.id().to_string(),
            "time": now.as_millis(),
            "epoch": self.network.rules().epoch(now).0,
            "counter": 0, "difficulty": 2, "enrolment_difficulty": 3,
            "parents": vec![[genesis.to_string(), newest.to_string()]; count],
        })
        .to_string()
    }
}

fn problem(status: &str, slug: &str, detail: &str) -> Option<Vec<u8>> {
    let body = serde_json::json!({ "type": format!("urn:weft:problem:{slug}"), "detail": detail });
    json(status, "", &body.to_string())
}
