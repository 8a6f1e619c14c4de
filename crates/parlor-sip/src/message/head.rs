//! The header block: start line and header fields (RFC 3261 §7.1-7.3).

use std::sync::Arc;

use memchr::memchr_iter;

use super::error::{ParseError, ParseErrorKind, TooLarge};
use crate::header::grammar::is_token;
use crate::header::{HeaderName, Headers};
use crate::limits::Limits;
use crate::method::Method;
use crate::uri::Uri;

/// As many header fields as most messages have.
const USUAL: usize = 16;

/// The first line of a message.
#[derive(Debug)]
pub(super) enum StartLine {
    Request { method: Method, uri: Result<Uri, ParseErrorKind> },
    Status { code: u16, reason: Box<str> },
}

/// A header block as far as it could be read, and the first thing that is wrong with it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) start: Option<StartLine>,
    pub(super) headers: Headers,
    pub(super) fault: Option<ParseErrorKind>,
}

impl Head {
    /// Reads a block that begins at the start line and ends with the end of its last line or with the empty line.
    pub(super) fn read(block: &[u8], limits: &Limits) -> Self {
        let mut head = Self { start: None, headers: Headers::with_capacity(USUAL), fault: None };
        match std::str::from_utf8(block) {
            Ok(text) => head.read_lines(text, limits),
            Err(_) => {
                head.blame(ParseErrorKind::NotUtf8);
                head.read_lines(&String::from_utf8_lossy(block), limits);
            }
        }
        head
    }

    fn read_lines(&mut self, text: &str, limits: &Limits) {
        let mut lines = logical_lines(text);
        match lines.next() {
            Some(line) => self.read_start(line.trim_end_matches("\r\n"), limits),
            None => self.blame(ParseErrorKind::StartLine),
        }
        for line in lines {
            let line = line.strip_suffix("\r\n").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            if self.headers.len() == limits.header_count {
                return self.blame(ParseErrorKind::TooLarge(TooLarge::HeaderCount));
            }
            match header_field(line) {
                Ok((name, value)) => self.headers.push_decoded(name, value),
                Err(kind) => self.blame(kind),
            }
        }
    }

    fn read_start(&mut self, line: &str, limits: &Limits) {
        if line.len() > limits.start_line {
            let kind = ParseErrorKind::TooLarge(TooLarge::StartLine);
            let method = line.split(' ').next().filter(|word| is_token(word));
            self.start =
                method.map(|method| StartLine::Request { method: Method::from(method), uri: Err(kind.clone()) });
            return self.blame(kind);
        }
        if line.contains(['\r', '\n']) {
            return self.blame(ParseErrorKind::LineEnding);
        }
        match start_line(line) {
            Ok(StartLine::Request { method, uri: Err(kind) }) => {
                self.blame(kind.clone());
                self.start = Some(StartLine::Request { method, uri: Err(kind) });
            }
            Ok(start) => self.start = Some(start),
            Err(kind) => self.blame(kind),
        }
    }

    fn blame(&mut self, kind: ParseErrorKind) {
        self.fault.get_or_insert(kind);
    }

    /// The error, with what can be answered.
    pub(super) fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.start.as_ref(), &self.headers)
    }

    /// The one length all Content-Length fields agree on. Digits only: a sign, white space within or a list would be
    /// read differently by another element on the way.
    pub(super) fn content_length(&self) -> Result<Option<u64>, ParseErrorKind> {
        let mut found = None;
        for value in self.headers.all(&HeaderName::ContentLength) {
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ParseErrorKind::ContentLength);
            }
            // A number beyond 64 bits is as far out of reach as the largest one.
            let length = value.parse().unwrap_or(u64::MAX);
            if found.is_some_and(|found| found != length) {
                return Err(ParseErrorKind::ContentLength);
            }
            found = Some(length);
        }
        Ok(found)
    }
}

/// Request-Line / Status-Line
fn start_line(line: &str) -> Result<StartLine, ParseErrorKind> {
    match line.split_once(' ') {
        Some((version, rest)) if is_version(version) => {
            supported(version)?;
            status_line(rest)
        }
        Some((method, rest)) if is_token(method) => request_line(method, rest),
        Some(_) | None => Err(ParseErrorKind::StartLine),
    }
}

