//! Frames on a stream: a length of four bytes, big-endian, and that many bytes, at least one.
//!
//! A declared length is compared with the class's bound before anything is allocated, and memory grows with what
//! has come, not with what was announced: a peer that declares a long frame and sends nothing costs what it sent.

use super::class::Class;
use super::limits::FRAME_TRUSTED_BYTES;
use super::reason::Reason;
use bytes::Bytes;

/// Bytes of a frame's length.
pub const LENGTH_BYTES: usize = 4;

/// The length as it stands before a frame.
///
/// The caller has compared it with the class's bound, which is far below four gigabytes.
pub(super) fn length_prefix(length: usize) -> Bytes {
    let length = u32::try_from(length).expect("no class allows frames of four gigabytes");
    Bytes::copy_from_slice(&length.to_be_bytes())
}

/// Puts frames together from the pieces that a stream delivers.
#[derive(Debug)]
pub struct Deframer {
    most: usize,
    length: [u8; LENGTH_BYTES],
    length_read: usize,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    length: usize,
    bytes: Vec<u8>,
}

impl Deframer {
    /// Reads the frames of a class.
    #[must_use]
    pub fn new(class: Class) -> Self {
        Self::bounded(class.frame_bytes())
    }

    /// Reads frames of at most `most` bytes.
    #[must_use]
    pub fn bounded(most: usize) -> Self {
        Self { most, length: [0; LENGTH_BYTES], length_read: 0, body: None }
    }

    /// Takes bytes off the beginning of `piece` up to the end of a frame, which it gives back once it is whole.
    ///
    /// # Errors
    /// [`Reason::Oversized`] for a frame beyond the bound, [`Reason::Protocol`] for one of no bytes. The stream cannot
    /// be read any further.
    pub fn read(&mut self, piece: &mut Bytes) -> Result<Option<Bytes>, Reason> {
        if self.body.is_none() {
            let wanted = (LENGTH_BYTES - self.length_read).min(piece.len());
            self.length[self.length_read..self.length_read + wanted].copy_from_slice(&piece.split_to(wanted));
            self.length_read += wanted;
            if self.length_read < LENGTH_BYTES {
                return Ok(None);
            }
            let length = u32::from_be_bytes(self.length) as usize;
            match length {
                0 => return Err(Reason::Protocol),
                length if length > self.most => return Err(Reason::Oversized),
                _ => {}
            }
            self.body = Some(Body { length, bytes: Vec::with_capacity(length.min(FRAME_TRUSTED_BYTES)) });
        }
        let Some(body) = &mut self.body else { return Ok(None) };
        let missing = body.length - body.bytes.len();
        let part = piece.split_to(missing.min(piece.len()));
        if part.len() > body.bytes.capacity() - body.bytes.len() {
            let room = missing.min(body.bytes.len().max(part.len()));
            body.bytes.reserve_exact(room);
        }
        body.bytes.extend_from_slice(&part);
        if body.bytes.len() < body.length {
            return Ok(None);
        }
        self.length_read = 0;
        Ok(self.body.take().map(|body| Bytes::from(body.bytes)))
    }

    /// Whether a frame has begun and is not whole.
    #[must_use]
    pub fn is_within_a_frame(&self) -> bool {
        self.body.is_some() || self.length_read > 0
    }

    /// Bytes of memory that the unfinished frame takes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.bytes.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&length_prefix(frame.len())[..], frame].concat()).collect()
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            let mut rest = Bytes::from(framed(&frames));
            let (mut deframer, mut read) = (Deframer::bounded(300), Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let mut piece = rest.split_to((*cut).min(rest.len()));
                while !piece.is_empty() {
                    read.extend(deframer.read(&mut piece).unwrap().map(|frame| frame.to_vec()));
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(!deframer.is_within_a_frame());
        }
    }

    #[test]
    fn a_declared_length_takes_no_memory() {
        let mut deframer = Deframer::new(Class::Bulk);
        let most = Class::Bulk.frame_bytes();
        let mut piece = Bytes::from([&length_prefix(most)[..], &[7; 100]].concat());
        assert_eq!(deframer.read(&mut piece), Ok(None));
        assert!(deframer.is_within_a_frame() && deframer.held() <= FRAME_TRUSTED_BYTES);
        let mut fed = 100;
        while fed < most - 1 {
            let part = 1_000.min(most - 1 - fed);
            fed += part;
            assert_eq!(deframer.read(&mut Bytes::from(vec![7; part])), Ok(None));
            assert!(deframer.held() <= FRAME_TRUSTED_BYTES.max(2 * fed), "{} for {fed}", deframer.held());
        }
        let frame = deframer.read(&mut Bytes::from_static(&[7])).unwrap().unwrap();
        assert_eq!(frame.len(), most);
    }

    #[test]
    fn frames_that_are_too_long_or_empty_end_the_stream() {
        for class in Class::ALL {
            let mut over = length_prefix(class.frame_bytes() + 1);
            assert_eq!(Deframer::new(class).read(&mut over), Err(Reason::Oversized));
            let mut empty = length_prefix(0);
            assert_eq!(Deframer::new(class).read(&mut empty), Err(Reason::Protocol));
        }
    }
}
