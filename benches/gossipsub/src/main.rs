//! A node of libp2p's gossipsub over QUIC, as it comes: what `benches/gossip.py` measures beside a node of Weft.
//!
//! `weft-gossipsub INDEX PORT,PORT,... FILE` listens on the port of that index on loopback, prints `listening`, connects with
//! all nodes of lower index, which must listen already, and prints `ready` when all others have subscribed. Then it reads
//! lines:
//!
//! ```text
//! go START RATE SECONDS BYTES   publish from START on (nanoseconds since 1970): RATE messages a second over all nodes
//! count                         print what was counted so far
//! ```
//!
//! When there are no more lines it ends. FILE gets a record for each message published or received, as a node of Weft
//! records that a transaction is attached (`spec/13-metrics.md`). Nothing is signed or checked: messages have no author,
//! and their id is their first bytes.

use libp2p::futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::metrics::{BandwidthTransport, Registry};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, quic};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::time::{Instant, sleep_until};

/// The first bytes of a message are its name: the index of its node, its number, and zeros up to what an id has in Weft.
const NAME: usize = 40;
/// The stage of a record.
const SEEN: u8 = 1;
/// No connection ends because it is idle, and no run is as long.
const IDLE: Duration = Duration::from_secs(3_600);

/// What is to be published.
struct Task {
    start: Instant,
    /// From one message of this node to its next, and from the start to its first.
    apart: Duration,
    first: Duration,
    count: u32,
    bytes: usize,
}

struct Node {
    swarm: Swarm<gossipsub::Behaviour>,
    registry: Registry,
    topic: IdentTopic,
    index: u64,
    ports: Vec<u16>,
    records: BufWriter<File>,
    task: Option<Task>,
    next: u32,
    published: u64,
    received: u64,
    failed: u64,
    is_ready: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, index, ports, file] = arguments.as_slice() else {
        return Err("weft-gossipsub INDEX PORT,PORT,... FILE".into());
    };
    let ports = ports.split(',').map(str::parse).collect::<Result<Vec<u16>, _>>()?;
    Node::new(index.parse()?, ports, File::create_new(file)?)?.run().await
}

impl Node {
    fn new(index: u64, ports: Vec<u16>, file: File) -> Result<Self, Box<dyn Error>> {
        let mut registry = Registry::default();
        let config = gossipsub::ConfigBuilder::default()
            .validation_mode(ValidationMode::Anonymous)
            .message_id_fn(|message| MessageId::from(&message.data[..NAME.min(message.data.len())]))
            .build()?;
        let behaviour = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config)?;
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_other_transport(|key| {
                BandwidthTransport::new(quic::tokio::Transport::new(quic::Config::new(key)), &mut registry)
            })?
            .with_behaviour(|_| behaviour)?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
            .build();
        let topic = IdentTopic::new("weft");
        swarm.behaviour_mut().subscribe(&topic)?;
        let own = *ports.get(usize::try_from(index)?).ok_or("the index is none of the ports")?;
        swarm.listen_on(address(own)?)?;
        Ok(Self {
            swarm,
            registry,
            topic,
            index,
            ports,
            records: BufWriter::with_capacity(1 << 16, file),
            task: None,
            next: 0,
            published: 0,
            received: 0,
            failed: 0,
            is_ready: false,
        })
    }

    async fn run(mut self) -> Result<(), Box<dyn Error>> {
        let mut lines = BufReader::new(stdin()).lines();
        loop {
            let due = self.due();
            tokio::select! {
                event = self.swarm.select_next_some() => self.take(event)?,
                line = lines.next_line() => match line? {
                    Some(line) => self.obey(&line)?,
                    None => return Ok(self.records.flush()?),
                },
                () = sleep_until(due) => self.publish()?,
            }
        }
    }

    fn take(&mut self, event: SwarmEvent<gossipsub::Event>) -> Result<(), Box<dyn Error>> {
        match event {
            SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                self.received += 1;
                self.record(&message.data)?;
            }
            SwarmEvent::NewListenAddr { .. } => {
                println!("listening");
                for port in self.ports[..usize::try_from(self.index)?].to_vec() {
                    self.swarm.dial(address(port)?)?;
                }
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
            _ => {}
        }
        let subscribed = |swarm: &Swarm<gossipsub::Behaviour>| {
            swarm.behaviour().all_peers().filter(|(_, topics)| !topics.is_empty()).count()
        };
        if !self.is_ready && subscribed(&self.swarm) == self.ports.len() - 1 {
            self.is_ready = true;
            println!("ready");
        }
        Ok(())
    }

    fn obey(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["go", start, rate, seconds, bytes] => {
                let wait = start.parse::<u64>()?.saturating_sub(now());
                let (rate, seconds) = (rate.parse::<f64>()?, seconds.parse::<f64>()?);
                let nodes = self.ports.len() as f64;
                self.task = Some(Task {
                    start: Instant::now() + Duration::from_nanos(wait),
                    apart: Duration::from_secs_f64(nodes / rate),
                    first: Duration::from_secs_f64(self.index as f64 / rate),
                    count: (rate * seconds / nodes) as u32,
                    bytes: bytes.parse::<usize>()?.max(NAME),
                });
            }
            ["count"] => self.tell()?,
            _ => return Err(format!("no command: {line}").into()),
        }
        Ok(())
    }

    /// When the next message is to be published.
    fn due(&self) -> Instant {
        match &self.task {
            Some(task) if self.next < task.count => task.start + task.first + task.apart * self.next,
            _ => Instant::now() + IDLE,
        }
    }

    fn publish(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(task) = &self.task else { return Ok(()) };
        let mut data = vec![0; task.bytes];
        data[..8].copy_from_slice(&self.index.to_be_bytes());
        data[8..16].copy_from_slice(&u64::from(self.next).to_be_bytes());
        self.next += 1;
        self.record(&data)?;
        match self.swarm.behaviour_mut().publish(self.topic.clone(), data) {
            Ok(_) => self.published += 1,
            Err(error) => {
                self.failed += 1;
                eprintln!("not published: {error}");
            }
        }
        Ok(())
    }

    fn record(&mut self, message: &[u8]) -> Result<(), Box<dyn Error>> {
        let name = message.get(..NAME).ok_or("a message that is none of this program")?;
        self.records.write_all(&now().to_be_bytes())?;
        self.records.write_all(&[SEEN])?;
        Ok(self.records.write_all(name)?)
    }

    /// Prints what was counted: messages, and bytes on streams, those of the handshakes within QUIC not among them.
    fn tell(&mut self) -> Result<(), Box<dyn Error>> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        let bytes = |direction: &str| -> f64 {
            let lines = text.lines().filter(|line| line.contains("bandwidth") && line.contains(direction));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        println!(
            "{{\"sent\": {}, \"received\": {}, \"published\": {}, \"delivered\": {}, \"failed\": {}}}",
            bytes("Outbound"),
            bytes("Inbound"),
            self.published,
            self.received,
            self.failed
        );
        Ok(())
    }
}

fn address(port: u16) -> Result<Multiaddr, Box<dyn Error>> {
    Ok(format!("/ip4/127.0.0.1/udp/{port}/quic-v1").parse()?)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
