//! A message cut into chunks (RFC 4975 §5.1, §7.1.1).

use memchr::memmem;

use crate::encode::{SendHead, encode_end, encode_send_head};
use crate::header::{ByteRange, FailureReport};
use crate::ident::{MessageId, TransactionId};
use crate::message::Flag;
use crate::path::Path;
use crate::uri::Uri;

/// MSRP-33: a body longer than this must be interruptible, hence a range-end of `*`.
const LONGEST_FIXED_RANGE: usize = 2048;

/// What all chunks of a message have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Where it goes.
    pub to: Path,
    /// Our session.
    pub from: Uri,
    /// New for each message, and the same when it is sent again (MSRP-20, MSRP-97).
    pub message_id: MessageId,
    /// Which responses we want.
    pub failure_report: FailureReport,
    /// Whether we want success REPORTs.
    pub success_report: bool,
    /// The type of the content.
    pub content_type: String,
    /// Octets of the content, if they are known.
    pub total: Option<u64>,
}

/// Cuts a message into SENDs, in order (MSRP-38).
///
/// The caller has the octets: all of them at once, or as they come out of a file.
#[derive(Debug)]
pub struct ChunkSplitter {
    message: OutgoingMessage,
    chunk_size: usize,
    /// Octets already written in chunks.
    sent: u64,
    ended: bool,
}

/// A chunk that has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its transaction.
    pub tid: TransactionId,
    /// The octets of the message in it, by their true positions.
    pub range: ByteRange,
    /// Whether others follow.
    pub flag: Flag,
}

impl ChunkSplitter {
    /// Octets of body in a chunk unless asked otherwise; peers are known to fail beyond 10,240.
    pub const CHUNK_SIZE: usize = 8192;

    /// Begins a message, to be cut into chunks of `chunk_size` octets, at least one.
    pub fn new(message: OutgoingMessage, chunk_size: usize) -> Self {
        Self { message, chunk_size: chunk_size.max(1), sent: 0, ended: false }
    }

    /// The message.
    pub fn message(&self) -> &OutgoingMessage {
        &self.message
    }

    /// How many octets of the message have been written.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the last chunk has been written.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Writes the next chunk, taking its octets from the front of `content`, what there is of the message after
    /// [`sent`](Self::sent); `complete` says that nothing comes after `content`.
    ///
    /// `None` when the message is ended, or when there is not enough for a chunk and more is to come (MSRP-34).
    /// `random` gives random numbers, for transaction ids.
    pub fn encode_chunk(
        &mut self,
        out: &mut Vec<u8>,
        content: &mut &[u8],
        complete: bool,
        random: &mut impl FnMut() -> u64,
    ) -> Option<Chunk> {
        if self.ended || (content.len() < self.chunk_size && !complete) {
            return None;
        }
        let (body, rest) = content.split_at(self.chunk_size.min(content.len()));
        let flag = if complete && rest.is_empty() { Flag::Complete } else { Flag::More };
        *content = rest;
        Some(self.encode(out, body, flag, random))
    }

    /// Writes an end to a message that is given up between two chunks: no octets and the flag `#` (MSRP-46).
    ///
    /// `None` when the message is ended, or not begun.
    pub fn encode_abort(&mut self, out: &mut Vec<u8>, random: &mut impl FnMut() -> u64) -> Option<Chunk> {
        if self.ended || self.sent == 0 {
            self.ended = true;
            return None;
        }
        Some(self.encode(out, b"", Flag::Abort, random))
    }

    fn encode(&mut self, out: &mut Vec<u8>, body: &[u8], flag: Flag, random: &mut impl FnMut() -> u64) -> Chunk {
        let tid = unused_tid(body, random);
        let after = self.sent + body.len() as u64;
        let total = match flag {
            Flag::Complete => Some(after),
            Flag::More | Flag::Abort => self.message.total,
        };
        let range = ByteRange { start: self.sent + 1, end: Some(after), total };
        // MSRP-39: an end before the start is for empty messages only.
        let fixed = body.len() <= LONGEST_FIXED_RANGE && (self.sent == 0 || !body.is_empty());
        let head = SendHead {
            tid: &tid,
            to: &self.message.to,
            from: &self.message.from,
            message_id: &self.message.message_id,
            byte_range: Some(ByteRange { end: range.end.filter(|_| fixed), ..range }),
            failure_report: self.message.failure_report,
            success_report: self.message.success_report,
            content_type: Some(&self.message.content_type),
        };
        encode_send_head(out, &head);
        out.extend_from_slice(body);
        encode_end(out, &tid, flag);
        self.sent = after;
        self.ended = flag != Flag::More;
        Chunk { tid, range, flag }
    }
}

