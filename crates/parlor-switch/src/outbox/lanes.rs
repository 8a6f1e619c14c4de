//! The three lanes and the order in which they are emptied.

use super::Slot;
use crate::frame::{Frame, MessageKey, Position};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Queues that held more than this give their memory back once they are empty.
const KEEP_CAPACITY: usize = 64;

/// One thing to be written.
#[derive(Debug)]
pub(super) enum Item {
    /// Encoded: a response, a report.
    Encoded(Bytes),
    /// The end of a message that is broken off for the session at this place.
    Abort { slot: Slot, encoded: Bytes },
    /// A copy of a frame for the session at this place.
    Copy { slot: Slot, frame: Arc<Frame> },
}

/// A message whose later frames are still to come or to be written.
#[derive(Debug)]
pub(super) struct Stream {
    /// Those that wait.
    pub(super) frames: VecDeque<Arc<Frame>>,
    head_taken: bool,
    /// Where it goes on behind the last frame that came.
    pub(super) end: Position,
    pub(super) message_id: Bytes,
    pub(super) failure_report: &'static str,
    pub(super) content: Bytes,
}

type StreamKey = (Slot, MessageKey);

/// What was taken out with a session.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub(super) frames: Vec<Arc<Frame>>,
    /// Octets of aborts.
    pub(super) aborts: usize,
    /// How many messages the frames, or frames to come, belong to.
    pub(super) messages: u32,
}

/// What waits, by lane.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    control: VecDeque<Item>,
    heads: VecDeque<Item>,
    streams: BTreeMap<StreamKey, Stream>,
    /// The streams that have frames waiting, in the order of their next turn.
    ready: VecDeque<StreamKey>,
}

impl Lanes {
    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.heads.is_empty() && self.ready.is_empty()
    }

    pub(super) fn push_control(&mut self, item: Item) {
        self.control.push_back(item);
    }

    /// The first frame of a message; if more are to follow, they are expected from now on.
    pub(super) fn push_head(&mut self, slot: Slot, frame: Arc<Frame>) {
        if !frame.is_last() {
            let stream = Stream {
                frames: VecDeque::new(),
                head_taken: false,
                end: frame.behind(),
                message_id: frame.message_id.clone(),
                failure_report: frame.failure_report,
                content: frame.content.clone(),
            };
            self.streams.insert((slot, frame.message), stream);
        }
        self.heads.push_back(Item::Copy { slot, frame });
    }

    /// An abort goes behind the heads, as the first frame of its message may still be among them.
    pub(super) fn push_abort(&mut self, slot: Slot, encoded: Bytes) {
        self.heads.push_back(Item::Abort { slot, encoded });
    }

    /// Whether later frames of this message are expected.
    pub(super) fn expects(&self, slot: Slot, message: MessageKey) -> bool {
        self.streams.contains_key(&(slot, message))
    }

    /// A later frame of a message that is expected.
    pub(super) fn push_bulk(&mut self, slot: Slot, frame: Arc<Frame>) {
        let key = (slot, frame.message);
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if stream.frames.is_empty() {
            self.ready.push_back(key);
        }
        stream.end = frame.behind();
        stream.frames.push_back(frame);
    }

    /// Forgets a message; gives what there was of it.
    pub(super) fn remove_stream(&mut self, slot: Slot, message: MessageKey) -> Option<Stream> {
        let stream = self.streams.remove(&(slot, message))?;
        self.ready.retain(|key| *key != (slot, message));
        Some(stream)
    }

    /// Everything that waits for one session, taken out, except responses and reports.
    pub(super) fn remove_slot(&mut self, slot: Slot) -> Removed {
        let mut removed = Removed::default();
        self.heads.retain(|item| match item {
            Item::Copy { slot: owner, frame } if *owner == slot => {
                removed.frames.push(Arc::clone(frame));
                false
            }
            Item::Abort { slot: owner, encoded } if *owner == slot => {
                removed.aborts += encoded.len();
                false
            }
            Item::Copy { .. } | Item::Abort { .. } | Item::Encoded(_) => true,
        });
        let mut messages = removed.frames.len();
        self.ready.retain(|(owner, _)| *owner != slot);
        let keys: Vec<StreamKey> = self.streams.keys().filter(|(owner, _)| *owner == slot).copied().collect();
        for stream in keys.iter().filter_map(|key| self.streams.remove(key)) {
            messages += usize::from(stream.head_taken);
            removed.frames.extend(stream.frames);
        }
        removed.messages = u32::try_from(messages).unwrap_or(u32::MAX);
        removed
    }

    /// How many messages have something that waits or is to come.
    pub(super) fn messages(&self) -> u32 {
        let begun = self.streams.values().filter(|stream| stream.head_taken).count();
        let heads = self.heads.iter().filter(|item| matches!(item, Item::Copy { .. })).count();
        u32::try_from(heads + begun).unwrap_or(u32::MAX)
    }

    /// All frames that hold a share of a credit.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Arc<Frame>> {
        let heads = self.heads.iter().filter_map(|item| match item {
            Item::Copy { frame, .. } => Some(frame),
            Item::Abort { .. } | Item::Encoded(_) => None,
        });
        heads.chain(self.streams.values().flat_map(|stream| &stream.frames))
    }

    /// Takes what goes into one write: control, then heads, then bulk, of which at least one frame.
    pub(super) fn take(
        &mut self,
        turn_bytes: usize,
        mut len_of: impl FnMut(&Item) -> usize,
        mut put: impl FnMut(Item, usize),
    ) {
        let mut taken = 0;
        while taken < turn_bytes
            && let Some(item) = self.control.pop_front()
        {
            let len = len_of(&item);
            taken += len;
            put(item, len);
        }
        while taken < turn_bytes
            && let Some(item) = self.heads.pop_front()
        {
            if let Item::Copy { slot, frame } = &item
                && let Some(stream) = self.streams.get_mut(&(*slot, frame.message))
            {
                stream.head_taken = true;
            }
            let len = len_of(&item);
            taken += len;
            put(item, len);
        }
        self.take_bulk(turn_bytes, taken, len_of, put);
        self.give_back_memory();
    }

    fn take_bulk(
        &mut self,
        turn_bytes: usize,
        mut taken: usize,
        mut len_of: impl FnMut(&Item) -> usize,
        mut put: impl FnMut(Item, usize),
    ) {
        let mut first = true;
        let mut passed_over = 0;
        while (first || taken < turn_bytes) && passed_over < self.ready.len() {
            let Some(key) = self.ready.pop_front() else { break };
            let Some(stream) = self.streams.get_mut(&key) else { continue };
            // A message's later frames never overtake its first.
            if !stream.head_taken {
                self.ready.push_back(key);
                passed_over += 1;
                continue;
            }
            let Some(frame) = stream.frames.pop_front() else { continue };
            if frame.is_last() {
                self.streams.remove(&key);
            } else if !stream.frames.is_empty() {
                self.ready.push_back(key);
            }
            let item = Item::Copy { slot: key.0, frame };
            let len = len_of(&item);
            taken += len;
            first = false;
            put(item, len);
        }
    }

    fn give_back_memory(&mut self) {
        if self.control.is_empty() && self.control.capacity() > KEEP_CAPACITY {
            self.control = VecDeque::new();
        }
        if self.heads.is_empty() && self.heads.capacity() > KEEP_CAPACITY {
            self.heads = VecDeque::new();
        }
        if self.ready.is_empty() && self.ready.capacity() > KEEP_CAPACITY {
            self.ready = VecDeque::new();
        }
    }
}
