//! How sensors are.

use super::super::Micros;
use super::super::random::Chance;

/// How sensors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SensorSettings {
    /// Microseconds from a ticket to handing in, from and to.
    pub think: (Micros, Micros),
    /// Microseconds from one reading to the next, from and to.
    pub pause: (Micros, Micros),
    /// How often a sensor goes to another node.
    pub roam: Chance,
    /// How often an answer is lost.
    pub lost_answer: Chance,
    /// How often, after a reading, a sensor has lost its state.
    pub lost_state: Chance,
    /// Bytes of a reading, less than 16,384.
    pub bytes: usize,
    /// How many revoke themselves at some time, and go on all the same.
    pub revoking: usize,
    /// Whether sensors introduce themselves first. Else every node knows them from the beginning.
    pub enrol: bool,
}

impl Default for SensorSettings {
    fn default() -> Self {
        Self {
            think: (0, 0),
            pause: (1_000_000, 1_000_000),
            roam: Chance(0),
            lost_answer: Chance(0),
            lost_state: Chance(0),
            bytes: 200,
            revoking: 0,
            enrol: false,
        }
    }
}
