//! `weft demo`: three nodes, devices that enrol, and recordings that become transactions of the tangle while one watches.
//!
//! The devices speak to the nodes through their HTTP APIs, and the nodes to each other over QUIC, as real ones do; nothing
//! is shared but the process.

mod finals;
mod ward;

use super::api::{stop_on_signals, with_session};
use super::node::{print, start_log, warn_of_strangers};
use super::{Failure, message};
use crate::config::{Config, Layer};
use crate::node::{Node, REGISTRAR_KEY};
use crate::recording::{Options, Recording, RecordingError, Sample, synthetic};
use crate::runtime::{block_on, sleep};
use crate::sensor::enrol::{self, DEFAULT_VALID_DAYS};
use crate::sensor::replay::{self, Plan, Speed, Summary};
use crate::sensor::{Client, ClientError, KeyFile, Patience, Sent, State, Stop, Survey};
use clap::Args;
use finals::Finals;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ward::{Agreed, NODES, Stores, Ward};
use weft_tangle::{DeviceId, Role};

/// How often the node looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Args, Debug)]
pub(super) struct Demo {
    /// A CSV recording with a time column; without one the demo makes three small ones and calls them synthetic
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// How many times as fast as it was recorded; 0 or max: as fast as possible
    #[arg(long, value_name = "X", default_value = "1")]
    speed: Speed,
    /// Seconds of the synthetic recordings
    #[arg(long, value_name = "S", default_value_t = 120)]
    seconds: u32,
    /// Directory of the nodes' databases and the devices' keys; it is kept
    #[arg(long, value_name = "DIR", default_value = "weft-demo")]
    data: PathBuf,
    /// Where the first node's HTTP API listens, the others' ten ports above each; if one is taken, any free port
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8470")]
    api_listen: SocketAddr,
    /// End when the recordings end, instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
}

/// A device of the demo and what it measures.
struct Monitor {
    name: &'static str,
    csv: Vec<u8>,
    survey: Survey,
}

impl Monitor {
    /// Fails when the recording cannot be replayed, before anything is started.
    fn new(name: &'static str, csv: Vec<u8>) -> Result<Self, Failure> {
        let survey = Survey::of(open(&csv)?, &BTreeMap::new())?;
        Ok(Self { name, csv, survey })
    }
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        #[cfg(target_os = "linux")]
        super::turns::let_each_finish();
        let monitors = self.monitors()?;
        start_log(&Config::load(None, |_| None, Layer::default())?);
        let stop = stop_on_signals()?;
        let ward = Ward::open(&self.data, self.api_listen)?;
        ward.nodes.iter().for_each(warn_of_strangers);
        let (urls, stores) = (ward.urls(), ward.stores());
        print(&self.greeting(&urls))?;
        let node_stop = Stop::default();
        std::thread::scope(|scope| {
            let serve = |node| scope.spawn(|| block_on(Node::run(node, raised(&node_stop))));
            let serving: Vec<_> = ward.nodes.into_iter().map(serve).collect();
            let finals = Finals::default();
            let (heard, ended, stop) = (&finals, &node_stop, &stop);
            let shown = std::thread::scope(|scope| {
                let mut listening = Vec::new();
                for url in &urls {
                    listening
                        .push(scope.spawn(move || heard.listen(url, ended).inspect_err(|_| stop.raise())));
                }
                let shown = self.show(&monitors, &urls, &finals, stop);
                let shown = shown.and_then(|()| self.end(&stores, &finals, stop));
                drop(stores);
                node_stop.raise();
                let heard =
                    listening.into_iter().map(|node| node.join().unwrap_or(Err(ClientError::Stopped)));
                shown.and(heard.collect::<Result<(), _>>().map_err(Failure::from))
            });
            for node in serving {
                if node.join().is_err() {
                    tracing::error!("a node has panicked");
                }
            }
            shown
        })?;
        print(&format!("stopped; everything is kept in {}\n", self.data.display()))
    }

    /// The recordings have ended, or all was stopped.
    fn end(&self, stores: &Stores, finals: &Finals, stop: &Stop) -> Result<(), Failure> {
        if stop.is_raised() {
            return Ok(());
        }
        match finals.summary() {
            Some(line) => print(&format!("{line}\n"))?,
            None => message("Not all is final on all nodes yet."),
        }
        match stores.agreed() {
            Some(Agreed { transactions, commits }) => print(&format!(
                "all {NODES} nodes hold the same {transactions} transactions, final in the same {commits} commits\n"
            ))?,
            None => message("The nodes do not hold the same yet."),
        }
        if !self.once {
            message("The recordings have ended; the nodes go on. Press Ctrl-C to stop.");
            while stop.sleep(Duration::from_secs(3600)) {}
        }
        Ok(())
    }

    /// Runs all devices at once, each at a node, until its recording ends, or all are stopped, or one of them fails.
    fn show(
        &self,
        monitors: &[Monitor],
        urls: &[String],
        finals: &Finals,
        stop: &Stop,
    ) -> Result<(), Failure> {
        if !finals.is_listening(stop) {
            return Ok(());
        }
        std::thread::scope(|scope| {
            let run = |(monitor, url): (_, &String)| {
                let url = url.clone();
                scope.spawn(move || match self.run_monitor(monitor, &url, finals, stop) {
                    Err(failure) if failure.is_stop() => Ok(()),
                    Err(failure) => {
                        stop.raise();
                        Err(failure)
                    }
                    done => done,
                })
            };
            let running: Vec<_> = monitors.iter().zip(urls.iter().cycle()).map(run).collect();
            let results = running.into_iter().map(|device| device.join().unwrap_or(Err(Failure::Stopped)));
            results.collect::<Result<(), _>>()
        })
    }

    fn run_monitor(&self, monitor: &Monitor, url: &str, finals: &Finals, stop: &Stop) -> Result<(), Failure> {
        let Monitor { name, csv, survey } = monitor;
        let path = self.data.join(format!("{name}.key"));
        let key = if path.exists() { KeyFile::read(&path)? } else { new_key(&path)? };
        for note in &survey.notes {
            message(&format!("{name}: {}", note.replace(char::is_control, " ")));
        }
        let client = Client::new(url, Patience::INTERACTIVE, stop.clone())?;
        let say = |notice| message(&format!("{name}: {notice}"));
        with_session(client, &key, stop.clone(), say, |session| {
            if !is_enrolled(session.client_mut(), &key.device())? {
                let enrolment = enrol::enrolment(&key, Role::Sensor, session.time()?, DEFAULT_VALID_DAYS)?;
                // A network that is reached from elsewhere admits nobody without its registrar.
                let registrar = KeyFile::read(&self.data.join(REGISTRAR_KEY))?;
                let enrolment = enrol::admitted(enrolment, &session.terms().network, Some(&registrar));
                let sent = enrol::send(session, &enrolment)?;
                finals.sent(name, sent.id);
                print(&format!(
                    "{name}  enrolled as sensor {}  {}  {}\n",
                    key.device(),
                    sent.status,
                    sent.id
                ))?;
            }
            print(&format!("{name}  is read at {url}/api/v1/devices/{}/readings\n", key.device()))?;
            let plan = Plan { speed: self.speed, rows: rows_a_second(survey), keep_time: false };
            let latest = RefCell::new(String::new());
            let samples = open(csv)?.inspect(|sample| note(sample, survey, &latest));
            let mut on_sent = |sent: &Sent, _: &Summary| {
                finals.sent(name, sent.id);
                let line = format!("{name}  {}  {}  {}\n", latest.borrow(), sent.status, sent.id);
                // Whoever reads has read enough; the devices go on for those who ask the API.
                let _closed = print(&line);
            };
            let (_, failure) = replay::run(session, plan, survey, samples, stop, &mut on_sent);
            failure.map_or(Ok(()), |error| Err(error.into()))
        })
    }

    fn monitors(&self) -> Result<Vec<Monitor>, Failure> {
        if let Some(path) = &self.recording {
            let csv = std::fs::read(path).map_err(|source| Failure::File { path: path.clone(), source })?;
            return Ok(vec![Monitor::new("monitor", csv)?]);
        }
        let synthetic =
            |name, seed| Monitor::new(name, synthetic::csv(seed, self.seconds.max(1)).into_bytes());
        Ok(vec![synthetic("bed-1", 1)?, synthetic("bed-2", 2)?, synthetic("bed-3", 3)?])
    }

    fn greeting(&self, urls: &[String]) -> String {
        let source = match &self.recording {
            Some(path) => format!("the recording {}", path.display()),
            None => "three synthetic recordings, made up by this program".into(),
        };
        let mut lines = vec![
            format!("weft demo: {source}, measured, signed, attached and made final as you watch"),
            "  Do not feed it a patient's data: readings are not sealed yet.".into(),
            format!("  data     {}", self.data.display()),
        ];
        let node = |(number, url)| format!("  node {number}   {url}/api/v1/network");
        lines.extend((1..).zip(urls).map(node));
        lines.extend(urls.first().map(|url| format!("  metrics  {url}/metrics")));
        lines.push("  Ctrl-C stops it.\n".into());
        lines.join("\n")
    }
}

