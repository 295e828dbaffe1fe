//! Members of the committee that have proved who they are, and lie then.

use super::liar::{BULK, LIVE, Liar, SendStream, entries, framed, invented, push, wait};
use super::siege::{FAULT, Siege, WORK};
use crate::cluster::{has, peers, wait_until};
use crate::support::Device;
use std::num::NonZero;
use std::sync::atomic::AtomicBool;
use weft::gossip::{Class, Reason};
use weft_pow::{Difficulty, Nonce, Seed, leading_zero_bits, search_on_threads};
use weft_tangle::gossip::{Frame, Message};
use weft_tangle::limits::{BODY_OFFSET, LOG_ENTRIES, TAIL_CREDIT, VARIANTS_PER_COUNTER};
use weft_tangle::{DeviceId, HEADER_BYTES, TxId};

#[test]
fn frames_that_are_none_and_streams_without_end_are_faults() {
    Siege::hold(|siege| {
        for class in Class::ALL {
            let (_, key) = siege.new_member();
            let mut liar = siege.joined(&key, 0);
            let length = (class.frame_bytes() as u32 + 1).to_be_bytes();
            let _open = match class {
                Class::Control => wait(liar.send.write_all(&length)).map(|()| None).unwrap(),
                Class::Live => Some(begun(&liar, LIVE, &length)),
                Class::Bulk => Some(begun(&liar, BULK, &length)),
            };
            siege.sent_away(&liar, Reason::Oversized.code().into(), &key, "message");
        }

        let (_, key) = siege.new_member();
        let mut liar = siege.joined(&key, 0);
        liar.write(b"\xFFthis is no message");
        siege.sent_away(&liar, FAULT, &key, "message");

        // One small message after the other, each of them allowed.
        let (_, key) = siege.new_member();
        let mut liar = siege.joined(&key, 0);
        let endless =
            framed(&Frame::Message(Message::Ack { position: 0, credit: 4_096 }).encode()).repeat(64);
        let mut sent = 0_u64;
        while wait(liar.send.write_all(&endless)).is_ok() {
            sent += 64;
        }
        println!("{sent} messages of a stream without end");
        siege.sent_away(&liar, FAULT, &key, "unasked");
    });
}

fn begun(liar: &Liar, opening: u8, bytes: &[u8]) -> SendStream {
    let mut stream = liar.open(opening);
    wait(stream.write_all(bytes)).unwrap();
    stream
}

#[test]
fn a_million_announced_transactions_that_do_not_exist_are_bounded_and_found_out() {
    const ANNOUNCED: u64 = 1_000_000;
    let tell = |liar: &mut Liar, first: u64| {
        let ids = invented(first..first + LOG_ENTRIES as u64);
        liar.say(&entries(first, ANNOUNCED - first - LOG_ENTRIES as u64, &ids))
    };
    Siege::hold(|siege| {
        let wanted = || siege.metric("weft_wanted_transactions", &[]);
        // As fast as they can be written.
        let (_, key) = siege.new_member();
        let mut hasty = siege.joined(&key, ANNOUNCED);
        let told = (0..ANNOUNCED).step_by(LOG_ENTRIES).take_while(|first| tell(&mut hasty, *first)).count();
        assert!(told * LOG_ENTRIES < ANNOUNCED as usize, "it was stopped");
        siege.sent_away(&hasty, FAULT, &key, "log");

        // No more than is granted, and a word of excuse for each that is asked for.
        let (_, key) = siege.new_member();
        let mut patient = siege.joined(&key, ANNOUNCED);
        for first in (0..TAIL_CREDIT as u64).step_by(LOG_ENTRIES) {
            assert!(tell(&mut patient, first));
        }
        let mut answers = patient.open(BULK);
        let mut requests = 0;
        while let Some(message) = patient.hear() {
            let Message::Want { request, .. } = message else { continue };
            requests += 1;
            let done = Message::Done { request, lacking: vec![], withheld: vec![] };
            let answered = wait(answers.write_all(&framed(&Frame::Message(done).encode())));
            assert!(wanted() <= TAIL_CREDIT as u64);
            if answered.is_err() {
                break;
            }
        }
        println!("{requests} requests until it was found out");
        siege.sent_away(&patient, FAULT, &key, "undelivered");
        wait_until("nothing of it stays", || wanted() == 0);
    });
}

