//! What a writer has in its hands, and how it is laid out for one write.

use super::Slot;
use super::lanes::Item;
use crate::frame::Lines;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

/// Bodies up to this size are copied beside their path lines; larger ones are written from where they are.
const COPY_BODY: usize = 2 * 1024;

/// What a writer took from its outbox and the kernel has not taken yet.
#[derive(Debug, Default)]
pub struct Turn {
    pub(super) items: VecDeque<(Item, usize)>,
    /// Octets of the first item that have been written.
    pub(super) offset: usize,
    /// The lines of the sessions whose frames are in this turn.
    pub(super) lines: Vec<(Slot, Arc<Lines>)>,
    /// Whether the frames' shares of their credits were given back already.
    pub(super) settled: bool,
}

impl Turn {
    /// Whether nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Lays out what is left, ready to be written at once.
    pub fn lay_out<'a>(&'a self, scratch: &'a mut Scratch) -> Layout<'a> {
        scratch.text.clear();
        scratch.pieces.clear();
        let mut layout = Pieces { text: &mut scratch.text, pieces: &mut scratch.pieces };
        for (index, (item, _)) in self.items.iter().enumerate() {
            match item {
                Item::Encoded(bytes) | Item::Abort { encoded: bytes, .. } => layout.text.extend_from_slice(bytes),
                Item::Copy { slot, frame } => {
                    let Some(lines) = self.lines_of(*slot) else { continue };
                    lines.write_head(frame, layout.text);
                    if frame.body.len() <= COPY_BODY {
                        layout.text.extend_from_slice(&frame.body);
                    } else {
                        layout.shared_body(index);
                    }
                    lines.write_tail(frame, layout.text);
                }
            }
        }
        layout.finish();
        Layout { turn: self, scratch }
    }

    pub(super) fn lines_of(&self, slot: Slot) -> Option<&Arc<Lines>> {
        self.lines.iter().find(|(owner, _)| *owner == slot).map(|(_, lines)| lines)
    }

    /// Gives all shares back; done when the peer has stalled or the connection is gone.
    pub(super) fn settle_all(&mut self) {
        if !std::mem::replace(&mut self.settled, true) {
            for (item, _) in &self.items {
                if let Item::Copy { frame, .. } = item {
                    frame.credit.settle(1);
                }
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.settle_all();
    }
}

/// Room to lay out a write; one for each worker is enough.
#[derive(Debug, Default)]
pub struct Scratch {
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Range<usize>),
    BodyOf(usize),
}

struct Pieces<'a> {
    text: &'a mut Vec<u8>,
    pieces: &'a mut Vec<Piece>,
}

impl Pieces<'_> {
    fn text_start(&self) -> usize {
        self.pieces
            .iter()
            .rev()
            .find_map(|piece| match piece {
                Piece::Text(range) => Some(range.end),
                Piece::BodyOf(_) => None,
            })
            .unwrap_or(0)
    }

    fn shared_body(&mut self, index: usize) {
        self.finish();
        self.pieces.push(Piece::BodyOf(index));
    }

    fn finish(&mut self) {
        let start = self.text_start();
        if start < self.text.len() {
            self.pieces.push(Piece::Text(start..self.text.len()));
        }
    }
}

/// A turn laid out for one write.
#[derive(Debug)]
pub struct Layout<'a> {
    turn: &'a Turn,
    scratch: &'a Scratch,
}

impl<'a> Layout<'a> {
    /// Everything in one piece, if it is.
    pub fn contiguous(&self) -> Option<&'a [u8]> {
        match self.scratch.pieces.as_slice() {
            [Piece::Text(range)] => self.scratch.text.get(range.clone())?.get(self.turn.offset..),
            _ => None,
        }
    }

    /// The pieces in order, for a vectored write; what was written before is left out.
    pub fn slices(&self) -> Vec<IoSlice<'a>> {
        let mut skip = self.turn.offset;
        let mut slices = Vec::with_capacity(self.scratch.pieces.len());
        for piece in &self.scratch.pieces {
            let bytes = match piece {
                Piece::Text(range) => &self.scratch.text[range.clone()],
                Piece::BodyOf(index) => self.turn.body_of(*index),
            };
            let unwritten = &bytes[skip.min(bytes.len())..];
            skip -= bytes.len() - unwritten.len();
            if !unwritten.is_empty() {
                slices.push(IoSlice::new(unwritten));
            }
        }
        slices
    }
}

impl Turn {
    fn body_of(&self, index: usize) -> &[u8] {
        match self.items.get(index) {
            Some((Item::Copy { frame, .. }, _)) => &frame.body,
            Some((Item::Encoded(_) | Item::Abort { .. }, _)) | None => &[],
        }
    }
}
