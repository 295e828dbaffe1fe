//! The life of a connection from its last proof to its end: tasks that move frames, one that watches.
//!
//! Always true: `Connected` is told before the first frame and `Left` after the last one, each once.

use super::class::Class;
use super::event::{Connected, Drained, Frame, Once, ShellEvent};
use super::frame::{Deframer, LENGTH_BYTES};
use super::handshake::{self, Proved};
use super::limits::STALL_PROGRESS;
use super::link::Link;
use super::reader::{End, FrameReader};
use super::reason::Reason;
use super::shared::Shared;
use super::tls;
use crate::runtime::{First, first, sleep, spawn};
use bytes::{Bytes, BytesMut};
use quinn::{Connection, ReadError, ReadExactError, RecvStream, SendStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Serves a connection that has its place until it ends, and tells the owner of both.
pub(super) async fn serve(shared: Arc<Shared>, link: Arc<Link>, proved: Proved) {
    let Proved { mut send, mut recv, own_proof, .. } = proved;
    shared.tell(ShellEvent::Connected(Connected {
        peer: link.number,
        device: link.member.device,
        address: link.address,
        side: link.path.side,
    }));
    let connection = link.connection.clone();
    tls::widen(&connection);
    // The client trusts nobody before it has this. If it cannot be sent the connection has ended, which is seen below.
    if let Some(proof) = own_proof
        && handshake::write(&shared, &connection, &mut send, proof).await.is_err()
    {
        link.close(Reason::Timeout);
    }
    recv.go_on_with(Deframer::new(Class::Control));
    let tasks = [
        spawn(read_control(Arc::clone(&shared), Arc::clone(&link), recv)),
        spawn(accept_streams(Arc::clone(&shared), Arc::clone(&link))),
        spawn(write_frames(Arc::clone(&shared), Arc::clone(&link), Class::Control, send)),
        spawn(open_stream(Arc::clone(&shared), Arc::clone(&link), Class::Live)),
        spawn(open_stream(Arc::clone(&shared), Arc::clone(&link), Class::Bulk)),
    ];
    let error = match first(connection.closed(), watch(&shared, &link)).await {
        First::Left(error) => error,
        First::Right(reason) => {
            link.close(reason);
            connection.closed().await
        }
    };
    link.outbox.close();
    link.meters.iter().for_each(|(_, meter)| meter.close());
    for task in tasks {
        task.await;
    }
    shared.left(&link, link.departure(error));
}

async fn read_control(shared: Arc<Shared>, link: Arc<Link>, recv: FrameReader) {
    let end = read_frames(&shared, &link, Class::Control, recv).await;
    refuse(&link, end);
}

/// Takes the peer's live and bulk streams, one of each. QUIC's limit on streams lets no third one come.
async fn accept_streams(shared: Arc<Shared>, link: Arc<Link>) {
    let opened = Arc::new([const { AtomicBool::new(false) }; 2]);
    let mut readers = Vec::new();
    while let Ok(stream) = link.connection.accept_uni().await {
        let (shared, link, opened) = (Arc::clone(&shared), Arc::clone(&link), Arc::clone(&opened));
        if readers.len() == opened.len() {
            link.close(Reason::Protocol);
            break;
        }
        readers.push(spawn(async move {
            let end = read_stream(&shared, &link, &opened, stream).await;
            refuse(&link, end);
        }));
    }
    for reader in readers {
        reader.await;
    }
}

async fn read_stream(shared: &Shared, link: &Link, opened: &[AtomicBool; 2], mut stream: RecvStream) -> End {
    let mut opening = [0];
    match stream.read_exact(&mut opening).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(_) | ReadExactError::ReadError(ReadError::Reset(_))) => {
            return End::Refused(Reason::Protocol);
        }
        Err(ReadExactError::ReadError(_)) => return End::Gone,
    }
    let class = Class::opened_by(opening[0]);
    let is_new = |class: &Class| !opened[*class as usize - 1].swap(true, Ordering::Relaxed);
    let Some(class) = class.filter(is_new) else { return End::Refused(Reason::Protocol) };
    read_frames(shared, link, class, FrameReader::new(stream, Deframer::new(class))).await
}

