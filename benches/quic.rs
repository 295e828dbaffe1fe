//! What carrying transactions between two nodes costs: two shells on loopback, in one process.
//!
//! `cargo bench --bench quic` prints transactions and bytes a second and the process' CPU time for each, both ends
//! together, by transactions in a frame; medians of five runs, `-- --once` makes one. The frames hold bytes of the
//! size of transactions, which nobody looks at. Without `--bench` it makes one tiny run.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints its figures"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft::bell::Receiver;
use weft::gossip::{Class, Identity, Ledger, PeerNumber, SendError, Sent, Shell, ShellEvent, ShellOptions};
use weft::store::StoreError;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Network, NetworkParts, Rules, Timestamp};

/// Bytes of a usual transaction with its length before it.
const TRANSACTION: usize = 2_804;

/// What one measurement finds.
struct Figures {
    per_second: f64,
    cpu_us: f64,
}

/// Nobody is revoked.
struct Nobody;

impl Ledger for Nobody {
    fn is_revoked(&self, _device: &DeviceId) -> Result<bool, StoreError> {
        Ok(false)
    }
}

struct End {
    shell: Shell,
    events: Receiver<ShellEvent>,
    peer: PeerNumber,
}

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let (transactions, runs) = match (asked("--bench"), asked("--once")) {
        (true, false) => (400_000, 5),
        (true, true) => (400_000, 1),
        (false, _) => (2_000, 1),
    };
    println!("class  transactions/frame  transactions/s  MB/s  CPU us each, both ends");
    let loads = [(Class::Live, 1), (Class::Live, 8), (Class::Live, 20), (Class::Bulk, 20), (Class::Bulk, 90)];
    for (class, per_frame) in loads {
        let mut found: Vec<Figures> = (0..runs).map(|_| measure(class, per_frame, transactions)).collect();
        found.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let median = &found[found.len() / 2];
        println!(
            "{:<5}  {per_frame:>18}  {:>14.0}  {:>4.0}  {:>5.2}",
            class.name(),
            median.per_second,
            median.per_second * TRANSACTION as f64 / 1e6,
            median.cpu_us,
        );
    }
}

fn measure(class: Class, per_frame: usize, transactions: usize) -> Figures {
    let [from, to] = connected();
    let frame = bytes::Bytes::from(vec![7; per_frame * TRANSACTION]);
    let frames = transactions / per_frame;
    let (begun, cpu) = (Instant::now(), cpu_time());
    let receiving = std::thread::spawn(move || {
        for _ in 0..frames {
            while !matches!(to.events.recv(), Ok(ShellEvent::Frame(_))) {}
        }
        to
    });
    for _ in 0..frames {
        send(&from, class, &frame);
    }
    let to = receiving.join().expect("the receiving thread only counts");
    let (elapsed, cpu) = (begun.elapsed(), cpu_time() - cpu);
    let sent = (frames * per_frame) as f64;
    for end in [from, to] {
        weft::runtime::block_on(end.shell.stop());
    }
    Figures { per_second: sent / elapsed.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / sent }
}

/// Sends, and waits where the queue is congested until it has drained, as a node does.
fn send(from: &End, class: Class, frame: &bytes::Bytes) {
    match from.shell.send(from.peer, class, frame.clone()) {
        Ok(Sent::Queued) => return,
        Ok(Sent::Congested) => {}
        Err(SendError::Full(_)) => panic!("nothing is sent to a congested queue"),
        Err(error) => panic!("{error}"),
    }
    while !matches!(from.events.recv(), Ok(ShellEvent::Drained(_))) {}
}

fn connected() -> [End; 2] {
    let keys = [1, 2].map(|number| {
        let key = SigningKey::from_seed(&Seed::from_bytes([number; 32])).expect("any seed is a key");
        Arc::new(key)
    });
    let parts = NetworkParts {
        name: "bench".into(),
        created: Timestamp::from_millis(1_800_000_000_000),
        open_enrolment: true,
        rules: Rules::default(),
        registrars: Vec::new(),
        committee: keys.iter().map(|key| key.public_key().clone()).collect(),
    };
    let network = Arc::new(Network::new(parts).expect("the parts describe a network"));
    let started = keys.map(|key| {
        let device = DeviceId::of(key.public_key());
        let identity = Identity { network: Arc::clone(&network), key, credential: Vec::new() };
        let options = ShellOptions::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        let (shell, events) = Shell::start(options, identity, Arc::new(Nobody)).expect("loopback is there");
        (device, shell, events)
    });
    let (device, shell, _) = &started[1];
    started[0].1.learn(*device, &shell.local_addr().to_string());
    started.map(|(_, shell, events)| {
        loop {
            if let Ok(ShellEvent::Connected(connected)) = events.recv() {
                break End { shell, events, peer: connected.peer };
            }
        }
    })
}

/// CPU time of this process, user and system.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells of this process");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // Fields 14 and 15 of proc(5), counted from the state, which is the third; in hundredths of a second.
    let ticks = |index: usize| fields[index].parse::<u64>().expect("proc(5) says that it is a number");
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}