/// A reading with fewer zero bits of work than it needs.
fn without_work(device: &mut Device, parents: [TxId; 2]) -> Vec<u8> {
    let wish = device.reading(parents);
    let signed = device.sign(&wish);
    let seed = signed.seed();
    let nonce = (0..).map(Nonce).find(|nonce| leading_zero_bits(&seed, *nonce) < WORK.into());
    signed.with_nonce(nonce.unwrap())
}

/// A reading worked for, whose signature is not the device's.
fn with_wrong_signature(device: &mut Device, parents: [TxId; 2]) -> Vec<u8> {
    let wish = device.reading(parents);
    let mut wire = device.wire(&wish);
    let signature = HEADER_BYTES..BODY_OFFSET - Nonce(0).to_bytes().len();
    wire[signature.start + 40] ^= 1;
    let seed = Seed::of(device.sign(&wish).id().as_bytes(), &wire[signature.clone()]);
    let difficulty = Difficulty::new(WORK).unwrap();
    let nonce = search_on_threads(seed, difficulty, NonZero::<usize>::MIN, &AtomicBool::new(false));
    wire[signature.end..BODY_OFFSET].copy_from_slice(&nonce.unwrap().to_bytes());
    wire
}

#[test]
fn whoever_passes_on_what_it_cannot_have_checked_is_sent_away() {
    type Forges = fn(&mut Device, [TxId; 2]) -> Vec<u8>;
    Siege::hold(|siege| {
        let mut device = siege.device(7);
        for (fault, forge) in
            [("work", without_work as Forges), ("signature", with_wrong_signature as Forges)]
        {
            let (_, key) = siege.new_member();
            let liar = siege.joined(&key, 0);
            let parents = siege.target.parents(&device.id());
            let wires: Vec<Vec<u8>> = (0..5).map(|_| forge(&mut device, parents)).collect();
            let mut stream = liar.open(LIVE);
            push(&mut stream, 9, &wires);
            siege.sent_away(&liar, FAULT, &key, fault);
        }
    });
}

#[test]
fn of_an_equivocating_devices_hundred_variants_two_are_kept_and_who_passes_them_on_is_no_liar() {
    Siege::hold(|siege| {
        let mut device = siege.device(8);
        let (_, key) = siege.new_member();
        let liar = siege.joined(&key, 0);
        let parents = siege.target.parents(&device.id());
        let mut wish = device.reading(parents);
        let variants: Vec<(TxId, Vec<u8>)> = (0..100)
            .map(|number: u32| {
                wish.content = number.to_string().into_bytes();
                (device.sign(&wish).id(), device.wire(&wish))
            })
            .collect();
        let wires: Vec<Vec<u8>> = variants.iter().map(|(_, wire)| wire.clone()).collect();
        let bytes: u64 = wires.iter().map(|wire| wire.len() as u64).sum();
        let mut stream = liar.open(LIVE);
        assert!(push(&mut stream, 9, &wires));
        let name = DeviceId::of(key.public_key()).to_string();
        let view = || peers(&siege.target).into_iter().find(|peer| peer["device"] == *name).unwrap();
        wait_until("all have come and are judged", || {
            let view = view();
            view["received_bytes"].as_u64() > Some(bytes) && view["held_bytes"] == 0
        });
        let kept = || variants.iter().filter(|(id, _)| has(&siege.target, id)).count();
        wait_until("as many as are kept are there", || kept() >= VARIANTS_PER_COUNTER);
        assert_eq!(kept(), VARIANTS_PER_COUNTER);
        let view = view();
        assert_eq!(view["gossip"]["points"], 0, "{view}");
        assert!(siege.metric("weft_pending_transactions", &[]) == 0, "none of them waits");
    });
}
