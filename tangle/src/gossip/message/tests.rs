//! Every message comes back, and no other bytes pass.

use super::super::runs::Fresh;
use super::*;
use proptest::prelude::*;

fn id() -> impl Strategy<Value = TxId> {
    any::<([u8; 20], [u8; 20])>().prop_map(|(a, b)| {
        TxId::from_bytes(std::array::from_fn(|at| if at < 20 { a[at] } else { b[at - 20] }))
    })
}

fn run() -> impl Strategy<Value = Run> {
    let fresh = any::<(i64, [u8; 32])>().prop_map(|(delta, hash)| Fresh { delta, hash });
    prop_oneof![
        proptest::collection::vec(fresh, 1..9).prop_map(Run::New),
        (any::<i64>(), 1u32..9).prop_map(|(skip, count)| Run::Yours { skip, count }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let ids = || proptest::collection::vec(id(), 0..6);
    let stretch = (any::<u64>(), 1u32..20).prop_map(|(first, count)| Stretch { first, count });
    prop_oneof![
        (proptest::collection::btree_map(any::<u64>(), id(), 0..5), any::<u32>()).prop_map(
            |(marks, credit)| {
                let newest_first = marks.into_iter().rev();
                let checkpoints =
                    newest_first.map(|(position, id)| Checkpoint { position, id, life: position }).collect();
                Message::Tail { checkpoints, credit }
            }
        ),
        any::<(u64, u64, u64)>().prop_map(|(position, length, life)| Message::From {
            position,
            length,
            life
        }),
        (any::<(u64, u64)>(), proptest::collection::vec(run(), 1..9))
            .prop_map(|((first, behind), runs)| Message::Log { first, behind, runs }),
        any::<(u64, u32)>().prop_map(|(position, credit)| Message::Ack { position, credit }),
        (any::<(u32, bool)>(), proptest::collection::vec(stretch, 1..5), ids())
            .prop_map(|((request, graft), ranges, ids)| Message::Want { request, graft, ranges, ids }),
        (any::<u32>(), ids(), ids()).prop_map(|(request, lacking, withheld)| Message::Done {
            request,
            lacking,
            withheld
        }),
        any::<u32>().prop_map(|tree| Message::Prune { tree }),
    ]
}

proptest! {
    #[test]
    fn every_message_comes_back(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn changed_bytes_are_refused_or_come_back(message in message(), at: prop::sample::Index, value: u8, cut in 0usize..3) {
        let mut bytes = message.encode();
        let at = at.index(bytes.len());
        bytes[at] = value;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Ok(decoded) = Message::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_come_back(bytes in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..80)) {
        if let Ok(decoded) = Message::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }
}

#[test]
fn what_is_unknown_or_too_much_is_refused_with_its_reason() {
    assert_eq!(Message::decode(&[KINDS]), Err(MessageError::Unknown(KINDS)));
    assert_eq!(Message::decode(&[]), Err(MessageError::Value("an empty frame is no message")));
    assert_eq!(Message::decode(&[6, 1, 9]), Err(MessageError::Trailing { kind: 6, bytes: 1 }));
    assert_eq!(Message::decode(&[6]), Err(MessageError::Encoding(6)));
    // The zero of an acknowledged position in two bytes.
    assert_eq!(Message::decode(&[3, 0x80, 0x00, 0]), Err(MessageError::Encoding(3)));
    let long = vec![2; MESSAGE_BYTES + 1];
    assert_eq!(Message::decode(&long), Err(MessageError::Long(MESSAGE_BYTES + 1)));
    // A list that declares four thousand million elements, and one that declares one too many and has them.
    assert_eq!(Message::decode(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]), Err(MessageError::Encoding(0)));
    let lacking = vec![TxId::from_bytes([1; 40]); WANT_IDS + 1];
    let too_many = Message::Done { request: 1, lacking, withheld: vec![] };
    assert_eq!(Message::decode(&too_many.encode()), Err(MessageError::Encoding(5)));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let refused = |message: Message| {
        assert!(matches!(Message::decode(&message.encode()), Err(MessageError::Value(_))), "{message:?}")
    };
    let at = |position| Checkpoint { position, id: TxId::from_bytes([2; 40]), life: 1 };
    refused(Message::Tail { checkpoints: vec![at(3), at(3)], credit: 1 });
    refused(Message::Log { first: 0, behind: 0, runs: vec![] });
    refused(Message::Log {
        first: 0,
        behind: 0,
        runs: vec![Run::Yours { skip: 0, count: LOG_ENTRIES as u32 + 1 }],
    });
    refused(Message::Log {
        first: 0,
        behind: 0,
        runs: vec![Run::Yours { skip: 0, count: 0 }, Run::Yours { skip: 0, count: 1 }],
    });
    let ranges = |count| vec![Stretch { first: 0, count }];
    refused(Message::Want { request: 0, graft: false, ranges: ranges(WANT_IDS as u32 + 1), ids: vec![] });
    refused(Message::Want {
        request: 0,
        graft: false,
        ranges: ranges(0),
        ids: vec![TxId::from_bytes([1; 40])],
    });
    refused(Message::Want { request: 0, graft: false, ranges: vec![], ids: vec![] });
    let ids = |count| vec![TxId::from_bytes([1; 40]); count];
    refused(Message::Done { request: 0, lacking: ids(1), withheld: ids(WANT_IDS) });
}

#[test]
fn the_longest_messages_fit_a_frame() {
    let fresh = Fresh { delta: i64::MIN, hash: [0xFF; 32] };
    let single = |index: usize| {
        if index.is_multiple_of(2) { Run::New(vec![fresh]) } else { Run::Yours { skip: i64::MIN, count: 1 } }
    };
    let id = TxId::from_bytes([0xFF; 40]);
    let longest = [
        Message::Log { first: u64::MAX, behind: u64::MAX, runs: vec![Run::New(vec![fresh]); LOG_ENTRIES] },
        Message::Log { first: u64::MAX, behind: u64::MAX, runs: (0..LOG_ENTRIES).map(single).collect() },
        Message::Done { request: u32::MAX, lacking: vec![id; WANT_IDS], withheld: vec![] },
        Message::Done { request: u32::MAX, lacking: vec![], withheld: vec![id; WANT_IDS] },
        Message::Want { request: u32::MAX, graft: true, ranges: vec![], ids: vec![id; WANT_IDS] },
        Message::Tail {
            checkpoints: (0..CHECKPOINTS as u64)
                .rev()
                .map(|p| Checkpoint { position: u64::MAX - 99 + p, id, life: u64::MAX })
                .collect(),
            credit: u32::MAX,
        },
    ];
    for message in longest {
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }
}
