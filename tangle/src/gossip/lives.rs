//! The lives of this node's process, by which its log of today is told from one that was cut back and grew again.
//!
//! Within one life a log only grows. So two logs are the same up to a position if both held it in the same life: that
//! of the same number. What stands at the position proves nothing, for after a restored backup a log can grow again
//! with another entry missing below the same one at the same place.
//!
//! Always true: starts ascend, and a life is written down no later than the first entry of it.

use super::wire;
use crate::limits::LIVES;
use serde::{Deserialize, Serialize};

/// Version of the bytes that are written down.
const VERSION: u8 = 1;

/// One run of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Life {
    /// When it began by the node's clock, in milliseconds: hardly ever the same as that of another.
    number: u64,
    /// Entries in the log then.
    start: u64,
}

/// The newest lives, oldest first.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Lives(Vec<Life>);

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    #[serde(deserialize_with = "wire::read_list::<_, Life, LIVES>")]
    lives: Vec<Life>,
}

impl Lives {
    /// Reads back. What cannot be read is no knowledge: peers hear the log from its beginning then.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let stored = postcard::from_bytes::<Stored>(bytes).ok().filter(|stored| stored.version == VERSION);
        let lives = stored.map(|stored| stored.lives).unwrap_or_default();
        if lives.is_sorted_by_key(|life| life.start) { Self(lives) } else { Self::default() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let stored = Stored { version: VERSION, lives: self.0.clone() };
        postcard::to_allocvec(&stored).expect("memory is the only bound, and the list knows its length")
    }

    /// A life begins with so many entries in the log. The oldest is forgotten when there are too many.
    pub(super) fn begin(&mut self, number: u64, start: u64) {
        self.0.retain(|life| life.start <= start);
        if self.0.len() >= LIVES {
            self.0.remove(0);
        }
        self.0.push(Life { number, start });
    }

    /// The life of today.
    pub(super) fn current(&self) -> u64 {
        self.0.last().map_or(0, |life| life.number)
    }

    /// Whether the log of that life is the log of today up to and with a position; none if that life is not remembered.
    pub(super) fn share(&self, number: u64, position: u64) -> Option<bool> {
        let index = self.0.iter().rposition(|life| life.number == number)?;
        Some(self.0.get(index + 1).is_none_or(|next| position < next.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_shared_up_to_where_the_next_began() {
        let mut lives = Lives::default();
        [(7, 0), (9, 50), (8, 50), (11, 60)]
            .into_iter()
            .for_each(|(number, start)| lives.begin(number, start));
        for (number, position, expected) in [
            (7, 49, Some(true)),
            (7, 50, Some(false)),
            (9, 49, Some(true)),
            (9, 50, Some(false)),
            (8, 59, Some(true)),
            (8, 60, Some(false)),
            (11, 999, Some(true)),
            (1, 0, None),
        ] {
            assert_eq!(lives.share(number, position), expected, "{number} {position}");
        }
        assert_eq!(lives.current(), 11);
        assert_eq!(Lives::decode(&lives.encode()), lives);
        // A backup that has only the first two.
        let mut restored = Lives::default();
        restored.begin(7, 0);
        restored.begin(20, 30);
        assert_eq!([29, 30].map(|position| restored.share(7, position)), [Some(true), Some(false)]);
    }

    #[test]
    fn they_are_bounded_and_broken_bytes_are_none() {
        let mut lives = Lives::default();
        (0..2 * LIVES as u64).for_each(|number| lives.begin(number, number));
        assert_eq!(lives.0.len(), LIVES);
        assert_eq!([0, LIVES as u64].map(|life| lives.share(life, life)), [None, Some(true)]);
        assert_eq!(Lives::decode(&lives.encode()), lives);
        let mut bytes = lives.encode();
        bytes[0] = 9;
        assert_eq!(Lives::decode(&bytes), Lives::default());
        assert_eq!(Lives::decode(&[]), Lives::default());
    }
}
