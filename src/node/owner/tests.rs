//! What the owner makes of queues that are read in another order than they were filled.

use super::*;
use crate::bell::{Bell, bounded_with, never};
use crate::metrics::Metrics;
use crate::node::finality::FinalityView;
use crate::node::job::{Checked, PeerRequest};
use crate::node::peering::{Pair, PeerEvent, Share, source_of};
use crate::node::progress::Progress;
use crate::node::room::Room;
use weft_tangle::gossip::Tree;
use weft_tangle::{Kind, content_format};

/// A peer comes and sends at once: of its coming the owner is told in one queue, of what it sends, checked, in another.
#[test]
fn what_a_peer_sends_is_taken_though_nobody_has_heard_of_its_coming() {
    let mut pair = Pair::new();
    let issued = {
        let Pair { ledger, devices, .. } = &mut pair;
        ledger.issue(&devices[0], Kind::Reading, 1_000, content_format::SENML_CBOR, &[7]).verified().clone()
    };
    let bell = Bell::default();
    let ((requests, checked), (peers, said)) = (bounded_with(1, &bell), bounded_with(1, &bell));
    let ((writer, _batches), (_written, durable)) =
        (bounded_with(1, &Bell::default()), bounded_with(1, &bell));
    let (network, store) = (Arc::clone(&pair.network), Arc::clone(&pair.disk.store));
    let replica = crate::node::recover::replica(&network, &store).unwrap();
    let finality = FinalityView::new(replica.finality(), store.next_position().unwrap());
    let room = Room::new(1);
    let mut owner = Owner::new(
        replica,
        Surroundings {
            store,
            healed: 0,
            writer,
            signer: None,
            progress: Arc::new(Progress::default()),
            room: Arc::clone(&room),
            metrics: Metrics::new("owner").unwrap(),
            health: Arc::default(),
            finality: Arc::new(finality),
            post: Some(pair.post()),
        },
    );
    let (peer, device) = (pair.number, pair.device);
    peers.send(PeerEvent::Connected { peer, device, cursor: Vec::new() }).unwrap();
    room.take(1);
    let event = Event::Pushed { transaction: issued, source: source_of(peer), tree: Tree(7) };
    let request = PeerRequest { source: source_of(peer), events: vec![event], share: Share::default() };
    requests.send(Checked::Peer(request)).unwrap();
    let queues = Queues {
        bell: &bell,
        requests: &checked,
        tickets: &never(),
        peers: &said,
        written: &durable,
        signed: &never(),
    };
    assert_eq!(owner.take_what_waits(&queues, &mut true), Ok(true));
    assert_eq!(owner.replica.occupancy().pending, 1, "its time has not come");
}
