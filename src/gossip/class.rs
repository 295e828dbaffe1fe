//! The three classes of frames, and a value for each of them.
//!
//! Control is more urgent than live, and live more than bulk: each has a stream of its own, so none waits behind
//! a lost packet or a slow reader of another.

use super::limits::{
    BULK_FRAME_BYTES, BULK_FRAMES_HELD, CONTROL_FRAME_BYTES, CONTROL_FRAMES_HELD, LIVE_FRAME_BYTES,
    LIVE_FRAMES_HELD,
};
use std::ops::{Index, IndexMut};

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// The protocol's messages, on the stream of the handshake.
    Control,
    /// Transactions as they come in.
    Live,
    /// Transactions that were asked for.
    Bulk,
}

impl Class {
    /// All classes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Live, Self::Bulk];

    /// The class as a metric's label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Live => "live",
            Self::Bulk => "bulk",
        }
    }

    /// Bytes of the longest frame.
    #[must_use]
    pub const fn frame_bytes(self) -> usize {
        match self {
            Self::Control => CONTROL_FRAME_BYTES,
            Self::Live => LIVE_FRAME_BYTES,
            Self::Bulk => BULK_FRAME_BYTES,
        }
    }

    /// Frames of one peer that the owner may hold.
    #[must_use]
    pub const fn frames_held(self) -> usize {
        match self {
            Self::Control => CONTROL_FRAMES_HELD,
            Self::Live => LIVE_FRAMES_HELD,
            Self::Bulk => BULK_FRAMES_HELD,
        }
    }

    /// quinn sends what has the higher number first.
    pub(super) const fn priority(self) -> i32 {
        match self {
            Self::Control => 2,
            Self::Live => 1,
            Self::Bulk => 0,
        }
    }

    /// The byte that begins a unidirectional stream of this class; control has none, for it goes on a stream that
    /// is there already.
    pub(super) const fn opening(self) -> Option<u8> {
        match self {
            Self::Control => None,
            Self::Live => Some(1),
            Self::Bulk => Some(2),
        }
    }

    /// The class of a unidirectional stream that begins with `byte`.
    pub(super) fn opened_by(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.opening() == Some(byte))
    }
}

/// One value for each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerClass<T>([T; 3]);

impl<T> PerClass<T> {
    /// What `make` gives for each class.
    pub fn new(make: impl FnMut(Class) -> T) -> Self {
        Self(Class::ALL.map(make))
    }

    /// The values, the most urgent class first.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        Class::ALL.into_iter().zip(&self.0)
    }
}

impl<T> Index<Class> for PerClass<T> {
    type Output = T;

    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}

impl<T> IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_names_its_class_with_its_first_byte() {
        let named: Vec<_> = (0..=255).filter_map(|byte| Some((byte, Class::opened_by(byte)?))).collect();
        assert_eq!(named, [(1, Class::Live), (2, Class::Bulk)]);
    }

    #[test]
    fn the_urgent_is_sent_first() {
        assert!(Class::ALL.is_sorted_by_key(|class| -class.priority()));
    }
}
