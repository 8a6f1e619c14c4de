//! Finding the end-line of a body (RFC 4975 §7.1).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::ident::TransactionId;
use crate::message::Flag;

/// What stands before the transaction id in the end-line of a body.
const BOUNDARY: &[u8] = b"\r\n-------";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BOUNDARY));

/// The end-line of one transaction, matched octet by octet and over any number of reads.
///
/// MSRP-15: CRLF, seven hyphens, the transaction id, one of `+$#`, CRLF; anything else is data.
#[derive(Debug)]
pub(crate) struct EndLine {
    tid: TransactionId,
    matched: usize,
    flag: Flag,
}

/// How far some octets match the rest of an end-line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    /// They contain the rest of it, this many octets.
    Whole(usize, Flag),
    /// All of them are part of it.
    Partly,
    /// They are not, from this octet on; it is a body that looked like an end-line.
    Not(usize),
}

/// Where some octets of body hold an end-line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// From `start` up to `end`.
    Whole { start: usize, end: usize, flag: Flag },
    /// From this octet on there is the beginning of one.
    Partly(usize),
    /// Nowhere.
    Not,
}

impl EndLine {
    /// Begins right after the empty line before the body, whose CRLF may be that of the end-line when there is no data.
    pub(crate) fn new(tid: TransactionId) -> Self {
        Self { tid, matched: 2, flag: Flag::More }
    }

    /// Whether what was last seen is the beginning of an end-line.
    pub(crate) fn is_begun(&self) -> bool {
        self.matched > 0
    }

    /// Matches octets that directly follow those already matched.
    pub(crate) fn resume(&mut self, octets: &[u8]) -> Matched {
        for (index, octet) in octets.iter().enumerate() {
            if !self.accept(*octet) {
                // No beginning of an end-line has another in it: its only CR besides the first is followed by LF.
                self.matched = 0;
                return Matched::Not(index);
            }
            if self.matched == BOUNDARY.len() + self.tid.as_bytes().len() + 3 {
                return Matched::Whole(index + 1, self.flag);
            }
        }
        Matched::Partly
    }

    /// Looks through octets of body that have not been seen.
    pub(crate) fn search(&mut self, octets: &[u8]) -> Found {
        let mut from = 0;
        while let Some(offset) = FINDER.find(&octets[from..]) {
            let start = from + offset;
            let rest = start + BOUNDARY.len();
            self.matched = BOUNDARY.len();
            match self.resume(&octets[rest..]) {
                Matched::Whole(len, flag) => {
                    let end = rest + len;
                    return Found::Whole { start, end, flag };
                }
                Matched::Partly => return Found::Partly(start),
                Matched::Not(index) => from = rest + index,
            }
        }
        self.search_tail(octets, from)
    }

    /// Looks for a beginning of BOUNDARY at the very end.
    fn search_tail(&mut self, octets: &[u8], from: usize) -> Found {
        let tail = from.max(octets.len().saturating_sub(BOUNDARY.len() - 1));
        match memchr::memrchr(b'\r', &octets[tail..]) {
            Some(offset) if BOUNDARY.starts_with(&octets[tail + offset..]) => {
                self.matched = octets.len() - tail - offset;
                Found::Partly(tail + offset)
            }
            Some(_) | None => Found::Not,
        }
    }

    fn accept(&mut self, octet: u8) -> bool {
        let tid = self.tid.as_bytes();
        let accepted = if let Some(expected) = BOUNDARY.get(self.matched) {
            octet == *expected
        } else {
            let after_boundary = self.matched - BOUNDARY.len();
            match tid.get(after_boundary) {
                Some(expected) => octet == *expected,
                None => match after_boundary - tid.len() {
                    0 => Flag::from_byte(octet).inspect(|flag| self.flag = *flag).is_some(),
                    1 => octet == b'\r',
                    _ => octet == b'\n',
                },
            }
        };
        self.matched += usize::from(accepted);
        accepted
    }
}
