//! The handshake on a connection's first bidirectional stream (`spec/15-transport.md`).
//!
//! ```text
//! client                                server
//! Intro        ->                       who is it: version, network, credential, ban, place
//!              <-                       Intro
//! Proof        ->                       checked before anything is signed
//!              <-                       Proof
//! ```
//!
//! Both proofs sign the exporter of this very TLS session, so one that was seen elsewhere proves nothing here; the
//! side and both ids, so nobody is shown its own. Every step has a deadline.

use super::credential::Member;
use super::frame::{Deframer, length_prefix};
use super::intro::{INTRO_MOST_BYTES, Intro, Session, Side};
use super::reader::{End, FrameReader};
use super::reason::{Departure, Reason};
use super::shared::Shared;
use super::tls;
use crate::runtime::{timeout, unblock};
use bytes::Bytes;
use quinn::{Connection, SendStream};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use weft_tangle::DeviceId;
use weft_tangle::signing::{PublicKey, Purpose};

/// A peer that has proved who it is.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) member: Member,
    pub(super) instance: [u8; 8],
    pub(super) send: SendStream,
    pub(super) recv: FrameReader,
    /// The server's proof, to be sent once the connection has its place.
    pub(super) own_proof: Option<Bytes>,
}

/// Why a handshake came to nothing: something to tell the peer, or what became of the connection.
pub(super) type Failed = Departure;

impl From<Reason> for Departure {
    fn from(reason: Reason) -> Self {
        Self::Closed(reason)
    }
}

/// Runs the client's part. `expected` is who was dialled.
pub(super) async fn as_client(
    shared: &Arc<Shared>,
    connection: &Connection,
    expected: DeviceId,
) -> Result<Proved, Failed> {
    let (mut send, recv) = step(shared, connection, connection.open_bi()).await??;
    let mut recv = FrameReader::new(recv, Deframer::bounded(INTRO_MOST_BYTES));
    write(shared, connection, &mut send, shared.intro().encode()).await?;
    let intro = read(shared, connection, &mut recv).await?;
    let (member, intro) = admit(shared, &intro).await?;
    if member.device != expected {
        return Err(Reason::Other.into());
    }
    let session = session(shared, connection, member.device, Side::Client)?;
    write(shared, connection, &mut send, prove(shared, session, Side::Client).await).await?;
    let proof = read(shared, connection, &mut recv).await?;
    check(session, Side::Server, intro.public_key, proof).await?;
    Ok(Proved { member, instance: intro.instance, send, recv, own_proof: None })
}

/// Runs the server's part up to its own proof, which it signs only for who has proved itself.
pub(super) async fn as_server(shared: &Arc<Shared>, connection: &Connection) -> Result<Proved, Failed> {
    let (mut send, recv) = step(shared, connection, connection.accept_bi()).await??;
    let mut recv = FrameReader::new(recv, Deframer::bounded(INTRO_MOST_BYTES));
    let intro = read(shared, connection, &mut recv).await?;
    let (member, intro) = admit(shared, &intro).await?;
    write(shared, connection, &mut send, shared.intro().encode()).await?;
    let session = session(shared, connection, member.device, Side::Server)?;
    let proof = read(shared, connection, &mut recv).await?;
    check(session, Side::Client, intro.public_key, proof).await?;
    let own_proof = Some(Bytes::from(prove(shared, session, Side::Server).await));
    Ok(Proved { member, instance: intro.instance, send, recv, own_proof })
}

/// Writes one message as a frame.
pub(super) async fn write(
    shared: &Shared,
    connection: &Connection,
    send: &mut SendStream,
    message: impl Into<Bytes>,
) -> Result<(), Failed> {
    let message = message.into();
    let mut pieces = [length_prefix(message.len()), message];
    let written = step(shared, connection, send.write_all_chunks(&mut pieces)).await?;
    written.map_err(|_| lost(connection))
}

async fn read(shared: &Shared, connection: &Connection, recv: &mut FrameReader) -> Result<Bytes, Failed> {
    step(shared, connection, recv.next()).await?.map_err(|end| match end {
        End::Refused(reason) => reason.into(),
        End::Gone => lost(connection),
    })
}

/// One step, within its deadline. What the connection itself has to say comes first: it may have been closed.
async fn step<T>(
    shared: &Shared,
    connection: &Connection,
    future: impl Future<Output = T>,
) -> Result<T, Failed> {
    match timeout(shared.options.limits.step_timeout, future).await {
        Ok(done) => Ok(done),
        Err(_) => Err(connection.close_reason().map_or(Reason::Timeout.into(), Departure::from)),
    }
}

fn lost(connection: &Connection) -> Failed {
    connection.close_reason().map_or(Reason::Protocol.into(), Departure::from)
}

/// What an introduction is worth. Two signatures and a look into storage, so not on the executor.
async fn admit(shared: &Arc<Shared>, bytes: &Bytes) -> Result<(Member, Intro), Failed> {
    let intro = Intro::decode(bytes)?;
    let device = DeviceId::of(&intro.public_key);
    let is_committee = shared.is_committee(&device);
    if intro.network == *shared.network.id() {
        shared.roster.welcomes(&device, is_committee, Instant::now())?;
    }
    let checked = {
        let shared = Arc::clone(shared);
        unblock(move || {
            let now = crate::node::now();
            Member::admit(&shared.network, &*shared.ledger, &intro, now).map(|member| (member, intro))
        })
    };
    Ok(checked.await?)
}

fn session(shared: &Shared, connection: &Connection, peer: DeviceId, side: Side) -> Result<Session, Failed> {
    let network = *shared.network.id();
    let label = Purpose::Handshake.label();
    let exporter = tls::exporter(connection, label, network.as_bytes()).map_err(Departure::from)?;
    let (client, server) = match side {
        Side::Client => (shared.device, peer),
        Side::Server => (peer, shared.device),
    };
    Ok(Session { network, client, server, exporter })
}

async fn prove(shared: &Arc<Shared>, session: Session, side: Side) -> Vec<u8> {
    let key = Arc::clone(&shared.key);
    unblock(move || session.prove(side, &key).as_bytes().to_vec()).await
}

async fn check(session: Session, side: Side, key: PublicKey, proof: Bytes) -> Result<(), Failed> {
    Ok(unblock(move || session.check(side, &key, &proof)).await?)
}
