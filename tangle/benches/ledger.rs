//! What the ledger itself costs: ids, encoding, decoding, attaching, and choosing parents for tickets.
//!
//! `cargo bench -p weft-tangle --bench ledger` prints one line for each. Under `cargo test` it makes a tiny run and
//! says nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints; the ledger does not"
)]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use weft_pow::Nonce;
use weft_tangle::finality::{Entry, Outcome};
use weft_tangle::replica::{Effect, Event, Replica, Source, Tips, Token};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{
    DeviceId, Draft, Header, History, HistoryError, Issuer, Kind, Network, NetworkParts, Position, Role,
    Rules, Screened, Standing, Timestamp, Transaction, TxId, Verified,
};

/// Runs of each measurement; the median is reported.
const RUNS: usize = 5;
/// Bytes of a reading's content, so that a transaction has 2.8 KB.
const CONTENT: [u8; 196] = [b'x'; 196];
/// Transactions that become durable at once, as in a group commit.
const COMMIT: usize = 64;
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|argument| argument == "--bench")
        && !std::env::args().any(|argument| argument == "--test");
    let count = |full: usize| if measured { full } else { 100 };
    let report = |what: &str, rate: f64| {
        if measured {
            println!("{what:<40} {rate:>12.0}/s  ({:.2} us each)", 1e6 / rate);
        }
    };

    let key = SigningKey::from_seed(&Seed::from_bytes([1; 32]))?;
    let member = SigningKey::from_seed(&Seed::from_bytes([2; 32]))?;
    let network = Arc::new(Network::new(NetworkParts {
        name: "bench".into(),
        created: START,
        open_enrolment: true,
        rules: Rules::new(600_000, u32::MAX, 0, 0)?,
        registrars: vec![],
        committee: vec![member.public_key().clone()],
    })?);
    let standing = Standing::Enrolled { role: Role::Sensor, valid: START..Timestamp::from_millis(u64::MAX) };
    let issuer = Issuer::new(key.public_key(), vec![standing])?;
    let chain = chain(&network, &key, &issuer, count(20_000))?;

    let transaction = chain[0].transaction();
    let header = transaction.header().encode();
    let ids = count(1_000_000);
    report(
        "ids (keyed hash of a header)",
        median_rate(ids, || {
            for _ in 0..ids {
                black_box(TxId::of(network.id(), START, black_box(&header)));
            }
        }),
    );
    report(
        "headers encoded and decoded",
        median_rate(ids, || {
            for _ in 0..ids {
                let decoded = Header::decode(black_box(&header)).expect("a header that was encoded decodes");
                assert_eq!(black_box(decoded.encode())[0], 1);
            }
        }),
    );
    let decodes = count(100_000);
    let wire = transaction.wire();
    report(
        &format!("transactions of {} bytes decoded", wire.len()),
        median_rate(decodes, || {
            for _ in 0..decodes {
                assert!(Transaction::decode(&network, black_box(wire)).is_ok());
            }
        }),
    );
    report("transactions attached and made durable", median_rate(chain.len(), || attach(&network, &chain)));
    let pairs = count(200_000);
    for tips in [10, 1_000, 16_000] {
        report(&format!("pairs of parents, pool of {tips}"), lease(tips, pairs));
    }
    Ok(())
}

/// Readings that each approve the two before them.
fn chain(
    network: &Network,
    key: &SigningKey,
    issuer: &Issuer,
    count: usize,
) -> Result<Vec<Verified>, Box<dyn Error>> {
    let mut parents = [network.genesis(); 2];
    (0..count)
        .map(|index| {
            let (kind, content_format) = (Kind::Reading, 112);
            let timestamp = START.plus(1 + index as u64);
            let (counter, salt) = (index as u32, [3; 16]);
            let draft = Draft { kind, content_format, counter, timestamp, parents, salt, content: &CONTENT };
            let wire = draft.sign(network.id(), key)?.with_nonce(Nonce::from_bytes([0; 8]));
            let screened = Screened::check(network, Transaction::decode(network, &wire)?)?;
            let verified = Verified::check(network, screened, issuer)?;
            parents = [verified.id(), parents[0]];
            Ok(verified)
        })
        .collect()
}

/// What is durable, in a map.
#[derive(Default)]
struct MapHistory(BTreeMap<TxId, (DeviceId, u32)>);

impl History for MapHistory {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.0.contains_key(id))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let range = TxId::first_at(range.start)..TxId::first_at(range.end);
        let own = self.0.range(range).filter(|(_, (device, _))| device == issuer);
        own.for_each(|(id, (_, counter))| visit(*id, *counter));
        Ok(())
    }

    fn standings(&self, _: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(Vec::new())
    }

    /// Asked only for peers.
    fn log(&self, _: Range<u64>, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.0.contains_key(id).then_some(false))
    }

    fn entry(&self, _: &TxId) -> Result<Option<Entry>, HistoryError> {
        Ok(None)
    }

    fn outcome(&self, _: &TxId) -> Result<Option<Outcome>, HistoryError> {
        Ok(None)
    }

    weft_tangle::no_commits_stored!();
}

fn attach(network: &Arc<Network>, chain: &[Verified]) {
    let mut replica = Replica::new(Arc::clone(network), Position(0));
    let mut history = MapHistory::default();
    let now = START.plus(chain.len() as u64);
    let mut answers = 0;
    for (index, transaction) in chain.iter().enumerate() {
        let (transaction, token) = (transaction.clone(), Some(Token(index as u64)));
        let received = Event::Received { transaction, source: Source::Door, token };
        let effects = replica.handle(received, now, &history).expect("a map can be read");
        for effect in effects {
            let Effect::Persist(attached) = effect else { continue };
            let header = attached.transaction().header();
            history.0.insert(attached.id(), (header.issuer, header.counter));
        }
        if (index + 1) % COMMIT == 0 || index + 1 == chain.len() {
            let durable = Event::Durable { position: Some(Position(index as u64)), commit: None };
            answers += replica.handle(durable, now, &history).expect("a map can be read").len();
        }
    }
    assert_eq!(answers, chain.len(), "every transaction is answered");
}

/// Pairs a second from a pool of this many tips.
fn lease(count: usize, pairs: usize) -> f64 {
    let genesis = TxId::first_at(START);
    let mut tips = Tips::new(genesis);
    (1..=count).for_each(|index| tips.insert(TxId::first_at(START.plus(index as u64)), [genesis; 2]));
    let now = START.plus(count as u64);
    let mut rng = ChaCha8Rng::from_seed([1; 32]);
    median_rate(pairs, || {
        for _ in 0..pairs {
            assert_eq!(tips.lease(1, now, &mut rng).len(), 1);
        }
    })
}

/// Operations a second: the median of [`RUNS`] runs of `work`, which does `operations` of them.
fn median_rate(operations: usize, mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    operations as f64 / seconds[RUNS / 2]
}
