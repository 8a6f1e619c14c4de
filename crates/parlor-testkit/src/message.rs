//! The messages that simulated participants send, and the chunks they send them in.

use bytes::Bytes;
use parlor_cpim::{Address, Builder};
use parlor_msrp::{
    ByteRange, FailureReport, Flag, MessageId, Path, SendHead, TransactionId, Uri, encode_end, encode_send_head,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::time::Instant;

/// What is peculiar about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Plain,
    /// Its CPIM From is somebody else's (CHAT-32).
    Forged,
    /// Its sender gives it up after some chunks (CHAT-65).
    Aborted,
    /// Its sender falls silent after some chunks (CHAT-62).
    Stuck,
    /// Pairs of its chunks come in the wrong order (CHAT-64).
    Swapped,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    /// What is peculiar about it.
    pub kind: Kind,
    /// Octets of its payload.
    pub payload: usize,
    /// The most octets of body in a chunk.
    pub chunk: usize,
    /// Whether its chunks tell the total.
    pub declared: bool,
    /// The user that it is for, if it is not for the room.
    pub to: Option<usize>,
}

/// A message that is on its way.
#[derive(Debug)]
pub struct Message {
    /// Its sender, among the members.
    pub sender: usize,
    /// Its Message-ID as its sender wrote it.
    pub id: MessageId,
    /// All of it.
    pub content: Bytes,
    /// The length of its CPIM headers.
    pub head: usize,
    /// What it was made from.
    pub draft: Draft,
    /// Where chunks end.
    pub chunk_ends: BTreeSet<u64>,
    /// When its sender wanted to send it.
    pub asked_at: Instant,
    /// Whether a success REPORT is wanted.
    pub success_report: bool,
}

/// A chunk as it goes over the wire.
#[derive(Debug)]
pub struct Chunk {
    /// Its transaction.
    pub tid: TransactionId,
    /// The octets.
    pub wire: Bytes,
}

/// Between whom it goes.
#[derive(Debug)]
pub struct Ends<'a> {
    /// Our member's path.
    pub from: &'a Uri,
    /// The room's URI for the session.
    pub to: &'a Path,
    /// The CPIM From.
    pub user: &'a str,
    /// The CPIM To of what is for the room.
    pub room: &'a str,
}

impl Message {
    /// Writes a message, whose number is in its headers.
    pub fn new(number: usize, sender: usize, draft: Draft, ends: &Ends<'_>, now: Instant, rng: &mut StdRng) -> Self {
        let from = if draft.kind == Kind::Forged { "sip:mallory@example.org" } else { ends.user };
        let to = draft.to.map_or_else(|| ends.room.to_owned(), user_uri);
        let builder = Builder::new(&Address::new(from), &Address::new(to), "2026-01-01T00:00:00Z");
        let mut content = builder.subject(&format!("m{number}")).head("application/octet-stream");
        let head = content.len();
        fill(&mut content, draft.payload, rng);
        Self {
            sender,
            id: MessageId::from_random(rng.random(), rng.random()),
            content: Bytes::from(content),
            head,
            draft,
            chunk_ends: BTreeSet::new(),
            asked_at: now,
            success_report: rng.random_bool(0.3),
        }
    }

    /// Cuts it into chunks as its draft says.
    pub fn chunks(&mut self, ends: &Ends<'_>, rng: &mut StdRng) -> Vec<Chunk> {
        let cuts = self.cuts(rng);
        self.chunk_ends = cuts.iter().map(|(_, end, _)| *end as u64).collect();
        cuts.into_iter().map(|(start, end, flag)| self.encode(ends, start, end, flag, rng)).collect()
    }

    fn cuts(&self, rng: &mut StdRng) -> Vec<(usize, usize, Flag)> {
        let (mut cuts, mut start) = (Vec::new(), 0);
        while start < self.content.len() {
            let len = rng.random_range(self.draft.chunk.div_ceil(2)..=self.draft.chunk);
            let end = (start + len).min(self.content.len());
            let flag = if end == self.content.len() { Flag::Complete } else { Flag::More };
            cuts.push((start, end, flag));
            start = end;
        }
        let broken = rng.random_range(0..cuts.len());
        match self.draft.kind {
            Kind::Plain | Kind::Forged => {}
            Kind::Aborted => {
                cuts.truncate(broken + 1);
                cuts[broken].2 = Flag::Abort;
            }
            Kind::Stuck => {
                cuts.truncate(broken + 1);
                cuts[broken].2 = Flag::More;
            }
            Kind::Swapped => cuts.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
        }
        cuts
    }

    fn encode(&self, ends: &Ends<'_>, start: usize, end: usize, flag: Flag, rng: &mut StdRng) -> Chunk {
        let body = &self.content[start..end];
        let tid = TransactionId::from_random(rng.random(), rng.random());
        let fixed = body.len() <= 2048 && flag != Flag::Abort;
        let range = ByteRange {
            start: start as u64 + 1,
            end: fixed.then_some(end as u64),
            total: self.draft.declared.then_some(self.content.len() as u64),
        };
        let mut wire = Vec::with_capacity(body.len() + 300);
        let head = SendHead {
            tid: &tid,
            to: ends.to,
            from: ends.from,
            message_id: &self.id,
            byte_range: Some(range),
            failure_report: FailureReport::Yes,
            success_report: self.success_report,
            content_type: Some("message/cpim"),
        };
        encode_send_head(&mut wire, &head);
        wire.extend_from_slice(body);
        encode_end(&mut wire, &tid, flag);
        Chunk { tid, wire: Bytes::from(wire) }
    }
}

/// A user's URI.
pub fn user_uri(user: usize) -> String {
    format!("sip:user{user}@example.org")
}

/// A request for a nickname, or to have none.
pub fn naming(ends: &Ends<'_>, nickname: &str, rng: &mut StdRng) -> Chunk {
    let tid = TransactionId::from_random(rng.random(), rng.random());
    let (to, from) = (ends.to, ends.from);
    let wire = format!(
        "MSRP {tid} NICKNAME\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nUse-Nickname: \"{nickname}\"\r\n-------{tid}$\r\n"
    );
    Chunk { tid, wire: Bytes::from(wire) }
}

/// The SEND without a body that binds a session.
pub fn binding(ends: &Ends<'_>, rng: &mut StdRng) -> Chunk {
    let tid = TransactionId::from_random(rng.random(), rng.random());
    let mut wire = Vec::new();
    let head = SendHead {
        tid: &tid,
        to: ends.to,
        from: ends.from,
        message_id: &MessageId::from_random(rng.random(), rng.random()),
        byte_range: Some(ByteRange { start: 1, end: Some(0), total: Some(0) }),
        failure_report: FailureReport::Yes,
        success_report: false,
        content_type: None,
    };
    encode_send_head(&mut wire, &head);
    encode_end(&mut wire, &tid, Flag::Complete);
    Chunk { tid, wire: Bytes::from(wire) }
}

/// Any octets, now and then what looks like the beginning of an end-line.
fn fill(content: &mut Vec<u8>, octets: usize, rng: &mut StdRng) {
    let end = content.len() + octets;
    while content.len() < end {
        match rng.random_range(0..64) {
            0 => content.extend_from_slice(b"\r\n-------"),
            1 => content.extend_from_slice(b"\r\n\r\nMSRP abcd SEND\r\n"),
            _ => content.extend_from_slice(&rng.random::<[u8; 32]>()),
        }
    }
    content.truncate(end);
}
