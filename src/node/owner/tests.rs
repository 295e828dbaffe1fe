//! What the owner makes of queues that are read in another order than they were filled, and when it commits.

use super::*;
use crate::bell::{Bell, Receiver, Sender, bounded, bounded_with, never};
use crate::metrics::Metrics;
use crate::node::finality::FinalityView;
use crate::node::intake::Answer;
use crate::node::job::{Checked, Item, PeerRequest, Request};
use crate::node::owner::outgoing::Batch;
use crate::node::peering::{Pair, PeerEvent, Share, source_of};
use crate::node::progress::Progress;
use crate::node::room::Room;
use crate::testing::{Device, enrolment_at};
use futures_channel::oneshot;
use weft_tangle::gossip::Tree;
use weft_tangle::{Kind, Screened, Transaction, Verified, content_format};

/// An owner, and the ends of its queues that others hold.
struct Rig {
    pair: Pair,
    owner: Owner,
    room: Arc<Room>,
    progress: Arc<Progress>,
    bell: Bell,
    requests: Sender<Checked>,
    checked: Receiver<Checked>,
    peers: Sender<PeerEvent>,
    said: Receiver<PeerEvent>,
    batches: Receiver<Batch>,
    _written: Sender<Written>,
    durable: Receiver<Written>,
}

impl Rig {
    fn new() -> Self {
        let pair = Pair::new();
        let bell = Bell::default();
        let ((requests, checked), (peers, said)) = (bounded_with(1, &bell), bounded_with(1, &bell));
        let ((writer, batches), (written, durable)) = (bounded(1), bounded_with(1, &bell));
        let (network, store) = (Arc::clone(&pair.network), Arc::clone(&pair.disk.store));
        let replica = crate::node::recover::replica(&network, &store).unwrap();
        let finality = FinalityView::new(replica.finality(), store.next_position().unwrap());
        let (room, progress) = (Room::new(1), Arc::new(Progress::default()));
        let owner = Owner::new(
            replica,
            Surroundings {
                store,
                healed: 0,
                writer,
                signer: None,
                progress: Arc::clone(&progress),
                room: Arc::clone(&room),
                metrics: Metrics::new("owner").unwrap(),
                health: Arc::default(),
                finality: Arc::new(finality),
                post: Some(pair.post()),
            },
        );
        Self {
            pair,
            owner,
            room,
            progress,
            bell,
            requests,
            checked,
            peers,
            said,
            batches,
            _written: written,
            durable,
        }
    }

    /// A reading that the owner has not seen.
    fn issue(&mut self) -> Verified {
        let Pair { ledger, devices, .. } = &mut self.pair;
        ledger.issue(&devices[0], Kind::Reading, 1_000, content_format::SENML_CBOR, &[7]).verified().clone()
    }

    /// The checkers hand on what a client has sent just now.
    fn send(&self) -> oneshot::Receiver<Vec<Answer>> {
        let network = &self.pair.network;
        let wire: bytes::Bytes = enrolment_at(network, &Device::new(30), now()).into();
        let screened = Screened::check(network, Transaction::decode(network, &wire).unwrap()).unwrap();
        let enrolment = Verified::check_enrolment(network, screened).unwrap();
        let (answers, answered) = oneshot::channel();
        self.room.take(1);
        let items = vec![Item::Attach(Box::new(enrolment), wire)];
        self.requests.send(Checked::Door(Request { items, answers })).unwrap();
        answered
    }

    /// Whether there was anything to take.
    fn take(&mut self) -> bool {
        let queues = Queues {
            bell: &self.bell,
            requests: &self.checked,
            tickets: &never(),
            peers: &self.said,
            written: &self.durable,
            signed: &never(),
        };
        self.owner.take_what_waits(&queues, &mut true).unwrap()
    }

    /// How many transactions the owner hands to the writer now.
    fn commits(&mut self) -> Option<usize> {
        self.owner.write_if_due(true);
        self.batches.try_recv().ok().map(|batch| batch.transactions.len())
    }
}

/// A peer comes and sends at once: of its coming the owner is told in one queue, of what it sends, checked, in another.
#[test]
fn what_a_peer_sends_is_taken_though_nobody_has_heard_of_its_coming() {
    let mut rig = Rig::new();
    let transaction = rig.issue();
    let (peer, device) = (rig.pair.number, rig.pair.device);
    rig.peers.send(PeerEvent::Connected { peer, device, cursor: Vec::new() }).unwrap();
    rig.room.take(1);
    let event = Event::Pushed { transaction, source: source_of(peer), tree: Tree(7) };
    let request = PeerRequest { source: source_of(peer), events: vec![event], share: Share::default() };
    rig.requests.send(Checked::Peer(request)).unwrap();
    assert!(rig.take());
    assert_eq!(rig.owner.replica.occupancy().pending, 1, "its time has not come");
}

#[test]
fn a_commit_waits_for_what_a_few_clients_sent_with_it_and_not_for_the_batches_of_a_flood() {
    let mut rig = Rig::new();
    let _answered = rig.send();
    // Others have one reading each with the checkers, and join it.
    (0..COMMIT_AWAITS / 2).for_each(|_| rig.progress.submit(1));
    assert!(rig.take());
    for _ in 0..COMMIT_AWAITS / 2 {
        assert_eq!(rig.commits(), None);
        rig.progress.finish(1);
    }
    assert_eq!(rig.commits(), Some(1));

    let mut rig = Rig::new();
    let _answered = rig.send();
    (0..64).for_each(|_| rig.progress.submit(256));
    assert!(rig.take());
    assert_eq!(rig.commits(), None, "the first of them may have something for the same commit");
    rig.progress.finish(256);
    assert_eq!(rig.commits(), Some(1));
}
