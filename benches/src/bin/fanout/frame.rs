//! MSRP frames as far as the driver reads them.

use memchr::memmem::Finder;

/// One complete frame at the start of the bytes read.
pub(crate) struct Frame<'a> {
    pub(crate) transaction: &'a [u8],
    /// The method, or the status code of a response.
    pub(crate) word: &'a [u8],
    head: &'a [u8],
    pub(crate) body: Option<&'a [u8]>,
    /// `+`, `$` or `#`.
    pub(crate) flag: u8,
    /// Bytes of the frame, its end-line included.
    pub(crate) length: usize,
}

/// The header values that the driver needs of a SEND.
#[derive(Default)]
pub(crate) struct Headers<'a> {
    pub(crate) from_path: &'a [u8],
    pub(crate) message_id: &'a [u8],
    pub(crate) failure_report: Option<&'a [u8]>,
    /// Position of the first byte of the body; 1 without `Byte-Range`.
    pub(crate) start: usize,
}

/// Finds the ends of frames; made once.
pub(crate) struct Scanner {
    end_line: Finder<'static>,
    empty_line: Finder<'static>,
}

impl Scanner {
    pub(crate) fn new() -> Scanner {
        Scanner { end_line: Finder::new(b"\r\n-------"), empty_line: Finder::new(b"\r\n\r\n") }
    }

    /// The first frame of `data`, or `None` while it is incomplete. `scanned` is how far earlier calls with the same
    /// frame have looked.
    pub(crate) fn frame<'a>(&self, data: &'a [u8], scanned: &mut usize) -> anyhow::Result<Option<Frame<'a>>> {
        let Some(line) = memchr::memchr(b'\n', &data[..data.len().min(1024)]) else {
            anyhow::ensure!(data.len() < 1024, "no start line in {:?}", String::from_utf8_lossy(&data[..80]));
            return Ok(None);
        };
        let start_line = data[..line].strip_suffix(b"\r").and_then(|line| line.strip_prefix(b"MSRP "));
        let Some(mut words) = start_line.map(|line| line.split(|byte| *byte == b' ')) else {
            anyhow::bail!("not an MSRP start line: {:?}", String::from_utf8_lossy(&data[..line]));
        };
        let (transaction, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut from = (*scanned).max(line - 1);
        while let Some(found) = self.end_line.find(&data[from..]) {
            let end = from + found;
            let Some(rest) = data.get(end + 9..end + 9 + transaction.len() + 3) else {
                *scanned = end;
                return Ok(None);
            };
            if rest.starts_with(transaction) && rest.ends_with(b"\r\n") {
                let length = end + 9 + rest.len();
                let content = data.get(line + 1..end).unwrap_or_default();
                let (head, body) = match self.empty_line.find(content) {
                    Some(at) => (&content[..at], Some(&content[at + 4..])),
                    None => (content, None),
                };
                *scanned = 0;
                return Ok(Some(Frame { transaction, word, head, body, flag: rest[transaction.len()], length }));
            }
            from = end + 1;
        }
        *scanned = data.len().saturating_sub(8);
        Ok(None)
    }
}

impl<'a> Frame<'a> {
    pub(crate) fn headers(&self) -> Headers<'a> {
        let mut headers = Headers { start: 1, ..Headers::default() };
        for line in self.head.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(value) = line.strip_prefix(b"From-Path: ") {
                headers.from_path = value;
            } else if let Some(value) = line.strip_prefix(b"Message-ID: ") {
                headers.message_id = value;
            } else if let Some(value) = line.strip_prefix(b"Failure-Report: ") {
                headers.failure_report = Some(value);
            } else if let Some(value) = line.strip_prefix(b"Byte-Range: ") {
                let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
                headers.start = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            }
        }
        headers
    }
}

impl<'a> Headers<'a> {
    /// Whether each chunk is to be answered (RFC 4975 §7.1.1: `yes` is the default).
    pub(crate) fn asks_answer(&self) -> bool {
        self.failure_report.is_none_or(|value| value == b"yes")
    }

    /// Whom a response to a SEND goes to (RFC 4975 §7.2).
    pub(crate) fn previous_hop(&self) -> &'a [u8] {
        self.from_path.split(|byte| *byte == b' ').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: &[u8] = b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://a:9/b;tcp\r\nFrom-Path: msrp://c:2855/d;tcp\r\n\
        Message-ID: 87652491\r\nByte-Range: 1-25/25\r\nFailure-Report: partial\r\nContent-Type: text/plain\r\n\r\n\
        Hey Bob, are you there?\r\n\r\n-------a786hjs2$\r\n";

    /// A frame is found wherever the bytes are cut, with its headers and body.
    #[test]
    fn frame_in_pieces() {
        let scanner = Scanner::new();
        let mut scanned = 0;
        for cut in 0..COPY.len() {
            assert!(scanner.frame(&COPY[..cut], &mut scanned).expect("well formed").is_none());
        }
        let frame = scanner.frame(COPY, &mut scanned).expect("well formed").expect("complete");
        assert_eq!((frame.length, frame.flag, frame.word), (COPY.len(), b'$', b"SEND".as_slice()));
        assert_eq!(frame.body, Some(b"Hey Bob, are you there?\r\n".as_slice()));
        let headers = frame.headers();
        assert_eq!(headers.failure_report, Some(b"partial".as_slice()));
        assert_eq!((headers.start, headers.message_id), (1, b"87652491".as_slice()));
    }
}
