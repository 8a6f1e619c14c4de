//! A piece of a room message as it goes out: encoded once, addressed to many.
//!
//! All copies of a frame share its headers, its body and the random part of its transaction id; a recipient adds the
//! path lines that were made when it joined ([`Lines`]).

use crate::Credit;
use bytes::Bytes;
use parlor_msrp::{Flag, Path, Uri};
use std::io::Write as _;

/// Names one message of one room; never used again there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey(pub u64);

/// Where a frame stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first frame: it goes in the room's order, before later frames of other messages.
    First,
    /// A later frame: it takes turns with those of other messages.
    Later,
}

/// How many random characters of a transaction id all copies of a message share; 12 of base 62 carry 71 bits (MSRP-9).
pub(crate) const TID_RANDOM: usize = 12;

/// The part of the transaction id that all copies of a frame share: random for the message, counted for the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameTid {
    text: [u8; 20],
    len: u8,
}

impl FrameTid {
    /// Joins the message's random part and the frame's number.
    pub(crate) fn new(random: &[u8; TID_RANDOM], number: u64) -> Self {
        let mut text = [0; 20];
        text[..TID_RANDOM].copy_from_slice(random);
        let mut len = TID_RANDOM;
        let mut rest = number;
        // Eight more characters hold 62^8 frames of at least 2 KiB: more than any message has.
        while len < text.len() {
            text[len] = BASE62[(rest % 62) as usize];
            len += 1;
            rest /= 62;
            if rest == 0 {
                break;
            }
        }
        Self { text, len: len as u8 }
    }

    /// The id of the frame after this one.
    fn next(mut self) -> Self {
        for digit in TID_RANDOM..self.text.len() {
            let value = BASE62.iter().position(|known| *known == self.text[digit]).map_or(1, |value| value + 1);
            self.len = self.len.max(digit as u8 + 1);
            self.text[digit] = BASE62[value % 62];
            if value < 62 {
                break;
            }
        }
        self
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

/// The alphabet of transaction ids.
pub(crate) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One frame of a message, shared by all its copies.
#[derive(Debug)]
pub struct Frame {
    pub(crate) message: MessageKey,
    pub(crate) place: Place,
    pub(crate) flag: Flag,
    pub(crate) tid: FrameTid,
    /// From `Message-ID` to the empty line.
    pub(crate) headers: Bytes,
    pub(crate) message_id: Bytes,
    /// The same in every frame of a message (RFC 4975 §7.1.1).
    pub(crate) failure_report: &'static str,
    /// What it carries, as the last of its header lines say: the same in every frame too.
    pub(crate) content: Bytes,
    pub(crate) start: u64,
    pub(crate) body: Bytes,
    pub(crate) credit: Credit,
}

impl Frame {
    /// Whether no frame follows this one.
    pub fn is_last(&self) -> bool {
        self.flag != Flag::More
    }

    /// Where the message goes on behind this frame.
    pub(crate) fn behind(&self) -> Position {
        Position { tid: self.tid.next(), start: self.start + self.body.len() as u64 }
    }

    /// The octets that a copy has beside the recipient's own lines.
    fn shared_len(&self) -> usize {
        let end_line = 2 + 7 + 1 + 2;
        "MSRP ".len() + 2 * self.tid.as_bytes().len() + self.headers.len() + self.body.len() + end_line
    }
}

/// A place between two frames of a message, named by what the frame behind it would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    tid: FrameTid,
    start: u64,
}

/// What the messages of a room carry.
pub(crate) const CPIM: Bytes = Bytes::from_static(b"Content-Type: message/cpim");

/// What a frame says of its message, written once for all copies.
pub(crate) struct FrameHeaders<'a> {
    pub(crate) message_id: &'a [u8],
    pub(crate) failure_report: &'static str,
    pub(crate) start: u64,
    /// `None` is written `*`.
    pub(crate) end: Option<u64>,
    pub(crate) total: Option<u64>,
    /// Lines without the last line end; Content-Type stands last (MSRP-3).
    pub(crate) content: &'a [u8],
}

