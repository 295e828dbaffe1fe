//! Peers that lie to a whole node so that it takes minutes to find them out: a frame that trickles in, history whose parents
//! never come, strangers without end.

#[path = "../../it/hostile/liar.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod liar;

#[path = "../../it/hostile/siege.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod siege;

use crate::support::{Device, now};
use liar::{BULK, LIVE, Liar, framed, intro, invented, push, wait};
use siege::{FAULT, Siege};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weft::gossip::Reason;
use weft_tangle::NetworkId;
use weft_tangle::gossip::{Frame, Message};
use weft_tangle::limits::{PENDING_PER_SOURCE, REFERENCES};

/// Transactions whose parents nobody has: more than one peer's may wait.
const ORPHANS: u64 = 1_500;

/// Writes a byte now and then of a frame that never ends.
fn trickle(siege: &Siege) {
    let (_, key) = siege.new_member();
    let liar = siege.joined(&key, 0);
    let mut stream = liar.open(BULK);
    wait(stream.write_all(&100_000_u32.to_be_bytes())).unwrap();
    while wait(stream.write_all(&[0])).is_ok() {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(liar.code(), u64::from(Reason::Stalled.code()));
}

/// Pushes what waits for parents that do not exist, and says of each that it lacks it.
fn orphans(siege: &Siege, mut device: Device) {
    let (_, key) = siege.new_member();
    let mut liar = siege.joined(&key, 0);
    let missing = invented(0..2 * ORPHANS);
    let wires: Vec<Vec<u8>> = missing
        .chunks(2)
        .map(|parents| {
            let mut wish = device.reading([parents[0], parents[1]]);
            wish.timestamp = now().max(wish.timestamp);
            device.wire(&wish)
        })
        .collect();
    let mut stream = liar.open(LIVE);
    assert!(push(&mut stream, 9, &wires));
    let mut answers = liar.open(BULK);
    while let Some(message) = liar.hear() {
        let Message::Want { request, ids, .. } = message else { continue };
        let done = Message::Done { request, lacking: ids, withheld: vec![] };
        let _ended = wait(answers.write_all(&framed(&Frame::Message(done).encode())));
        let pending = siege.metric("weft_pending_transactions", &[]);
        assert!(pending <= PENDING_PER_SOURCE as u64, "{pending} wait");
        let wanted = siege.metric("weft_wanted_transactions", &[]);
        assert!(wanted <= REFERENCES as u64, "{wanted} are looked for");
    }
    siege.sent_away(&liar, FAULT, &key, "undelivered");
    crate::cluster::wait_until("nothing of it waits", || siege.metric("weft_pending_transactions", &[]) == 0);
}

/// Between two strangers of one host: several times as many as the gate lets in, and no more, for each is an endpoint that
/// this process holds for a while.
const KNOCK: Duration = Duration::from_millis(25);

/// Comes again and again from another network. It has an address of its own, for whoever shares one with it is refused at
/// the gate with it.
fn knock(siege: &Siege, is_over: &AtomicBool) -> (usize, usize) {
    let host = Ipv4Addr::new(127, 0, 0, 2);
    let (_, key) = siege.new_member();
    let message = framed(&intro(NetworkId::from_bytes([7; 32]), &key).encode());
    let (mut shaken, mut refused) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        match Liar::dial_from(host, liar::hybrid(), siege.address()) {
            Ok(mut liar) => {
                let _ended = wait(liar.send.write_all(&message));
                wait(liar.connection.closed());
                shaken += 1;
            }
            Err(_) => refused += 1,
        }
        std::thread::sleep(KNOCK);
    }
    (shaken, refused)
}

#[test]
fn lies_that_take_their_time_are_found_out_and_cost_no_memory() {
    Siege::hold(|siege| {
        let device = siege.device(9);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let knocking: Vec<_> = (0..2).map(|_| scope.spawn(|| knock(siege, &is_over))).collect();
            let lies = [scope.spawn(|| trickle(siege)), scope.spawn(|| orphans(siege, device))];
            let told: Vec<_> = lies.into_iter().map(|lie| lie.join()).collect();
            is_over.store(true, Ordering::Relaxed);
            for knocks in knocking {
                println!("{:?} strangers judged and sent away at the gate", knocks.join().unwrap());
            }
            told.into_iter().for_each(|told| told.unwrap());
        });
        assert_eq!(siege.logged(&["sent away"]), 1);
        assert!(siege.logged(&["not let in", Reason::Network.text()]) <= 4, "once a minute");
    });
}
