//! What two nodes say while one tails the other's log, right and wrong.

use super::hex;
use super::made::Made;
use super::world::NOW;
use serde_json::{Value, json};
use weft_tangle::TxId;
use weft_tangle::gossip::{Checkpoint, Fresh, Message, Run, Stretch};

/// Entries of the node's log.
const LENGTH: usize = 5;

/// A message, and who says it.
enum Said {
    Node(Message),
    Peer(Message),
}

use Said::{Node, Peer};

/// The file.
pub(crate) fn exchanges(valid: &[Made]) -> Value {
    let log: Vec<TxId> = valid.iter().take(LENGTH).map(|made| made.id).collect();
    let names: Vec<&str> = valid.iter().take(LENGTH).map(|made| made.name).collect();
    let life = NOW.as_millis();
    let stories: Vec<Value> = stories(&log, life)
        .into_iter()
        .map(|(about, fault, said)| {
            let steps: Vec<Value> = said.iter().map(|said| step(said, &log)).collect();
            json!({"about": about, "steps": steps, "fault": fault})
        })
        .collect();
    json!({
        "about": "Messages on the control stream between `node`, whose log holds `log` of transactions.json and nothing else and \
                  which began to live in `life`, and `peer`, in the order in which they are said; both are names of keys.json. \
                  Neither tells a transaction that is new meanwhile. `fault` is what the node finds in the peer's last message, \
                  null where there is none.",
        "node": "fog",
        "peer": "member-a",
        "life": life,
        "log": names,
        "stories": stories,
    })
}

fn stories(log: &[TxId], life: u64) -> Vec<(&'static str, Option<&'static str>, Vec<Said>)> {
    let length = LENGTH as u64;
    let credit = 4_096;
    let mark = |position: usize| Checkpoint { position: position as u64, id: log[position], life };
    let tail = |checkpoints: Vec<Checkpoint>| Message::Tail { checkpoints, credit };
    let from = |position| Message::From { position, length, life };
    let theirs = |position, length| Message::From { position, length, life: 7 };
    let told = |first: usize| {
        let mut time = 0;
        let fresh = log[first..].iter().map(|id| {
            let at = id.timestamp().as_millis() as i64;
            let delta = at - std::mem::replace(&mut time, at);
            Fresh { delta, hash: std::array::from_fn(|byte| id.as_bytes()[8 + byte]) }
        });
        Message::Log { first: first as u64, behind: 0, runs: vec![Run::New(fresh.collect())] }
    };
    let yours = |first, count| Message::Log { first, behind: 0, runs: vec![Run::Yours { skip: 0, count }] };
    let ack = |position, credit| Message::Ack { position, credit };
    let want = |request, first, count| Message::Want {
        request,
        graft: false,
        ranges: vec![Stretch { first, count }],
        ids: vec![],
    };
    let own = || Node(tail(vec![]));
    // A peer that remembers nothing, told all.
    let begun = || vec![own(), Peer(tail(vec![])), Node(from(0)), Node(told(0))];
    // A peer whose log is opened.
    let opened = || vec![own(), Peer(theirs(0, 3))];
    let with = |mut said: Vec<Said>, more: Vec<Said>| {
        said.extend(more);
        said
    };
    vec![
        (
            "a checkpoint at 2 is found: the log comes from 3",
            None,
            vec![
                own(),
                Peer(tail(vec![mark(2), mark(0)])),
                Node(from(3)),
                Node(told(3)),
                Peer(ack(4, credit)),
                Peer(ack(5, credit)),
            ],
        ),
        (
            "a checkpoint of another log: the one below it serves",
            None,
            vec![
                own(),
                Peer(tail(vec![Checkpoint { id: log[3], ..mark(2) }, mark(0)])),
                Node(from(1)),
                Node(told(1)),
            ],
        ),
        (
            "a checkpoint behind the end: the log was cut back",
            None,
            vec![
                own(),
                Peer(tail(vec![Checkpoint { position: 9, ..mark(2) }, mark(1)])),
                Node(from(2)),
                Node(told(2)),
            ],
        ),
        ("nothing remembered: all of it", None, begun()),
        (
            "credit may change with an acknowledgement",
            None,
            vec![
                own(),
                Peer(Message::Tail { checkpoints: vec![mark(0)], credit: 4 }),
                Node(from(1)),
                Node(told(1)),
                Peer(ack(3, 2)),
            ],
        ),
        (
            "what is durable here is settled when it is told",
            None,
            with(opened(), vec![Peer(yours(0, 3)), Node(ack(3, credit))]),
        ),
        ("a second tail", Some("budget"), with(begun(), vec![Peer(tail(vec![]))])),
        ("an acknowledgement before the tail", Some("log"), vec![own(), Peer(ack(0, credit))]),
        ("one of what was not told", Some("log"), with(begun(), vec![Peer(ack(6, credit))])),
        ("one that goes back", Some("log"), with(begun(), vec![Peer(ack(3, credit)), Peer(ack(2, credit))])),
        ("one that says what the tail said", Some("unasked"), with(begun(), vec![Peer(ack(0, credit))])),
        ("one twice", Some("unasked"), with(begun(), vec![Peer(ack(3, credit)), Peer(ack(3, credit))])),
        ("a request for what was not told", Some("budget"), with(begun(), vec![Peer(want(1, 4, 2))])),
        ("one before the tail", Some("budget"), vec![own(), Peer(want(1, 0, 1))]),
        (
            "the number of a request that is open",
            Some("budget"),
            with(begun(), vec![Peer(want(1, 0, 1)), Peer(want(1, 1, 1))]),
        ),
        ("a log from where no checkpoint stands", Some("log"), vec![own(), Peer(theirs(1, 3))]),
        ("a log that is opened twice", Some("log"), with(opened(), vec![Peer(theirs(0, 3))])),
        ("entries before the log is opened", Some("log"), vec![own(), Peer(yours(0, 1))]),
        ("entries that leave out one", Some("log"), with(opened(), vec![Peer(yours(1, 1))])),
        ("entries again", Some("log"), with(opened(), vec![Peer(yours(0, 1)), Peer(yours(0, 1))])),
        ("a transaction twice", Some("log"), with(opened(), vec![Peer(yours(0, 1)), Peer(yours(1, 1))])),
        ("places that are not in the reader's log", Some("log"), with(opened(), vec![Peer(yours(0, 6))])),
    ]
}

