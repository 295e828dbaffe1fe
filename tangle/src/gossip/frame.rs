//! What one frame of each stream holds (`spec/14-gossip.md`). How frames are cut from a stream is the transport's.
//!
//! Bytes that decode encode to the same bytes. Transactions are not looked into here.

use super::message::{Message, MessageError};
use super::{Class, Tree};
use crate::limits::{FRAME_BYTES, TRANSACTION_MAX_BYTES};

/// A bulk frame begins with this when transactions follow.
const TRANSACTIONS: u8 = 0;

/// A bulk frame begins with this when a message follows.
const MESSAGE: u8 = 1;

/// A frame that came in. Transactions are in wire form, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// A message: of the control stream, or [`Message::Done`] on the bulk stream.
    Message(Message),
    /// Transactions that are pushed along a tree.
    Pushed(Tree, Vec<&'a [u8]>),
    /// Transactions that were asked for.
    Bodies(Vec<&'a [u8]>),
}

impl Frame<'_> {
    /// The frame as it goes on the stream of [`Frame::class`]. Its transactions must together not be longer than
    /// [`Frame::fits`] says.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Message(message @ Message::Done { .. }) => [vec![MESSAGE], message.encode()].concat(),
            Self::Message(message) => message.encode(),
            Self::Pushed(tree, transactions) => join(&tree.0.to_be_bytes(), transactions),
            Self::Bodies(transactions) => join(&[TRANSACTIONS], transactions),
        }
    }

    /// The stream that it goes on.
    pub fn class(&self) -> Class {
        match self {
            Self::Message(Message::Done { .. }) | Self::Bodies(_) => Class::Bulk,
            Self::Message(_) => Class::Control,
            Self::Pushed(..) => Class::Live,
        }
    }

    /// Whether a transaction of `next` bytes still fits a frame that holds others of `bytes` encoded bytes, lengths and
    /// what the frame begins with included.
    pub const fn fits(bytes: usize, next: usize) -> bool {
        bytes + 2 + next <= FRAME_BYTES
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame of a stream.
    ///
    /// # Errors
    /// [`MessageError`]; the sender is then at fault.
    pub fn decode(class: Class, bytes: &'a [u8]) -> Result<Self, MessageError> {
        if class == Class::Control {
            let message = Message::decode(bytes)?;
            let is_bulk = matches!(message, Message::Done { .. });
            return if is_bulk { Err(MessageError::Value(WRONG_STREAM)) } else { Ok(Self::Message(message)) };
        }
        if bytes.len() > FRAME_BYTES {
            return Err(MessageError::Long(bytes.len()));
        }
        if class == Class::Live {
            let tree = bytes.split_first_chunk().ok_or(MessageError::Value("a push begins with its tree"))?;
            return Ok(Self::Pushed(Tree(u32::from_be_bytes(*tree.0)), split(tree.1)?));
        }
        let (first, rest) = bytes.split_first().ok_or(MessageError::Value("an empty frame holds nothing"))?;
        match *first {
            TRANSACTIONS => Ok(Self::Bodies(split(rest)?)),
            MESSAGE => match Message::decode(rest)? {
                message @ Message::Done { .. } => Ok(Self::Message(message)),
                _ => Err(MessageError::Value(WRONG_STREAM)),
            },
            other => Err(MessageError::Unknown(other)),
        }
    }
}

const WRONG_STREAM: &str = "a done goes on the bulk stream, every other message on the control stream";

fn join(head: &[u8], transactions: &[&[u8]]) -> Vec<u8> {
    let total = transactions.iter().map(|transaction| 2 + transaction.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(head.len() + total);
    bytes.extend(head);
    for transaction in transactions {
        let length = u16::try_from(transaction.len()).expect("no transaction is longer than its limit");
        bytes.extend(length.to_be_bytes());
        bytes.extend(*transaction);
    }
    bytes
}

fn split(mut rest: &[u8]) -> Result<Vec<&[u8]>, MessageError> {
    let problem = MessageError::Value("a frame holds transactions, each behind its length, at least one");
    let mut transactions = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (transaction, behind) = behind.split_at_checked(length).ok_or_else(|| problem.clone())?;
        if transaction.is_empty() || length > TRANSACTION_MAX_BYTES {
            return Err(problem);
        }
        transactions.push(transaction);
        rest = behind;
    }
    if rest.is_empty() && !transactions.is_empty() { Ok(transactions) } else { Err(problem) }
}

const _: () = assert!(TRANSACTION_MAX_BYTES <= u16::MAX as usize, "its length fits two bytes");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..5)
    }

    proptest! {
        #[test]
        fn frames_come_back(tree: u32, lists in lists(), request: u32) {
            let transactions: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
            let frames = [
                Frame::Pushed(Tree(tree), transactions.clone()),
                Frame::Bodies(transactions),
                Frame::Message(Message::Done { request, lacking: vec![], withheld: vec![] }),
                Frame::Message(Message::Prune { tree }),
            ];
            for frame in frames {
                let bytes = frame.encode();
                prop_assert_eq!(Frame::decode(frame.class(), &bytes), Ok(frame));
            }
        }

        #[test]
        fn any_bytes_are_refused_or_come_back(bytes in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..60)) {
            for class in [Class::Control, Class::Live, Class::Bulk] {
                if let Ok(frame) = Frame::decode(class, &bytes) {
                    prop_assert_eq!(frame.class(), class);
                    prop_assert_eq!(frame.encode(), &bytes[..]);
                }
            }
        }
    }

    #[test]
    fn what_is_no_frame() {
        const TREE: [u8; 4] = [0, 0, 0, 7];
        let refused = |class, bytes: &[u8]| assert!(Frame::decode(class, bytes).is_err(), "{bytes:?}");
        refused(Class::Live, &[]);
        refused(Class::Live, &[0, 0, 7]);
        refused(Class::Live, &TREE);
        refused(Class::Live, &[&TREE[..], &[0, 0]].concat());
        refused(Class::Live, &[&TREE[..], &[0, 2, 1]].concat());
        refused(Class::Live, &[&TREE[..], &[0, 1, 1, 0]].concat());
        refused(Class::Bulk, &[2, 0, 1, 1]);
        refused(Class::Bulk, &[&[MESSAGE], &Message::Prune { tree: 1 }.encode()[..]].concat());
        refused(Class::Control, &Message::Done { request: 1, lacking: vec![], withheld: vec![] }.encode());
        let long = vec![1; TRANSACTION_MAX_BYTES + 1];
        refused(Class::Live, &join(&TREE, &[&long]));
        let full = join(&TREE, &[&long[1..]; 3]);
        assert!(full.len() <= FRAME_BYTES && Frame::decode(Class::Live, &full).is_ok());
        assert!(!Frame::fits(full.len(), TRANSACTION_MAX_BYTES) && Frame::fits(full.len(), 3_000));
        refused(Class::Live, &join(&TREE, &[&long[1..]; 4]));
    }
}
