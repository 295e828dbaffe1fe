//! Messages and frames between nodes; bytes that are neither.

use super::hex;
use super::made::Made;
use super::world::World;
use serde_json::{Value, json};
use weft_tangle::gossip::{Checkpoint, Class, Frame, Fresh, Message, Run, Stretch, Tree};
use weft_tangle::limits::{BODY_OFFSET, TRANSACTION_MAX_BYTES};
use weft_tangle::{DeviceId, TxId};

/// The transaction of which a frame holds what is left.
const ERASED: &str = "reading-json";

/// Frames of all streams with their fields, and frames that are refused.
pub(crate) fn frames(world: &World, valid: &[Made]) -> Value {
    let ids: Vec<TxId> = valid.iter().take(3).map(|made| made.id).collect();
    let rows: Vec<Value> = messages(&ids).into_iter().map(row).collect();
    let wires: Vec<Vec<u8>> = valid.iter().take(2).map(Made::wire).collect();
    let wires: Vec<&[u8]> = wires.iter().map(Vec::as_slice).collect();
    let pushed = Frame::Pushed(Tree::of(&world.id("fog")), wires.clone()).encode();
    let bodies = Frame::Bodies(wires).encode();
    let erased: Vec<Vec<u8>> = valid.iter().filter(|made| made.name == ERASED).map(Made::wire).collect();
    let left = Frame::Bodies(erased.iter().map(|wire| &wire[..BODY_OFFSET]).collect()).encode();
    let names: Vec<&str> = valid.iter().take(2).map(|made| made.name).collect();
    let leads = |own: &str, peer: &str| {
        let [own_id, peer_id] = [own, peer].map(|name| world.id(name));
        json!({"own": own, "peer": peer, "leads": leads(&own_id, &peer_id)})
    };
    json!({
        "about": "Whole frames without their length (page 14). The two of transactions hold `transactions` of transactions.json; that of `erased` holds what is left of one without its body; `leads` are by the names of keys.json. Where an invalid one has `then`, so many transactions of so many times that byte follow, each behind its length.",
        "messages": rows,
        "transactions": names,
        "live": {"tree": Tree::of(&world.id("fog")).0, "hex": hex(&pushed)},
        "bulk": {"hex": hex(&bodies)},
        "erased": {"transaction": ERASED, "hex": hex(&left)},
        "leads": [leads("fog", "member-a"), leads("member-a", "fog"), leads("fog", "member-b"), leads("member-b", "member-a")],
        "invalid": invalid(&ids),
    })
}

/// The rule as page 14 has it.
fn leads(own: &DeviceId, peer: &DeviceId) -> bool {
    let last_bits_are_equal = (own.as_bytes()[31] ^ peer.as_bytes()[31]) & 1 == 0;
    (own < peer) == last_bits_are_equal
}

fn messages(ids: &[TxId]) -> Vec<(Message, Value)> {
    let mark = |position: u64, id: TxId| Checkpoint { position, id, life: 1_767_225_600_000 };
    let text: Vec<String> = ids.iter().map(TxId::to_string).collect();
    let hash = |id: &TxId| std::array::from_fn(|at| id.as_bytes()[8 + at]);
    let time = |id: &TxId| id.timestamp().as_millis() as i64;
    let runs = vec![
        Run::New(vec![
            Fresh { delta: time(&ids[0]), hash: hash(&ids[0]) },
            Fresh { delta: time(&ids[1]) - time(&ids[0]), hash: hash(&ids[1]) },
        ]),
        Run::Yours { skip: 300, count: 2 },
        Run::New(vec![Fresh { delta: time(&ids[2]) - time(&ids[1]), hash: hash(&ids[2]) }]),
        Run::Yours { skip: -3, count: 1 },
    ];
    let ranges = vec![Stretch { first: 1_000, count: 16 }, Stretch { first: 2_000, count: 1 }];
    vec![
        (
            Message::Tail { checkpoints: vec![mark(300, ids[1]), mark(7, ids[0])], credit: 4_096 },
            json!({"message": "tail", "checkpoints": [[300, text[1], 1_767_225_600_000_u64], [7, text[0], 1_767_225_600_000_u64]],
                   "credit": 4_096}),
        ),
        (
            Message::Tail { checkpoints: vec![], credit: 1 },
            json!({"message": "tail", "checkpoints": [], "credit": 1}),
        ),
        (
            Message::From { position: 301, length: u64::MAX, life: 1_767_225_600_001 },
            json!({"message": "from", "position": 301, "length": u64::MAX, "life": 1_767_225_600_001_u64}),
        ),
        (
            Message::Log { first: 301, behind: 128, runs },
            json!({"message": "log", "first": 301, "behind": 128,
                   "entries": [text[0], text[1], 300, 301, text[2], 299]}),
        ),
        (
            Message::Ack { position: 16_384, credit: 127 },
            json!({"message": "ack", "position": 16_384, "credit": 127}),
        ),
        (
            Message::Want { request: 9, graft: true, ranges, ids: vec![ids[2]] },
            json!({"message": "want", "request": 9, "graft": true, "ranges": [[1_000, 16], [2_000, 1]], "ids": [text[2]]}),
        ),
        (
            Message::Done { request: 9, lacking: vec![ids[2]], withheld: vec![ids[0], ids[1]] },
            json!({"message": "done", "request": 9, "lacking": [text[2]], "withheld": [text[0], text[1]]}),
        ),
        (Message::Prune { tree: 0xC8A1_0007 }, json!({"message": "prune", "tree": 0xC8A1_0007_u32})),
    ]
}

