//! One replica whose peers the test plays: what they say goes in, what is sent to them comes out.

use crate::support::{Rig, world};
use weft_tangle::gossip::{Fresh, Message, PeerView, Reason, Run, Stretch};
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{DeviceId, TxId, Verified};

/// A replica, and peers by the numbers of their sources.
pub(super) struct Played {
    pub(super) rig: Rig,
}

/// The life of every peer's process.
pub(super) const LIFE: u64 = 3;

/// The device of the peer with this number.
pub(super) fn device(peer: u32) -> DeviceId {
    let mut bytes = [0x80 | peer as u8; 32];
    bytes[28..].copy_from_slice(&peer.to_be_bytes());
    DeviceId::from_bytes(bytes)
}

/// Entries of a log, each with its whole id.
pub(super) fn fresh(ids: &[TxId]) -> Vec<Run> {
    let mut time = 0;
    let fresh = ids.iter().map(|id| {
        let at = id.timestamp().as_millis() as i64;
        let delta = at - std::mem::replace(&mut time, at);
        Fresh { delta, hash: id.as_bytes()[8..].try_into().unwrap() }
    });
    vec![Run::New(fresh.collect())]
}

/// An id that no transaction has.
pub(super) fn invented(number: u64) -> TxId {
    let digest = weft_tangle::blake2s(&[&number.to_be_bytes()]);
    let time = (crate::support::START.as_millis() + 1_000 + number / 100).to_be_bytes();
    TxId::from_bytes(std::array::from_fn(|at| if at < 8 { time[at] } else { digest[at - 8] }))
}

impl Played {
    pub(super) fn new() -> Self {
        let mut rig = Rig::new();
        rig.replica.set_device(DeviceId::from_bytes([0x11; 32]), &[]);
        Self { rig }
    }

    pub(super) fn connect(&mut self, peer: u32) -> Vec<Effect> {
        self.connect_as(peer, device(peer))
    }

    fn connect_as(&mut self, peer: u32, device: DeviceId) -> Vec<Effect> {
        self.rig.event(Event::Connected { source: Source::Peer(peer), device, cursor: Vec::new() })
    }

    /// A peer that has sent its tail and opened its log, of `length` entries.
    pub(super) fn joined(&mut self, peer: u32, length: u64) {
        self.joined_as(peer, device(peer), length);
    }

    /// The same, of a peer that is this device.
    pub(super) fn joined_as(&mut self, peer: u32, device: DeviceId, length: u64) {
        self.connect_as(peer, device);
        self.says(peer, Message::Tail { checkpoints: vec![], credit: 4_096 });
        self.says(peer, Message::From { position: 0, length, life: LIFE });
    }

    pub(super) fn says(&mut self, peer: u32, message: Message) -> Vec<Effect> {
        self.rig.event(Event::Message { source: Source::Peer(peer), message })
    }

    /// A peer tells of its log, all there is.
    pub(super) fn tells(&mut self, peer: u32, first: u64, ids: &[TxId]) -> Vec<Effect> {
        self.says(peer, Message::Log { first, behind: 0, runs: fresh(ids) })
    }

    pub(super) fn pushes(&mut self, peer: u32, tree: u32, transaction: &Verified) -> Vec<Effect> {
        let (transaction, tree) = (transaction.clone(), weft_tangle::gossip::Tree(tree));
        self.rig.event(Event::Pushed { transaction, source: Source::Peer(peer), tree })
    }

    /// A peer sends what is left of a transaction.
    pub(super) fn sends_remains(&mut self, peer: u32, transaction: &Verified) -> Vec<Effect> {
        let (id, source) = (transaction.id(), Source::Peer(peer));
        let transaction = Some(world().erased(transaction));
        self.rig.event(Event::Remains { id, source, transaction })
    }

    /// Lets time pass in steps of 10 ms; all that was wanted to be done meanwhile.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..ms / 10 {
            self.rig.now = self.rig.now.plus(10);
            effects.extend(self.rig.event(Event::Tick));
        }
        effects
    }

    pub(super) fn view(&self, peer: u32) -> Option<PeerView> {
        let views = self.rig.replica.peers();
        views.into_iter().find(|view| view.source == Source::Peer(peer))
    }

    pub(super) fn points(&self, peer: u32) -> u32 {
        self.view(peer).expect("it is connected").points
    }
}

/// Messages to a peer.
pub(super) fn sent(effects: &[Effect], peer: u32) -> Vec<Message> {
    let message = |effect: &Effect| match effect {
        Effect::Send { source, message, .. } if *source == Source::Peer(peer) => Some(message.clone()),
        _ => None,
    };
    effects.iter().filter_map(message).collect()
}

/// What a peer is asked for: the request, its ranges, its ids.
pub(super) fn asked(effects: &[Effect], peer: u32) -> Vec<(u32, Vec<Stretch>, Vec<TxId>)> {
    let want = |message| match message {
        Message::Want { request, ranges, ids, .. } => Some((request, ranges, ids)),
        _ => None,
    };
    sent(effects, peer).into_iter().filter_map(want).collect()
}

/// To whom transactions are pushed.
pub(super) fn relayed(effects: &[Effect]) -> Vec<(Vec<Source>, u32, TxId)> {
    let relay = |effect: &Effect| match effect {
        Effect::Relay { to, tree, transaction } => Some((to.clone(), tree.0, transaction.id())),
        _ => None,
    };
    effects.iter().filter_map(relay).collect()
}

/// Why peers are dropped.
pub(super) fn dropped(effects: &[Effect]) -> Vec<(Source, Reason)> {
    let drop = |effect: &Effect| match effect {
        Effect::Disconnect { source, reason, .. } => Some((*source, *reason)),
        _ => None,
    };
    effects.iter().filter_map(drop).collect()
}