/// Method SP Request-URI SP SIP-Version
fn request_line(method: &str, rest: &str) -> Result<StartLine, ParseErrorKind> {
    let trimmed = rest.trim_end_matches(' ');
    let (uri, version) = trimmed.rsplit_once(' ').ok_or(ParseErrorKind::StartLine)?;
    if !is_version(version) {
        return Err(ParseErrorKind::StartLine);
    }
    let uri = match supported(version) {
        Err(kind) => Err(kind),
        Ok(()) if trimmed.len() != rest.len() => Err(ParseErrorKind::RequestUri),
        Ok(()) => request_uri(uri),
    };
    Ok(StartLine::Request { method: Method::from(method), uri })
}

/// Headers may not stand in a Request-URI (RFC 3261 §19.1.1, table 1; RFC 4475 §3.1.2.11).
fn request_uri(text: &str) -> Result<Uri, ParseErrorKind> {
    text.parse().ok().filter(|uri: &Uri| uri.headers().is_none()).ok_or(ParseErrorKind::RequestUri)
}

/// Status-Code SP Reason-Phrase. A missing SP before an empty phrase is let through.
fn status_line(rest: &str) -> Result<StartLine, ParseErrorKind> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    match code.parse() {
        Ok(code @ 100..=699) if digits => Ok(StartLine::Status { code, reason: reason.into() }),
        Ok(_) | Err(_) => Err(ParseErrorKind::StatusCode),
    }
}

fn is_version(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
}

fn supported(version: &str) -> Result<(), ParseErrorKind> {
    if version.eq_ignore_ascii_case("SIP/2.0") { Ok(()) } else { Err(ParseErrorKind::Version) }
}

/// header-name HCOLON header-value, with folding undone.
fn header_field(line: &str) -> Result<(HeaderName, Arc<str>), ParseErrorKind> {
    let (name, value) = line.split_once(':').ok_or(ParseErrorKind::HeaderLine)?;
    let name = name.trim_end_matches([' ', '\t']);
    if !is_token(name) {
        return Err(ParseErrorKind::HeaderLine);
    }
    unfold(value).map(|value| (HeaderName::from(name), value))
}

/// Header fields alone, at most so many.
pub(super) fn fields(text: &str, most: usize) -> Result<Headers, ParseErrorKind> {
    let mut headers = Headers::new();
    for line in logical_lines(text) {
        let line = line.strip_suffix("\r\n").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if headers.len() == most {
            return Err(ParseErrorKind::TooLarge(TooLarge::HeaderCount));
        }
        let (name, value) = header_field(line)?;
        headers.push_decoded(name, value);
    }
    Ok(headers)
}

/// Each line end with the white space around it becomes one space (RFC 3261 §7.3.1).
fn unfold(value: &str) -> Result<Arc<str>, ParseErrorKind> {
    if memchr::memchr2(b'\r', b'\n', value.as_bytes()).is_none() {
        return Ok(value.trim_matches([' ', '\t']).into());
    }
    let mut out = String::with_capacity(value.len());
    for (index, line) in value.split("\r\n").enumerate() {
        if line.contains(['\r', '\n']) {
            return Err(ParseErrorKind::LineEnding);
        }
        let line = line.trim_matches([' ', '\t']);
        if index > 0 && !out.is_empty() && !line.is_empty() {
            out.push(' ');
        }
        out.push_str(line);
    }
    Ok(out.into())
}

/// Lines together with the lines that continue them, line ends included.
fn logical_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let end = memchr_iter(b'\n', bytes)
            .find(|at| !matches!(bytes.get(at + 1), Some(b' ' | b'\t')))
            .map_or(bytes.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// Where the header block ends: after the empty line.
pub(super) fn end_of_block(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).find(|at| bytes[..*at + 1].ends_with(b"\r\n\r\n")).map(|at| at + 1)
}

/// The number of leading bytes that are line ends (RFC 3261 §7.5).
pub(super) fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2
}