fn row((message, fields): (Message, Value)) -> Value {
    let frame = Frame::Message(message);
    json!({"fields": fields, "stream": name(frame.class()), "hex": hex(&frame.encode())})
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Live => "live",
        Class::Bulk => "bulk",
    }
}

fn invalid(ids: &[TxId]) -> Vec<Value> {
    let rows: [(&str, &str, &[u8]); 13] = [
        ("control", "an empty frame", &[]),
        ("control", "a message that version 1 does not know", &[7]),
        ("control", "it ends early", &[6]),
        ("control", "a byte behind its end", &[6, 1, 9]),
        ("control", "a number longer than it needs to be", &[3, 0x80, 0, 0]),
        ("control", "a list that declares more than it has", &[0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
        ("control", "a log without entries", &[2, 0, 0, 0]),
        ("control", "a done on the wrong stream", &[5, 1, 0]),
        ("bulk", "another message on the wrong stream", &[1, 6, 1]),
        ("control", "a tree above its bound", &[6, 0xFF, 0xFF, 0xFF, 0xFF, 0x10]),
        ("live", "a tree that ends early", &[0, 0, 7]),
        ("live", "a tree without transactions", &[0, 0, 0, 7]),
        ("live", "a transaction of no bytes", &[0, 0, 0, 7, 0, 0]),
    ];
    let rows =
        rows.iter().map(|(stream, why, bytes)| json!({"stream": stream, "why": why, "hex": hex(bytes)}));
    rows.chain(beyond_bounds(ids)).chain(long()).collect()
}

/// Messages whose numbers and lists are beyond what they may be.
fn beyond_bounds(ids: &[TxId]) -> impl Iterator<Item = Value> {
    let mark = |position: u8, id: &TxId| [&[position], &id.as_bytes()[..], &[1]].concat();
    let two = |first, second| [&[0, 2][..], &mark(first, &ids[0]), &mark(second, &ids[1]), &[1]].concat();
    let rows: [(&str, Vec<u8>); 12] = [
        ("checkpoints that ascend", two(7, 9)),
        ("two checkpoints of one position", two(7, 7)),
        ("33 checkpoints", [&[0, 33][..], &[0; 33 * 42], &[1]].concat()),
        ("a credit of 33 bits", vec![3, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x10]),
        ("a graft that is neither no nor yes", vec![4, 9, 2, 1, 5, 1, 0]),
        ("a request for nothing", vec![4, 9, 0, 0, 0]),
        ("a range of nothing", vec![4, 9, 0, 2, 5, 0, 6, 1, 0]),
        ("a request for 129 transactions", vec![4, 9, 0, 1, 5, 0x81, 1, 0]),
        ("33 ranges", [&[4, 9, 0, 33][..], &[1; 66], &[0]].concat()),
        ("a run of nothing", vec![2, 0, 0, 1, 1, 0, 0]),
        ("257 entries", vec![2, 0, 0, 1, 1, 0, 0x81, 2]),
        ("a run that version 1 does not know", vec![2, 0, 0, 1, 2, 0, 1]),
    ];
    rows.into_iter().map(|(why, bytes)| json!({"stream": "control", "why": why, "hex": hex(&bytes)}))
}

/// Frames of transactions that are too long, or hold one that is. The transactions are described, for their length.
fn long() -> impl Iterator<Item = Value> {
    let rows = [
        ("live", "00000007", "a frame above 65,536 bytes", 4, TRANSACTION_MAX_BYTES),
        ("bulk", "00", "a frame above 65,536 bytes", 4, TRANSACTION_MAX_BYTES),
        ("bulk", "00", "a transaction above 18,972 bytes", 1, TRANSACTION_MAX_BYTES + 1),
    ];
    rows.into_iter().map(|(stream, hex, why, transactions, bytes)| {
        let then = json!({"transactions": transactions, "bytes": bytes, "byte": "01"});
        json!({"stream": stream, "why": why, "hex": hex, "then": then})
    })
}