fn step(said: &Said, log: &[TxId]) -> Value {
    let (from, message) = match said {
        Node(message) => ("node", message),
        Peer(message) => ("peer", message),
    };
    let name = |id: &TxId| id.to_string();
    let fields = match message {
        Message::Tail { checkpoints, credit } => {
            let marks: Vec<Value> =
                checkpoints.iter().map(|mark| json!([mark.position, name(&mark.id), mark.life])).collect();
            json!({"message": "tail", "checkpoints": marks, "credit": credit})
        }
        Message::From { position, length, life } => {
            json!({"message": "from", "position": position, "length": length, "life": life})
        }
        Message::Log { first, behind, runs } => {
            let entries: Vec<Value> = runs
                .iter()
                .flat_map(|run| match run {
                    Run::New(fresh) => {
                        log[log.len() - fresh.len()..].iter().map(|id| name(id).into()).collect()
                    }
                    Run::Yours { count, .. } => (0..u64::from(*count)).map(Value::from).collect::<Vec<_>>(),
                })
                .collect();
            json!({"message": "log", "first": first, "behind": behind, "entries": entries})
        }
        Message::Ack { position, credit } => {
            json!({"message": "ack", "position": position, "credit": credit})
        }
        Message::Want { request, graft, ranges, ids } => {
            let ranges: Vec<Value> = ranges.iter().map(|range| json!([range.first, range.count])).collect();
            let ids: Vec<String> = ids.iter().map(name).collect();
            json!({"message": "want", "request": request, "graft": graft, "ranges": ranges, "ids": ids})
        }
        _ => Value::Null,
    };
    json!({"from": from, "fields": fields, "hex": hex(&message.encode())})
}
