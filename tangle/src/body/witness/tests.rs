//! The encoding of witnesses, and what their headers must be.

use super::*;
use crate::signing::{Seed, SigningKey};
use crate::{DeviceId, Kind, NetworkParts, Rules, Timestamp, content_format};
use proptest::prelude::*;

fn id(ms: u64) -> TxId {
    TxId::from_parts(Timestamp::from_millis(ms), &[ms as u8; 32])
}

fn round(number: u64) -> Round {
    Round::new(number).unwrap()
}

fn vote(index: u64) -> Vote {
    Vote { index, digest: Digest([7; 32]) }
}

#[test]
fn the_layout() {
    let witness = Witness::new(round(0x0203), vote(0x0405), vec![id(9), id(8)], vec![id(4)]).unwrap();
    let content = witness.encode();
    assert_eq!(content[..16], [0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5]);
    assert_eq!(content[16..48], [7; 32]);
    assert_eq!(content[48..80], blake2s(&[&content[80..]]));
    assert_eq!(content[80..83], [2, 0, 1]);
    let ids = [id(8), id(9), id(4)].map(|id| *id.as_bytes()).concat();
    assert_eq!(content[83..], ids);
    assert_eq!(Witness::decode(&content), Ok(witness));
}

#[test]
fn what_is_not_canonical_is_refused() {
    let make = |number, parents: &[u64], sweeps: &[u64]| {
        let ids = |list: &[u64]| list.iter().map(|ms| id(*ms)).collect::<Vec<_>>();
        Witness::new(round(number), vote(1), ids(parents), ids(sweeps))
    };
    assert!(make(2, &[1, 2], &[3]).is_ok());
    for (number, parents, sweeps) in
        [(2, &[1, 1][..], &[3][..]), (2, &[1, 2], &[3, 3]), (2, &[1, 3], &[3]), (1, &[1], &[])]
    {
        assert!(make(number, parents, sweeps).is_err(), "{number} {parents:?} {sweeps:?}");
    }
    let many: Vec<u64> = (1..=257).collect();
    assert!(make(2, &many[..COMMITTEE], &[]).is_ok() && make(2, &many[..=COMMITTEE], &[]).is_err());
    assert!(make(2, &[], &many[..SWEEPS]).is_ok() && make(2, &[], &many).is_err());

    let content = make(2, &[1, 2], &[3]).unwrap().encode();
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = content.clone();
        change(&mut content);
        let list = blake2s(&[&content[80..]]);
        content[48..80].copy_from_slice(&list);
        Witness::decode(&content).is_err()
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|content| content[7] = 0), "round 0");
    assert!(refused(&|content| content[15] = 0), "a vote for no commit with a digest");
    assert!(refused(&|content| content.push(0)), "trailing");
    assert!(refused(&|content| content[80] = 1), "ids left over");
    assert!(refused(&|content| content[80] = 200), "more ids than there are");
    assert!(refused(&|content| content[83..163].rotate_left(40)), "descending");
    let mut other = content.clone();
    other[50] ^= 1;
    assert!(Witness::decode(&other).is_err(), "the list is another");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_come_back(number in 0u64..3, index in 0u64..2, counts: [u8; 3], ids in proptest::collection::vec(0u64..4, 0..6), cut in 0usize..3, right: bool) {
        let list: Vec<u8> = ids.iter().flat_map(|ms| *id(*ms).as_bytes()).collect();
        let list = [&[counts[0] % 4, 0, counts[2] % 4][..], &list].concat();
        let digest = if right { blake2s(&[&list]) } else { [3; 32] };
        let mut content = [&number.to_be_bytes()[..], &index.to_be_bytes(), &[0; 32], &digest, &list].concat();
        content.truncate(content.len() - cut);
        if let Ok(witness) = Witness::decode(&content) {
            prop_assert_eq!(&witness.encode(), &content);
            prop_assert_eq!(WitnessHead::decode(content.first_chunk().unwrap()), Ok(*witness.head()));
        }
    }
}

fn network(members: u8) -> Network {
    let key = |seed| SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap().public_key().clone();
    Network::new(NetworkParts {
        name: "witnesses".into(),
        created: Timestamp::from_millis(1),
        open_enrolment: true,
        rules: Rules::default(),
        registrars: vec![],
        committee: (0..members).map(key).collect(),
    })
    .unwrap()
}

fn header(network: &Network, witness: &Witness, previous: Option<TxId>) -> Header {
    Header {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: 0,
        timestamp: Timestamp::from_millis(100),
        issuer: DeviceId::from_bytes([1; 32]),
        parents: witness.header_parents(previous, network.genesis()),
        body_digest: Digest([0; 32]),
    }
}

#[test]
fn the_header_follows_from_the_list() {
    let network = network(4);
    let genesis = network.genesis();
    let witness = |number, parents: &[u64], sweeps: &[u64]| {
        let ids = |list: &[u64]| list.iter().map(|ms| id(*ms)).collect::<Vec<_>>();
        Witness::new(round(number), Vote::NONE, ids(parents), ids(sweeps)).unwrap()
    };
    for (number, parents, sweeps, previous, second) in [
        (1, &[][..], &[][..], None, None),
        (1, &[], &[5], None, Some(5)),
        (2, &[6, 7, 8], &[5], Some(6), Some(7)),
        (2, &[6, 7, 8], &[5], Some(8), Some(6)),
        (9, &[6, 7, 8], &[], Some(2), Some(6)),
    ] {
        let witness = witness(number, parents, sweeps);
        let header = header(&network, &witness, previous.map(id));
        assert_eq!(header.parents, [previous.map_or(genesis, id), second.map_or(genesis, id)]);
        assert_eq!(witness.check_header(&header, &network), Ok(()));
        let other = Header { parents: [header.parents[0], id(1)], ..header.clone() };
        assert!(witness.check_header(&other, &network).is_err(), "another second parent");
        for newest in parents.iter().chain(sweeps) {
            let early = Header { timestamp: Timestamp::from_millis(*newest), ..header.clone() };
            assert!(witness.check_header(&early, &network).is_err(), "not younger than {newest}");
        }
    }
    for (number, parents, sweeps) in [(2, &[6, 7][..], &[5][..]), (2, &[6, 7, 8, 9, 10], &[])] {
        let witness = witness(number, parents, sweeps);
        let header = header(&network, &witness, None);
        assert!(witness.check_header(&header, &network).is_err(), "{parents:?}");
    }
    let sweeps_own = witness(9, &[6, 7, 8], &[5]);
    assert!(sweeps_own.check_header(&header(&network, &sweeps_own, Some(id(5))), &network).is_err());
    let names_genesis = Witness::new(round(1), Vote::NONE, vec![], vec![genesis]).unwrap();
    assert!(names_genesis.check_header(&header(&network, &names_genesis, None), &network).is_err());
}

#[test]
fn a_committee_of_one_needs_nobody_else() {
    let network = network(1);
    for (number, parents, previous) in [(1, vec![], None), (2, vec![id(50)], Some(id(50)))] {
        let witness = Witness::new(round(number), Vote::NONE, parents, vec![]).unwrap();
        let header = header(&network, &witness, previous);
        assert_eq!(witness.check_header(&header, &network), Ok(()));
    }
}
