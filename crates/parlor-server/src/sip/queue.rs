//! What waits to be written to a SIP stream, counted in octets.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, mpsc};

/// A stream is read only while less waits to be written, so that a peer that asks and does not read is stopped by TCP.
const READ_BELOW: usize = 256 * 1024;
/// The most that may wait: beside the above there are the answers to what was under way when reading stopped.
const LIMIT: usize = 4 * 1024 * 1024;
/// So much of it is kept from requests with large bodies, which can wait.
const RESERVED: usize = 1024 * 1024;
/// What one message takes beside its octets.
const ENTRY: usize = 64;
/// A write has more than this only if a single message has.
const WRITE: usize = 64 * 1024;

/// Where messages for one stream are put. Only the SIP task keeps it: when it gives the stream up, nothing more comes to be
/// written, and the stream ends.
#[derive(Debug)]
pub(crate) struct Queue {
    messages: mpsc::UnboundedSender<Bytes>,
    backlog: Arc<Backlog>,
}

#[derive(Debug, Default)]
struct Backlog {
    octets: AtomicUsize,
    written: Notify,
}

impl Queue {
    /// A queue, and the end of it that the writer has.
    pub(super) fn new() -> (Self, Waiting) {
        let (messages, waiting) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        (Self { messages, backlog: Arc::clone(&backlog) }, Waiting { messages: waiting, backlog })
    }

    /// What the reader needs of it.
    pub(super) fn replies(&self) -> Replies {
        Replies { queue: self.messages.downgrade(), backlog: Arc::clone(&self.backlog) }
    }

    /// Whether a request with a body of that size may be put. It leaves space for answers.
    pub(super) fn has_space(&self, octets: usize) -> bool {
        self.backlog.octets.load(Ordering::Relaxed) + octets <= LIMIT - RESERVED
    }

    /// Puts a message; `false` when too much waits or the stream has ended.
    pub(super) fn put(&self, message: Bytes) -> bool {
        put(&self.messages, &self.backlog, message)
    }
}

fn put(messages: &mpsc::UnboundedSender<Bytes>, backlog: &Backlog, message: Bytes) -> bool {
    let octets = ENTRY + message.len();
    if backlog.octets.fetch_add(octets, Ordering::Relaxed) + octets > LIMIT {
        backlog.octets.fetch_sub(octets, Ordering::Relaxed);
        return false;
    }
    messages.send(message).is_ok()
}

/// What the reading half knows of what waits to be written.
#[derive(Debug)]
pub(super) struct Replies {
    queue: mpsc::WeakUnboundedSender<Bytes>,
    backlog: Arc<Backlog>,
}

impl Replies {
    /// Waits until so little waits that more may be asked.
    pub(super) async fn fetched(&self) {
        while self.backlog.octets.load(Ordering::Relaxed) >= READ_BELOW {
            self.backlog.written.notified().await;
        }
    }

    pub(super) fn pong(&self) {
        if let Some(queue) = self.queue.upgrade() {
            put(&queue, &self.backlog, Bytes::from_static(b"\r\n"));
        }
    }
}

/// What waits, as the writing half sees it.
#[derive(Debug)]
pub(super) struct Waiting {
    messages: mpsc::UnboundedReceiver<Bytes>,
    backlog: Arc<Backlog>,
}

impl Waiting {
    /// Waits for something to write and takes what fits into one write; `None` when nothing more will come.
    pub(super) async fn next(&mut self) -> Option<Gathered> {
        let first = self.messages.recv().await?;
        let mut gathered = Gathered { octets: first.to_vec(), counted: ENTRY + first.len() };
        while gathered.octets.len() < WRITE
            && let Ok(message) = self.messages.try_recv()
        {
            gathered.octets.extend_from_slice(&message);
            gathered.counted += ENTRY + message.len();
        }
        Some(gathered)
    }

    /// It is written, and waits no longer.
    pub(super) fn written(&self, gathered: &Gathered) {
        self.backlog.octets.fetch_sub(gathered.counted, Ordering::Relaxed);
        self.backlog.written.notify_one();
    }
}

/// What is written at once.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) octets: Vec<u8>,
    counted: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue takes messages up to its limit, counts them until they are written, and is empty then.
    #[tokio::test]
    async fn all_that_waits_is_counted_until_it_is_written() {
        let (queue, mut waiting) = Queue::new();
        let message = Bytes::from(vec![b'x'; 30_000]);
        let fit = LIMIT / (ENTRY + message.len());
        let taken = (0..2 * fit).filter(|_| queue.put(message.clone())).count();
        assert_eq!(taken, fit);
        let gathered = waiting.next().await.expect("it waits");
        assert_eq!(gathered.octets.len(), 90_000, "as many as come to a write");
        assert!(!queue.put(message.clone()), "it is not written yet");
        waiting.written(&gathered);
        assert!(!queue.has_space(1000), "space is kept for answers");
        assert!(queue.put(message), "it is now");
        while queue.backlog.octets.load(Ordering::Relaxed) > 0 {
            let gathered = waiting.next().await.expect("it waits");
            waiting.written(&gathered);
        }
        assert!(waiting.messages.is_empty());
        assert!(queue.has_space(LIMIT - RESERVED) && !queue.has_space(LIMIT - RESERVED + 1));
        drop(queue);
        assert!(waiting.next().await.is_none());
    }
}