/// MSRP-8, MSRP-9: a random id that does not occur in the body; msrplib ends a body wherever it does.
fn unused_tid(body: &[u8], random: &mut impl FnMut() -> u64) -> TransactionId {
    loop {
        let tid = TransactionId::from_random(random(), random());
        if memmem::find(body, tid.as_bytes()).is_none() {
            return tid;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Event, Limits};

    fn splitter(total: Option<u64>, chunk_size: usize) -> ChunkSplitter {
        let message = OutgoingMessage {
            to: Path::parse("msrp://b.example:2/b;tcp").expect("path"),
            from: Uri::parse("msrp://a.example:1/a;tcp").expect("uri"),
            message_id: MessageId::parse("m1").expect("id"),
            failure_report: FailureReport::Partial,
            success_report: true,
            content_type: "message/cpim".into(),
            total,
        };
        ChunkSplitter::new(message, chunk_size)
    }

    fn counter() -> impl FnMut() -> u64 {
        let mut next = 0;
        move || {
            next += 1;
            next
        }
    }

    /// The chunks decoded: range as written, body, flag.
    fn decoded(octets: Vec<u8>) -> Vec<(String, Vec<u8>, Flag)> {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(octets.into());
        let mut chunks = Vec::new();
        let (mut range, mut body) = (String::new(), Vec::new());
        while let Some(event) = decoder.poll().expect("what we write can be read") {
            match event {
                Event::Request(request) => {
                    assert_eq!(request.malformed, None);
                    range = request.byte_range.expect("a range").to_string();
                }
                Event::Body(piece) => body.extend_from_slice(&piece),
                Event::End(flag) => chunks.push((range.clone(), std::mem::take(&mut body), flag)),
                Event::Response(_) => panic!("a response"),
            }
        }
        assert!(decoder.is_idle());
        chunks
    }

    #[test]
    fn message_of_known_size_is_cut_in_order_msrp_30_to_38() {
        let content: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        let (mut splitter, mut out, mut rest) = (splitter(Some(5000), 2049), Vec::new(), &content[..]);
        let mut random = counter();
        let mut written = Vec::new();
        while let Some(chunk) = splitter.encode_chunk(&mut out, &mut rest, true, &mut random) {
            written.push(chunk);
        }
        assert!(splitter.is_ended() && rest.is_empty());
        assert_eq!(written[1].range, ByteRange { start: 2050, end: Some(4098), total: Some(5000) });
        let expected = [
            ("1-*/5000".to_owned(), content[..2049].to_vec(), Flag::More),
            ("2050-*/5000".to_owned(), content[2049..4098].to_vec(), Flag::More),
            ("4099-5000/5000".to_owned(), content[4098..].to_vec(), Flag::Complete),
        ];
        assert_eq!(decoded(out), expected);
    }

    #[test]
    fn message_of_unknown_size_waits_for_a_full_chunk_msrp_34() {
        let (mut splitter, mut out, mut random) = (splitter(None, 4), Vec::new(), counter());
        assert_eq!(splitter.encode_chunk(&mut out, &mut &b"abc"[..], false, &mut random), None);
        let mut rest = &b"abcd"[..];
        assert!(splitter.encode_chunk(&mut out, &mut rest, false, &mut random).is_some());
        assert!(splitter.encode_chunk(&mut out, &mut rest, true, &mut random).is_some());
        let expected =
            [("1-4/*".to_owned(), b"abcd".to_vec(), Flag::More), ("5-*/4".to_owned(), Vec::new(), Flag::Complete)];
        assert_eq!(decoded(out), expected);
    }

    #[test]
    fn empty_message_is_one_chunk_msrp_39() {
        let (mut splitter, mut out, mut random) = (splitter(Some(0), 4), Vec::new(), counter());
        assert!(splitter.encode_chunk(&mut out, &mut &b""[..], true, &mut random).is_some());
        assert_eq!(splitter.encode_chunk(&mut out, &mut &b""[..], true, &mut random), None);
        assert_eq!(decoded(out), [("1-0/0".to_owned(), Vec::new(), Flag::Complete)]);
    }

    #[test]
    fn message_given_up_ends_with_an_empty_chunk_msrp_46() {
        let (mut splitter, mut out, mut random) = (splitter(Some(9), 4), Vec::new(), counter());
        let mut rest = &b"abcdefghi"[..];
        assert!(splitter.encode_chunk(&mut out, &mut rest, true, &mut random).is_some());
        assert!(splitter.encode_abort(&mut out, &mut random).is_some());
        assert_eq!(splitter.encode_abort(&mut out, &mut random), None);
        assert_eq!(splitter.encode_chunk(&mut out, &mut rest, true, &mut random), None);
        assert_eq!(decoded(out)[1], ("5-*/9".to_owned(), Vec::new(), Flag::Abort));
    }

    #[test]
    fn transaction_id_in_the_body_is_not_taken_msrp_8() {
        let taken = TransactionId::from_random(1, 2);
        let body = format!("x\r\n-------{taken}$\r\n");
        assert_eq!(unused_tid(body.as_bytes(), &mut counter()), TransactionId::from_random(3, 4));
    }
}
