//! Finding the end of the headers in what has come so far.

use memchr::memchr;

use crate::envelope::{Envelope, Layout};
use crate::error::CpimError;
use crate::mime_header;

/// Finds and reads the headers of one message, however its octets come.
///
/// It remembers how far it has looked: called again with more, it looks at no octet twice.
#[derive(Debug, Clone)]
pub struct Scanner {
    max_header_bytes: usize,
    /// Where the line begins that is not complete.
    line_start: usize,
    /// Up to where there is no further line feed.
    scanned: usize,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The message headers: has there been a Content-Type among them, and do the lines end with CRLF?
    Message { content_type: bool, crlf: Option<bool> },
    /// The MIME headers, which begin here.
    Mime(usize),
}

impl Scanner {
    /// A scanner for one message whose headers have at most so many octets.
    pub fn new(max_header_bytes: usize) -> Self {
        Self { max_header_bytes, line_start: 0, scanned: 0, part: Part::Message { content_type: false, crlf: None } }
    }

    /// Reads the headers out of `gathered`, the message from its beginning as far as it has come.
    ///
    /// `None` when they are not complete. CPIM-41: they are when the MIME headers are.
    pub fn scan(&mut self, gathered: &[u8]) -> Result<Option<Envelope>, CpimError> {
        let window = &gathered[..gathered.len().min(self.max_header_bytes)];
        while let Some(offset) = window.get(self.scanned..).and_then(|unseen| memchr(b'\n', unseen)) {
            let line_end = self.scanned + offset + 1;
            if let Some(layout) = self.line(&window[self.line_start..line_end], line_end)? {
                return Envelope::parse(&window[..line_end], layout).map(Some);
            }
            self.line_start = line_end;
            self.scanned = line_end;
        }
        self.scanned = window.len();
        if gathered.len() > self.max_header_bytes {
            return Err(CpimError::TooLong);
        }
        Ok(None)
    }

    /// Reads the headers of a message that has come whole: its end also ends the MIME headers.
    pub fn finish(&mut self, message: &[u8]) -> Result<Envelope, CpimError> {
        if let Some(envelope) = self.scan(message)? {
            return Ok(envelope);
        }
        let in_content_type = mime_header::is_content_type(&message[self.line_start..]);
        match self.part {
            Part::Mime(start) => Envelope::parse(message, Layout::Separate(start)),
            Part::Message { content_type, .. } if content_type || in_content_type => {
                Envelope::parse(message, Layout::Joined)
            }
            Part::Message { .. } => Err(CpimError::Incomplete),
        }
    }

    /// Looks at a whole line; `Some` when it is the last one of the headers.
    fn line(&mut self, line: &[u8], line_end: usize) -> Result<Option<Layout>, CpimError> {
        let is_empty = matches!(line, b"\n" | b"\r\n");
        match self.part {
            Part::Message { content_type, crlf } => {
                let ends_with_crlf = line.ends_with(b"\r\n");
                // Readers that split at CRLF alone would find other headers than we do if some lines ended with LF
                // alone, and believe a From that we did not check.
                if crlf.is_some_and(|crlf| crlf != ends_with_crlf) {
                    return Err(CpimError::MixedLineEnds);
                }
                // CPIM-40: RFC 4975 §11.4 and RFC 7701 §9 have no empty line before the Content-Type.
                if is_empty && content_type {
                    return Ok(Some(Layout::Joined));
                }
                let content_type = content_type || mime_header::is_content_type(line);
                self.part = if is_empty {
                    Part::Mime(line_end)
                } else {
                    Part::Message { content_type, crlf: Some(ends_with_crlf) }
                };
                Ok(None)
            }
            Part::Mime(start) => Ok(is_empty.then_some(Layout::Separate(start))),
        }
    }
}
