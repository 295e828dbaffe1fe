//! Following what happens at a node for as long as one likes: a lost stream is opened anew where it was lost.
//!
//! Always true: events with an id are told in their order, each once, and none is left out from the first opening on, for
//! a stream begins with an id; what else happened while there was no stream is not told.

use super::client::Event;
use super::limits::{STREAM_RETRY, STREAM_WAITING};
use super::{Client, ClientError, Patience, Stop};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How often it is looked whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a follower hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The stream is open; what happens from now on is told.
    Open,
    /// An event.
    Event(Event),
    /// The stream ended, for a reason in words; it is opened anew.
    Lost(String),
}

/// Tells `hear` of what happens at the node of `client` until `stop` is raised. `query` chooses; `last` is the id of the
/// last event that is known.
///
/// # Errors
/// The stream cannot be opened, though the client was patient: the first time as it is, then as sensors are. A stop is none.
pub fn follow(
    client: &mut Client,
    query: &str,
    mut last: Option<String>,
    stop: &Stop,
    mut hear: impl FnMut(Heard),
) -> Result<(), ClientError> {
    loop {
        let events = match client.events(query, last.as_deref()) {
            Err(ClientError::Stopped) => return Ok(()),
            events => events?,
        };
        hear(Heard::Open);
        // Who has heard a node once waits for it as a sensor does.
        client.set_patience(Patience::SENSOR);
        // The stream is read where nobody minds that it blocks. Whoever reads it ends with the stream or the process.
        let (sender, receiver) = sync_channel(STREAM_WAITING);
        std::thread::spawn(move || {
            for event in events {
                let is_lost = event.is_err();
                if sender.send(event.map_err(|error| error.to_string())).is_err() || is_lost {
                    return;
                }
            }
        });
        let Some(reason) = listen(&receiver, stop, |event| {
            if event.id.is_some() {
                last.clone_from(&event.id);
            }
            if !event.data.is_empty() {
                hear(Heard::Event(event));
            }
        }) else {
            return Ok(());
        };
        hear(Heard::Lost(reason));
        if !stop.sleep(STREAM_RETRY) {
            return Ok(());
        }
    }
}

/// Why the stream ended; nothing when `stop` was raised.
fn listen(
    events: &Receiver<Result<Event, String>>,
    stop: &Stop,
    mut hear: impl FnMut(Event),
) -> Option<String> {
    loop {
        if stop.is_raised() {
            return None;
        }
        match events.recv_timeout(LOOK_EVERY) {
            Ok(Ok(event)) => hear(event),
            Ok(Err(reason)) => return Some(reason),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Some("the node has ended the stream".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::client::scripted::{Seen, serve};

    /// What a follower hears of these streams, so many things, and the ids that it came with for each.
    fn heard(streams: &'static [&str], things: usize) -> (Vec<String>, Vec<Option<String>>) {
        let mut streams = streams.iter();
        let (url, seen) = serve(Box::new(move |_| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            streams.next().map(|stream| format!("{head}{stream}").into_bytes())
        }));
        let stop = Stop::default();
        let mut client = Client::new(&url, Patience::INTERACTIVE, stop.clone()).unwrap();
        let mut heard = Vec::new();
        follow(&mut client, "kind=final", None, &stop, |what| {
            heard.push(match what {
                Heard::Open => "open".to_owned(),
                Heard::Event(event) => event.data,
                Heard::Lost(_) => "lost".to_owned(),
            });
            if heard.len() == things {
                stop.raise();
            }
        })
        .unwrap();
        let came_with = |request: &Seen| {
            assert!(request.line.starts_with("GET /api/v1/events?kind=final "), "{}", request.line);
            request.headers.iter().find_map(|header| {
                header.to_ascii_lowercase().strip_prefix("last-event-id: ").map(str::to_owned)
            })
        };
        (heard, seen.try_iter().map(|request| came_with(&request)).collect())
    }

    #[test]
    fn a_lost_stream_goes_on_behind_the_last_event_with_an_id() {
        let streams = &[
            "id: 1-0\nevent: final\ndata: 1\n\nevent: peer\ndata: 2\n\n",
            "id: 1-1\nevent: final\ndata: 3\n\n",
        ];
        let (heard, came_with) = heard(streams, 6);
        assert_eq!(heard, ["open", "1", "2", "lost", "open", "3"]);
        assert_eq!(came_with[..2], [None, Some("1-0".into())]);
    }

    #[test]
    fn a_stream_that_is_lost_before_its_first_event_goes_on_where_it_began() {
        let streams = &["id: 7-3\nretry: 2000\n\n", "id: 7-3\nretry: 2000\n\nid: 9-0\n:\n\n", "data: 1\n\n"];
        let (heard, came_with) = heard(streams, 6);
        assert_eq!(heard, ["open", "lost", "open", "lost", "open", "1"]);
        assert_eq!(came_with[..3], [None, Some("7-3".into()), Some("9-0".into())]);
    }
}
