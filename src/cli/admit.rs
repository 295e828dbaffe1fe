//! `weft network admit`: what a registrar does with a request for admission.

use super::api::read_key;
use super::{Failure, Output, network};
use crate::network_file::parse_time;
use crate::node::NETWORK_FILE;
use crate::node::joining::{ADMISSION_FILE, REQUEST_FILE};
use crate::sensor::admission::Request;
use crate::sensor::durable::create_new_public;
use crate::sensor::system_now;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use weft_tangle::{Role, Timestamp};

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
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let file =
            network::read(&self.network.clone().unwrap_or_else(|| self.key.with_file_name(NETWORK_FILE)))?;
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
        self.output.text(&format!(
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
