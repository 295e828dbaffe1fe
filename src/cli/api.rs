//! Which node a command speaks to, and how its key and state are held while it does.

use super::{Failure, message};
use crate::sensor::{Client, ClientError, KeyFile, Notice, Patience, Session, SessionError, Stop};
use clap::Args;
use std::path::Path;

/// Where a node listens unless it is told otherwise.
pub(super) const DEFAULT_API: &str = "http://127.0.0.1:8470";

/// The variable that names another node.
const VARIABLE: &str = "WEFT_API";

/// The node.
#[derive(Args, Debug, Clone)]
pub(super) struct Api {
    /// The node's address [default: $WEFT_API, or http://127.0.0.1:8470]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
}

impl Api {
    /// The node of this address, or, without one, of the variable, or the default.
    #[cfg(feature = "node")]
    pub(super) fn of(api: Option<String>) -> Self {
        Self { api }
    }

    /// A client of the node.
    pub(super) fn client(&self, stop: Stop) -> Result<Client, Failure> {
        Ok(Client::new(&self.url(), Patience::INTERACTIVE, stop)?)
    }

    /// The node's address, as it was given.
    pub(super) fn url(&self) -> String {
        self.named().unwrap_or_else(|| DEFAULT_API.into())
    }

    /// Whether a node was named at all.
    #[cfg(feature = "node")]
    pub(super) fn is_named(&self) -> bool {
        self.named().is_some()
    }

    fn named(&self) -> Option<String> {
        let variable = || std::env::var(VARIABLE).ok().filter(|url| !url.is_empty());
        self.api.clone().or_else(variable)
    }
}

/// Reads a key and says so when others may read it too.
pub(super) fn read_key(path: &Path) -> Result<KeyFile, Failure> {
    let key = KeyFile::read(path)?;
    if key.is_exposed() {
        let path = path.display();
        message(&format!("weft: others may read {path} and sign as this device; chmod 600 {path}"));
    }
    Ok(key)
}

/// Does something in a session, and gives the unused counters back however it ends.
pub(super) fn with_session<T>(
    client: Client,
    key: &KeyFile,
    stop: Stop,
    notify: impl Fn(Notice),
    work: impl FnOnce(&mut Session<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let url = client.url().to_owned();
    let mut session = Session::open(client, key, stop, notify)?;
    let done = work(&mut session);
    let closed = session.close();
    let done = done.map_err(|failure| explained(failure, key.path(), &url))?;
    // What was done is done; that a gap in the counters remains is only worth a word.
    if let Err(error) = closed {
        message(&format!("weft: {error}"));
    }
    Ok(done)
}

/// Says what happens meanwhile on standard error.
pub(super) fn say(notice: Notice) {
    message(&format!("weft: {notice}"));
}

/// A flag that Ctrl-C and a service manager raise; the second time ends the process at once.
pub(super) fn stop_on_signals() -> Result<Stop, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag::{register, register_conditional_shutdown};
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM] {
        register_conditional_shutdown(signal, 1, stop.flag().clone()).map_err(Failure::Signals)?;
        register(signal, stop.flag().clone()).map_err(Failure::Signals)?;
    }
    Ok(stop)
}

/// A refusal that another command mends says which.
fn explained(failure: Failure, key: &Path, url: &str) -> Failure {
    match failure {
        Failure::Session(SessionError::Client(ClientError::Problem(problem)))
            if problem.slug() == "not-enrolled" =>
        {
            let api = if url == DEFAULT_API { String::new() } else { format!(" --api {url}") };
            let command = format!("weft device enrol --key {} --role sensor{api}", key.display());
            Failure::NotEnrolled { problem, command }
        }
        other => other,
    }
}
