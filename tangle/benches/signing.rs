//! Verifications and signatures a second: the physical limit that the other figures are held against.
//!
//! `cargo bench -p weft-tangle --bench signing` measures; run in any other way (by `cargo test`, or with `--test`)
//! it checks that each part works and ends at once.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, starts threads and prints; the ledger does not"
)]

use std::error::Error;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

use weft_tangle::signing::{Purpose, Seed, SigningKey, VerifyingKey, message};

/// Runs of each measurement; the median is reported.
const RUNS: usize = 5;
/// Distinct devices, so that no key stays hotter in the cache than it would in a node.
const DEVICES: u8 = 64;
/// Distinct signatures of each, for a node never sees one twice: the checks of a few that come again and again are faster,
/// their branches being predicted.
const SIGNATURES: u16 = 64;

/// A device's verifying key, a message and the signature over it.
struct Signed {
    key: VerifyingKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|argument| argument == "--bench")
        && !std::env::args().any(|argument| argument == "--test");
    let (verifications, signatures) = if measured { (20_000, 2_000) } else { (64, 4) };
    let distinct = if measured { SIGNATURES } else { 1 };

    let keys = (0..DEVICES)
        .map(|byte| SigningKey::from_seed(&Seed::from_bytes([byte; 32])))
        .collect::<Result<Vec<_>, _>>()?;
    let signed = (0..distinct)
        .flat_map(|number| keys.iter().map(move |key| (number, key)))
        .map(|(number, key)| {
            // A transaction's signature covers a 40-byte id.
            let message = message(Purpose::Transaction, &[1; 32], &[&[2; 38], &number.to_be_bytes()]);
            let signature = key.sign(&message).as_bytes().to_vec();
            Ok(Signed { key: VerifyingKey::parse(key.public_key())?, message, signature })
        })
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;

    let one = median_rate(verifications, || verify(&signed, verifications));
    let two = median_rate(2 * verifications, || {
        thread::scope(|scope| {
            scope.spawn(|| verify(&signed, verifications));
            verify(&signed, verifications);
        });
    });
    let sign = median_rate(signatures, || {
        for (index, key) in keys.iter().cycle().take(signatures).enumerate() {
            black_box(key.sign(&index.to_be_bytes()));
        }
    });

    if measured {
        println!("verifications/s, one thread:  {one:>8.0}  ({:.1} us each)", 1e6 / one);
        println!("verifications/s, two threads: {two:>8.0}");
        println!("signatures/s, one thread:     {sign:>8.0}  ({:.1} us each)", 1e6 / sign);
    }
    Ok(())
}

fn verify(signed: &[Signed], count: usize) {
    for item in signed.iter().cycle().take(count) {
        let verdict = item.key.verify(black_box(&item.message), &item.signature);
        assert_eq!(verdict, Ok(()), "an honest signature was refused");
    }
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