/// Hands frames to the owner as it makes room for them.
async fn read_frames(shared: &Shared, link: &Link, class: Class, mut reader: FrameReader) -> End {
    let (meter, progress) = (&link.meters[class], &link.progress[class]);
    let flows = [&link.traffic.received[class], shared.stats.received(class)];
    loop {
        loop {
            let frame = match reader.ready() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(reason) => return End::Refused(reason),
            };
            let Some(hold) = meter.hold(frame.len()).await else { return End::Gone };
            flows.iter().for_each(|flow| flow.count_frames(1));
            shared.tell(ShellEvent::Frame(Frame { peer: link.number, class, bytes: frame, _hold: hold }));
            progress.step();
        }
        progress.waits(reader.is_within_a_frame());
        let filled = reader.fill().await;
        // While the owner makes no room it is not the peer who is waited for.
        progress.waits(false);
        if let Err(end) = filled {
            return end;
        }
        let bytes = reader.take_count();
        flows.iter().for_each(|flow| flow.count_bytes(bytes));
    }
}

fn refuse(link: &Link, end: End) {
    if let End::Refused(reason) = end {
        link.close(reason);
    }
}

async fn open_stream(shared: Arc<Shared>, link: Arc<Link>, class: Class) {
    // It fails only when the connection ends.
    let Ok(mut stream) = link.connection.open_uni().await else { return };
    if let Some(opening) = class.opening()
        && stream.write_all(&[opening]).await.is_err()
    {
        return refuse_stopped(&link.connection, &link);
    }
    write_frames(shared, link, class, stream).await;
}

/// A peer that stops one of the streams has given the connection up.
fn refuse_stopped(connection: &Connection, link: &Link) {
    if connection.close_reason().is_none() {
        link.close(Reason::Protocol);
    }
}

/// Sends what waits in the queue of a class.
async fn write_frames(shared: Arc<Shared>, link: Arc<Link>, class: Class, mut stream: SendStream) {
    let flows = [&link.traffic.sent[class], shared.stats.sent(class)];
    // It fails when the stream is closed, as writing will.
    let _ = stream.set_priority(class.priority());
    while let Some(batch) = link.outbox.take(class).await {
        let bytes: usize = batch.frames.iter().map(|frame| LENGTH_BYTES + frame.len()).sum();
        loop {
            let wait = link.pace(class, bytes, Instant::now());
            if wait.is_zero() {
                break;
            }
            if let First::Right(_) = first(sleep(wait), link.connection.closed()).await {
                return;
            }
        }
        if batch.drained
            && let Some(once) = Once::take(&link.drained[class])
        {
            shared.tell(ShellEvent::Drained(Drained { peer: link.number, class, _once: once }));
        }
        let frames = batch.frames.len();
        if write_pieces(&shared, &link, class, &mut stream, pieces(batch.frames)).await.is_err() {
            return refuse_stopped(&link.connection, &link);
        }
        flows.iter().for_each(|flow| flow.count_frames(frames));
    }
}

/// The frames with their lengths, without copying the frames.
fn pieces(frames: Vec<Bytes>) -> Vec<Bytes> {
    let mut lengths = BytesMut::with_capacity(LENGTH_BYTES * frames.len());
    for frame in &frames {
        // The queue takes no frame that is longer than its class allows.
        lengths.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    }
    let mut lengths = lengths.freeze();
    frames.into_iter().flat_map(|frame| [lengths.split_to(LENGTH_BYTES), frame]).collect()
}

async fn write_pieces(
    shared: &Shared,
    link: &Link,
    class: Class,
    stream: &mut SendStream,
    mut pieces: Vec<Bytes>,
) -> Result<(), quinn::WriteError> {
    let flows = [&link.traffic.sent[class], shared.stats.sent(class)];
    let mut rest = &mut pieces[..];
    let is_control = class == Class::Control;
    while !rest.is_empty() {
        if is_control {
            link.writing.waits(true);
        }
        let written = stream.write_chunks(rest).await?;
        if is_control {
            link.writing.waits(false);
            link.writing.step();
        }
        flows.iter().for_each(|flow| flow.count_bytes(written.bytes));
        rest = &mut rest[written.chunks..];
    }
    Ok(())
}

/// Ends with a reason when nothing moves that should: a frame that does not go on while the whole connection brings
/// next to nothing, or a control stream that the peer does not read.
async fn watch(shared: &Shared, link: &Link) -> Reason {
    let marks = || {
        let reading = Class::ALL.map(|class| link.progress[class].mark());
        (reading, link.writing.mark(), link.traffic.received_bytes())
    };
    let mut before = marks();
    loop {
        sleep(shared.options.limits.stall_timeout).await;
        let now = marks();
        let same = |old: Option<u64>, new: Option<u64>| old.is_some() && old == new;
        let frame_waits = before.0.iter().zip(now.0).any(|(old, new)| same(*old, new));
        let moved = now.2 - before.2;
        if (frame_waits && moved < STALL_PROGRESS) || same(before.1, now.1) {
            return Reason::Stalled;
        }
        before = now;
    }
}
