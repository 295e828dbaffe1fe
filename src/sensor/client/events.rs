//! Reading server-sent events (HTML Living Standard section 9.2), as far as a node uses them.

use crate::sensor::limits::STREAM_LINE_BYTES;
use std::io::{self, BufRead, BufReader, Read};
use ureq::http::Response;
use ureq::{Body, BodyReader};

/// One event, or an id by itself: behind that one a client goes on which has heard all that it wanted up to there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// With what a client goes on behind it; events that are not told again have none.
    pub id: Option<String>,
    /// Its data, JSON; empty where nothing has happened but that the node says an id.
    pub data: String,
}

/// The events of one stream, waited for one by one. It ends when the node ends it or the connection is lost.
pub struct Events {
    from: BufReader<BodyReader<'static>>,
    event: Event,
}

impl Events {
    pub(super) fn new(response: Response<Body>) -> Self {
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        Self { from: BufReader::new(body), event: Event::default() }
    }
}

impl Iterator for Events {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match line(&mut self.from) {
                Ok(Some(line)) => {
                    if let Some(event) = take(&mut self.event, &line) {
                        return Some(Ok(event));
                    }
                }
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The next line, without its end; nothing at the end of the stream, where a part of a line is none.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    from.by_ref().take(STREAM_LINE_BYTES).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        let is_long = line.len() as u64 + 1 >= STREAM_LINE_BYTES;
        return if is_long { Err(io::Error::other("a line of the stream is too long")) } else { Ok(None) };
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Takes one line in; gives the event that it ends.
fn take(event: &mut Event, line: &str) -> Option<Event> {
    if line.is_empty() {
        let done = std::mem::take(event);
        return Some(done).filter(|done| !done.data.is_empty() || done.id.is_some());
    }
    let (field, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    match field {
        "event" => event.name = value.to_owned(),
        "id" => event.id = Some(value.to_owned()),
        "data" if event.data.len() as u64 + value.len() as u64 <= STREAM_LINE_BYTES => {
            if !event.data.is_empty() {
                event.data.push('\n');
            }
            event.data.push_str(value);
        }
        // Comments, which begin with the colon, and fields that do not matter here.
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn events(text: &str) -> io::Result<Vec<Event>> {
        let (mut from, mut event) = (Cursor::new(text), Event::default());
        let mut events = Vec::new();
        while let Some(line) = line(&mut from)? {
            events.extend(take(&mut event, &line));
        }
        Ok(events)
    }

    #[test]
    fn events_are_told_apart_and_comments_are_none() {
        let text = "retry: 2000\n\n:\n\nid: 17-3\nevent: final\ndata: {\"a\":1}\n\n:\n\nevent:peer\r\ndata:x\r\ndata: y\r\n\r\n";
        let event = |name: &str, id: Option<&str>, data: &str| Event {
            name: name.into(),
            id: id.map(str::to_owned),
            data: data.into(),
        };
        let expected = [event("final", Some("17-3"), "{\"a\":1}"), event("peer", None, "x\ny")];
        assert_eq!(events(text).unwrap(), expected);
    }

    #[test]
    fn an_id_is_heard_without_an_event() {
        let id = |id: &str| Event { id: Some(id.into()), ..Event::default() };
        assert_eq!(events("id: 7-3\nretry: 2000\n\nid: 8-1\n:\n\n:\n\n").unwrap(), [id("7-3"), id("8-1")]);
    }

    #[test]
    fn what_is_cut_off_is_no_event_and_a_line_without_an_end_is_an_error() {
        assert_eq!(events("event: final\ndata: 1\n").unwrap(), []);
        assert_eq!(events("event: final\ndata: 1\n\ndata: 2").unwrap().len(), 1);
        let long = "data: ".to_owned() + &"x".repeat(STREAM_LINE_BYTES as usize);
        assert!(events(&long).is_err());
        // However many lines of data there are, they do not pile up.
        let many = "data: 0123456789\n".repeat(100_000) + "\n";
        assert!(events(&many).unwrap()[0].data.len() < 2 * STREAM_LINE_BYTES as usize);
    }
}
