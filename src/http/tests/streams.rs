//! Answers without an end: no deadline cuts one that lives, and one that nobody reads does not stay.

use bytes::Bytes;

use super::harness::{Client, Fixture, millis, until};
use crate::http::server::ServerLimits;
use crate::http::stats::Cut;

/// Opens a stream and waits until it is there.
fn open(fixture: &Fixture) -> Client {
    let mut client = fixture.connect();
    client.send("GET /stream HTTP/1.1\r\nhost: t\r\n\r\n");
    until("the stream is open", || fixture.streams.lock().unwrap().len() == 1);
    client
}

fn tell(fixture: &Fixture, text: impl Into<Bytes>) {
    let mut streams = fixture.streams.lock().unwrap();
    // One that was cut takes no more.
    let _gone = streams[0].try_send(Ok(text.into()));
}

#[test]
fn a_stream_outlives_every_deadline_while_it_is_silent_and_while_it_speaks() {
    let short = millis(60);
    let limits = ServerLimits {
        head_timeout: short,
        idle_timeout: short,
        body_timeout: short,
        body_stall: short,
        answer_timeout: short,
        write_stall: short,
        ..ServerLimits::default()
    };
    let fixture = Fixture::new(limits);
    let mut client = open(&fixture);
    for word in ["one", "two", "three"] {
        // Longer than all of them together.
        std::thread::sleep(short * 7);
        tell(&fixture, word);
        client.read_until(word);
    }
    // When it ends, the connection rests as after any answer.
    fixture.streams.lock().unwrap().clear();
    client.read_until("0\r\n\r\n");
    until("the connection ends", || fixture.stats.cuts(Cut::Idle) == 1 && fixture.stats.open() == 0);
    assert_eq!(Cut::ALL.iter().map(|cut| fixture.stats.cuts(*cut)).sum::<u64>(), 1);
}

#[test]
fn a_stream_that_nobody_reads_is_cut_off() {
    let fixture = Fixture::new(ServerLimits { write_stall: millis(150), ..ServerLimits::default() });
    let client = open(&fixture);
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    // More than the kernel buffers on both sides.
    (0..64).for_each(|_| tell(&fixture, piece.clone()));
    until("the connection is ended", || fixture.stats.cuts(Cut::Write) == 1 && fixture.stats.open() == 0);
    until("what it held is let go", || fixture.streams.lock().unwrap()[0].is_closed());
    drop(client);
}

#[test]
fn a_stream_whose_client_has_left_is_let_go() {
    let fixture = Fixture::new(ServerLimits::default());
    drop(open(&fixture));
    until("the place is left", || fixture.stats.open() == 0);
    until("the stream is dropped", || fixture.streams.lock().unwrap()[0].is_closed());
}
