//! Frames that look like the one before, recognised without reading their headers again.
//!
//! The driver shares the processors with what it measures, and most of what it reads differs from the frame before in
//! identifiers alone.

use crate::frame::{Frame, Headers};

/// Where things stand in a message of one frame.
pub(crate) struct Shape {
    /// Bytes of the whole frame, and of its transaction identifier.
    length: usize,
    transaction: usize,
    /// Where the body begins and ends.
    body: std::ops::Range<usize>,
    /// Whom to answer, if an answer is asked for.
    pub(crate) answer_to: Option<Vec<u8>>,
}

impl Shape {
    /// The shape of this frame, which has this body.
    pub(crate) fn of(frame: &Frame<'_>, headers: &Headers<'_>, body: &[u8]) -> Shape {
        let transaction = frame.transaction.len();
        let end = frame.length - transaction - b"\r\n-------$\r\n".len();
        let answer_to = headers.asks_answer().then(|| headers.previous_hop().to_vec());
        Shape { length: frame.length, transaction, body: end - body.len()..end, answer_to }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The transaction identifier and the body, if `data` begins with a frame of this shape.
    pub(crate) fn read<'a>(&self, data: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let frame = data.get(..self.length)?;
        let transaction = frame.strip_prefix(b"MSRP ")?.get(..self.transaction)?;
        let end_line = frame[self.body.end..].strip_prefix(b"\r\n-------")?.strip_prefix(transaction)?;
        let same = end_line == b"$\r\n"
            && frame[b"MSRP ".len() + self.transaction..].starts_with(b" SEND\r\n")
            && frame[..self.body.start].ends_with(b"\r\n\r\n");
        same.then(|| (transaction, &frame[self.body.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Scanner;

    /// A frame of the shape is read as the scanner reads it; one of another shape is not.
    #[test]
    fn reads_like_the_scanner() {
        let copy = |transaction: &str, body: &str, flag: char| {
            format!(
                "MSRP {transaction} SEND\r\nTo-Path: msrp://a:9/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n\
                 Message-ID: 8765\r\n\r\n{body}\r\n-------{transaction}{flag}\r\n"
            )
        };
        let first = copy("a786hjs2", "Hey Bob", '$');
        let frame = Scanner::new().frame(first.as_bytes(), &mut 0).expect("well formed").expect("complete");
        let shape = Shape::of(&frame, &frame.headers(), frame.body.expect("has a body"));
        assert_eq!(shape.answer_to.as_deref(), Some(b"msrp://c:1/d;tcp".as_slice()));
        let next = copy("b897ikt3", "Hi Caro", '$') + "MSRP";
        assert_eq!(shape.read(next.as_bytes()), Some((b"b897ikt3".as_slice(), b"Hi Caro".as_slice())));
        for other in [copy("b897ikt3", "Hey Caro", '$'), copy("b897ikt3", "Hi Caro", '+'), next[..80].to_owned()] {
            assert_eq!(shape.read(other.as_bytes()), None, "{other}");
        }
    }
}
