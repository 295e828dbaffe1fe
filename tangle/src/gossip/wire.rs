//! How parts of messages are written, and how lists are read: never more than their bound.
//!
//! Ids derive no serialisation of their own, so that what a message looks like is decided here alone.

use crate::TxId;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

const HALF: usize = TxId::BYTES / 2;

/// A transaction id as its 40 bytes: two arrays, for serde knows none longer than 32.
#[derive(Serialize, Deserialize)]
struct Id([u8; HALF], [u8; HALF]);

impl From<&TxId> for Id {
    fn from(id: &TxId) -> Self {
        let (first, second) = id.as_bytes().split_at(HALF);
        let array = |half: &[u8]| std::array::from_fn(|index| half[index]);
        Self(array(first), array(second))
    }
}

impl From<Id> for TxId {
    fn from(Id(first, second): Id) -> Self {
        Self::from_bytes(std::array::from_fn(|at| if at < HALF { first[at] } else { second[at - HALF] }))
    }
}

pub(super) fn id<S: Serializer>(id: &TxId, serializer: S) -> Result<S::Ok, S::Error> {
    Id::from(id).serialize(serializer)
}

pub(super) fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TxId, D::Error> {
    Id::deserialize(deserializer).map(TxId::from)
}

pub(super) fn ids<S: Serializer>(ids: &[TxId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(Id::from))
}

/// Reads at most `N` ids.
pub(super) fn read_ids<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<Vec<TxId>, D::Error> {
    let ids: Vec<Id> = read_list::<D, Id, N>(deserializer)?;
    Ok(ids.into_iter().map(TxId::from).collect())
}

/// Reads a list of at most `N` elements. One that declares more is refused before anything is allocated.
pub(super) fn read_list<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Bounded::<T, N>(PhantomData))
}

struct Bounded<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Bounded<T, N> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {N} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        // No hint means that fewer bytes are left than elements were declared.
        let declared = list.size_hint().filter(|declared| *declared <= N);
        let mut elements = Vec::with_capacity(declared.ok_or_else(|| A::Error::custom("too many"))?);
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}
