//! The compact form of a ticket, for firmware (`spec/08-tips-and-tickets.md`).
//!
//! What decodes encodes to the same bytes: every field has one encoding and nothing trails.

use super::Ticket;
use crate::codec::Reader;
use crate::limits::TICKET_PAIRS;
use crate::{Epoch, Malformed, NetworkId, Timestamp, TxId};
use weft_pow::Difficulty;

/// The version of the compact form.
const VERSION: u8 = 1;

/// Bytes before the pairs.
const HEAD_BYTES: usize = 56;

/// Bytes of a pair.
const PAIR_BYTES: usize = 2 * TxId::BYTES;

const _: () = assert!(TICKET_PAIRS <= u8::MAX as usize, "the number of pairs is one byte");

impl Ticket {
    /// The ticket of `network` in its compact form.
    pub fn encode(&self, network: &NetworkId) -> Vec<u8> {
        let pairs = &self.parents[..self.parents.len().min(TICKET_PAIRS)];
        let mut bytes = Vec::with_capacity(HEAD_BYTES + pairs.len() * PAIR_BYTES);
        let difficulties = [self.difficulty.bits(), self.enrolment_difficulty.bits()];
        bytes.extend_from_slice(&[VERSION, difficulties[0], difficulties[1], pairs.len() as u8]);
        bytes.extend_from_slice(&self.counter.to_be_bytes());
        bytes.extend_from_slice(&self.time.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.epoch.0.to_be_bytes());
        bytes.extend_from_slice(network.as_bytes());
        pairs.iter().flatten().for_each(|parent| bytes.extend_from_slice(parent.as_bytes()));
        bytes
    }

    /// Reads a ticket in its compact form, and the network that it is for.
    ///
    /// # Errors
    /// [`Malformed`] for another version, no pair or more than [`TICKET_PAIRS`], a difficulty that cannot be
    /// searched, and any other length than the number of pairs gives.
    pub fn decode(bytes: &[u8]) -> Result<(NetworkId, Self), Malformed> {
        let mut reader = Reader::new("the ticket", bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let difficulty = read_difficulty(&mut reader)?;
        let enrolment_difficulty = read_difficulty(&mut reader)?;
        let pairs = usize::from(reader.u8()?);
        if !(1..=TICKET_PAIRS).contains(&pairs) {
            return Err(Malformed::Field { field: "number of pairs", problem: "must be 1 to 64" });
        }
        let counter = u32::from_be_bytes(*reader.array()?);
        let time = Timestamp::from_millis(reader.u64()?);
        let epoch = Epoch(reader.u64()?);
        let network = NetworkId::from_bytes(*reader.array()?);
        let mut parent = || reader.array().map(|id| TxId::from_bytes(*id));
        let parents = (0..pairs).map(|_| Ok([parent()?, parent()?])).collect::<Result<_, Malformed>>()?;
        reader.end()?;
        Ok((network, Self { time, epoch, counter, difficulty, enrolment_difficulty, parents }))
    }
}

fn read_difficulty(reader: &mut Reader<'_>) -> Result<Difficulty, Malformed> {
    let problem = "must be 0 to 64 bits";
    Difficulty::new(reader.u8()?).ok_or(Malformed::Field { field: "difficulty", problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticket(pairs: usize) -> Vec<u8> {
        let ticket = Ticket {
            time: Timestamp::from_millis(7),
            epoch: Epoch(8),
            counter: 9,
            difficulty: Difficulty::ZERO,
            enrolment_difficulty: Difficulty::MAX,
            parents: vec![[TxId::from_bytes([1; 40]), TxId::from_bytes([2; 40])]; pairs],
        };
        ticket.encode(&NetworkId::from_bytes([3; 32]))
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_refused_or_comes_back(pairs in 1usize..=TICKET_PAIRS, at in 0usize..64, value: u8, cut in 0usize..2) {
            let mut bytes = ticket(pairs);
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut);
            if let Ok((network, decoded)) = Ticket::decode(&bytes) {
                prop_assert_eq!(decoded.encode(&network), bytes);
            }
        }
    }

    #[test]
    fn the_number_of_pairs_gives_the_length() {
        for pairs in 1..=TICKET_PAIRS {
            let bytes = ticket(pairs);
            assert_eq!(bytes.len(), HEAD_BYTES + pairs * PAIR_BYTES);
            assert_eq!(Ticket::decode(&bytes).unwrap().1.parents.len(), pairs);
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(Ticket::decode(&longer), Err(Malformed::Trailing { what: "the ticket", bytes: 1 }));
        }
        for pairs in [0, 65, 255] {
            let mut bytes = ticket(1);
            bytes[3] = pairs;
            assert!(matches!(Ticket::decode(&bytes), Err(Malformed::Field { field: "number of pairs", .. })));
        }
    }
}