fn new_key(path: &Path) -> Result<KeyFile, Failure> {
    let key = KeyFile::create(path)?;
    State::create(&key)?.close()?;
    Ok(key)
}

fn is_enrolled(client: &Client, device: &DeviceId) -> Result<bool, ClientError> {
    match client.device(device) {
        Err(error) if error.problem().is_some_and(|problem| problem.slug() == "not-found") => Ok(false),
        known => known.map(|_| true),
    }
}

async fn raised(stop: &Stop) {
    while !stop.is_raised() {
        sleep(LOOK_EVERY).await;
    }
}

fn open(csv: &[u8]) -> Result<Recording<Cursor<&[u8]>>, RecordingError> {
    Recording::open(Cursor::new(csv), &Options::default())
}

/// As many rows in a transaction as were recorded in a second, so that a fast signal scrolls no faster than a slow one.
fn rows_a_second(survey: &Survey) -> usize {
    let seconds = survey.duration.as_secs_f64();
    let rate = if seconds > 0.0 { survey.rows.saturating_sub(1) as f64 / seconds } else { 1.0 };
    (rate.round() as usize).clamp(1, crate::sensor::limits::BATCH_ROWS)
}

/// Remembers the newest sample in words, for the line that tells of its transaction.
fn note(sample: &Result<Sample, RecordingError>, survey: &Survey, latest: &RefCell<String>) {
    let Ok(sample) = sample else { return };
    let words = sample
        .values
        .iter()
        .filter_map(|(column, value)| Some(format!("{}={value}", survey.signals.get(*column)?.name)));
    *latest.borrow_mut() = words.collect::<Vec<_>>().join(" ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_signal_goes_a_second_at_a_time() {
        let survey = |csv: &str| Survey::of(open(csv.as_bytes()).unwrap(), &BTreeMap::new()).unwrap();
        assert_eq!(rows_a_second(&survey("time,hr\n0,1\n1,2\n2,3\n")), 1);
        let fast: String = (0..500).map(|row| format!("{},{row}\n", row * 10)).collect();
        assert_eq!(rows_a_second(&survey(&format!("timer,ppg\n{fast}"))), 100);
        assert_eq!(rows_a_second(&survey("time,hr\n0,1\n")), 1);
    }
}
