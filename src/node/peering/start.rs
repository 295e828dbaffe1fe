//! The channels between shell, feeder, server and owner, each with a bound that what can stand in it stays below.

use super::PeerEvent;
use super::feeder::Feeder;
use super::link::Link;
use super::post::Post;
use super::server::{Command, Server};
use crate::bell::{Bell, Receiver, Sender, bounded, bounded_with};
use crate::gossip::limits::event_queue;
use crate::gossip::{Shell, ShellEvent};
use crate::limits::{FEEDER_AGAIN, SERVE_QUEUE};
use crate::node::bus::Bus;
use crate::node::directory::Directory;
use crate::node::fair;
use crate::node::job::Job;
use crate::node::progress::Progress;
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use weft_tangle::replica::Source;
use weft_tangle::{Screened, limits::REQUESTS_PER_PEER};

/// The connections of a node, before anybody listens to them.
#[derive(Debug)]
pub struct Peering {
    /// The connections.
    pub shell: Shell,
    /// What happens to them.
    pub events: Receiver<ShellEvent>,
    /// Peers at once.
    pub peers: usize,
}

/// What the owner's thread needs of the peers, from one life of the replica to the next.
pub(in crate::node) struct Exchange {
    pub(in crate::node) link: Arc<Link>,
    server: Sender<Command>,
    again: Sender<(Screened, Source)>,
}

impl Exchange {
    /// The owner's side for a new replica.
    pub(in crate::node) fn post(&self) -> Post {
        Post::new(Arc::clone(&self.link), self.server.clone(), self.again.clone())
    }
}

/// All that was connected.
pub(in crate::node) struct Wires {
    pub(in crate::node) exchange: Exchange,
    /// What the owner hears.
    pub(in crate::node) events: Receiver<PeerEvent>,
    pub(in crate::node) feeder: Feeder,
    pub(in crate::node) server: Server,
    /// The feeder ends when this is dropped.
    pub(in crate::node) alive: Sender<()>,
}

/// Connects what stands between the shell and the ledger, whose owner waits for `bell`.
pub(in crate::node) fn wire(
    peering: Peering,
    bell: &Bell,
    store: &Arc<Store>,
    directory: &Arc<Directory>,
    jobs: fair::Sender<Job>,
    progress: &Arc<Progress>,
    bus: &Arc<Bus>,
) -> Wires {
    let Peering { shell, events, peers } = peering;
    // What the shell can say, and an answered request.
    let (owner, owner_queue) = bounded_with(event_queue(peers) + peers * REQUESTS_PER_PEER, bell);
    let (server, server_queue) = bounded(SERVE_QUEUE);
    let (again, again_queue) = bounded_with(FEEDER_AGAIN, events.bell());
    let (alive, ended) = bounded_with(1, events.bell());
    let feeder = Feeder {
        store: Arc::clone(store),
        directory: Arc::clone(directory),
        jobs,
        checker: None,
        progress: Arc::clone(progress),
        owner: owner.clone(),
        server: server.clone(),
        events,
        again: again_queue,
        alive: ended,
        lanes: BTreeMap::new(),
        bus: Arc::clone(bus),
        connected: BTreeMap::new(),
    };
    let link = Arc::new(Link::new(shell));
    Wires {
        server: Server::new(Arc::clone(store), Arc::clone(&link), owner, server_queue),
        exchange: Exchange { link, server, again },
        events: owner_queue,
        feeder,
        alive,
    }
}
