//! Reading frames off a stream.

use super::frame::Deframer;
use super::reason::Reason;
use bytes::Bytes;
use quinn::{ReadError, RecvStream};

/// Pieces taken from quinn under one lock: usually as many packets.
const PIECES: usize = 32;

/// Why no further frame comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// What came is wrong; the connection is to be closed for this reason.
    Refused(Reason),
    /// The connection is gone.
    Gone,
}

/// Frames of one stream, in order.
#[derive(Debug)]
pub(super) struct FrameReader {
    stream: RecvStream,
    deframer: Deframer,
    pieces: [Bytes; PIECES],
    at: usize,
    count: usize,
    unread: usize,
}

impl FrameReader {
    pub(super) fn new(stream: RecvStream, deframer: Deframer) -> Self {
        let pieces = [const { Bytes::new() }; PIECES];
        Self { stream, deframer, pieces, at: 0, count: 0, unread: 0 }
    }

    /// Goes on with frames of other bounds. What has been read of the stream and belongs to them is kept.
    pub(super) fn go_on_with(&mut self, deframer: Deframer) {
        self.deframer = deframer;
    }

    /// The next frame. The streams of a connection never end before it does, so an end is a fault.
    pub(super) async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(frame) = self.ready().map_err(End::Refused)? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    /// A frame that is whole among what has been read.
    pub(super) fn ready(&mut self) -> Result<Option<Bytes>, Reason> {
        while self.at < self.count {
            let piece = &mut self.pieces[self.at];
            if let Some(frame) = self.deframer.read(piece)? {
                return Ok(Some(frame));
            }
            if piece.is_empty() {
                self.at += 1;
            }
        }
        Ok(None)
    }

    /// Waits for more of the stream.
    pub(super) async fn fill(&mut self) -> Result<(), End> {
        let read = self.stream.read_chunks(&mut self.pieces).await;
        self.count = read
            .map_err(|error| match error {
                ReadError::Reset(_) => End::Refused(Reason::Protocol),
                _ => End::Gone,
            })?
            .ok_or(End::Refused(Reason::Protocol))?;
        self.at = 0;
        self.unread += self.pieces[..self.count].iter().map(Bytes::len).sum::<usize>();
        Ok(())
    }

    /// Bytes that came since this was last asked.
    pub(super) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.unread)
    }

    /// Whether a frame has begun and is not whole.
    pub(super) fn is_within_a_frame(&self) -> bool {
        self.deframer.is_within_a_frame()
    }
}