impl FrameHeaders<'_> {
    /// From `Message-ID` to the empty line.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(130 + self.content.len());
        out.extend_from_slice(b"Message-ID: ");
        out.extend_from_slice(self.message_id);
        out.extend_from_slice(b"\r\nByte-Range: ");
        write_range(&mut out, self.start, self.end, self.total);
        out.extend_from_slice(b"\r\nFailure-Report: ");
        out.extend_from_slice(self.failure_report.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.content);
        out.extend_from_slice(b"\r\n\r\n");
        Bytes::from(out)
    }
}

fn write_range(out: &mut Vec<u8>, start: u64, end: Option<u64>, total: Option<u64>) {
    let number = |out: &mut Vec<u8>, n: Option<u64>| match n {
        Some(n) => write!(out, "{n}").expect("writing to a Vec cannot fail"),
        None => out.push(b'*'),
    };
    number(out, Some(start));
    out.push(b'-');
    number(out, end);
    out.push(b'/');
    number(out, total);
}

/// What one recipient adds to every frame: the end of the transaction id and its path lines.
///
/// The suffix keeps the ids of several sessions on one connection apart (MSRP-9).
#[derive(Debug, PartialEq, Eq)]
pub struct Lines {
    text: Box<[u8]>,
    suffix: u8,
}

impl Lines {
    /// `suffix` is the session's own on its connection, 1 to 4 letters or digits.
    pub fn new(suffix: &str, to: &Path, from: &Uri) -> Self {
        debug_assert!((1..=4).contains(&suffix.len()), "the whole id has at most 32 characters");
        let text = format!("{suffix} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n");
        Self { text: text.into_bytes().into_boxed_slice(), suffix: suffix.len() as u8 }
    }

    fn suffix(&self) -> &[u8] {
        &self.text[..usize::from(self.suffix)]
    }

    /// The octets of a copy of `frame` with these lines.
    pub(crate) fn encoded_len(&self, frame: &Frame) -> usize {
        frame.shared_len() + self.text.len() + usize::from(self.suffix)
    }

    /// Writes what stands before the body.
    pub(crate) fn write_head(&self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(b"MSRP ");
        out.extend_from_slice(frame.tid.as_bytes());
        out.extend_from_slice(&self.text);
        out.extend_from_slice(&frame.headers);
    }

    /// Writes what stands behind the body: CRLF and the end-line (MSRP-7).
    pub(crate) fn write_tail(&self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n-------");
        out.extend_from_slice(frame.tid.as_bytes());
        out.extend_from_slice(self.suffix());
        out.push(flag_octet(frame.flag));
        out.extend_from_slice(b"\r\n");
    }

    /// A SEND that aborts `frame`'s message from the position of `frame` on (MSRP-46).
    pub(crate) fn abort_before(&self, frame: &Frame) -> Bytes {
        let position = Position { tid: frame.tid, start: frame.start };
        self.abort_at(position, frame.message, &frame.message_id, frame.failure_report, &frame.content)
    }

    /// A SEND that aborts a message from `position` on.
    pub(crate) fn abort_at(
        &self,
        position: Position,
        message: MessageKey,
        message_id: &Bytes,
        failure_report: &'static str,
        content: &Bytes,
    ) -> Bytes {
        let start = position.start;
        let headers = FrameHeaders { message_id, failure_report, start, end: None, total: None, content };
        let abort = Frame {
            message,
            place: Place::Later,
            flag: Flag::Abort,
            tid: position.tid,
            headers: headers.encode(),
            message_id: message_id.clone(),
            failure_report,
            content: content.clone(),
            start,
            body: Bytes::new(),
            credit: Credit::none(),
        };
        let mut out = Vec::with_capacity(self.encoded_len(&abort));
        self.write_head(&abort, &mut out);
        self.write_tail(&abort, &mut out);
        Bytes::from(out)
    }
}

fn flag_octet(flag: Flag) -> u8 {
    match flag {
        Flag::Complete => b'$',
        Flag::More => b'+',
        Flag::Abort => b'#',
    }
}
