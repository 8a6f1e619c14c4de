//! The start line and the headers of one message, once they are all there.

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

use crate::error::{Answerable, DecodeError};
use crate::header::{self, ByteRange, FailureReport, HeaderError, Status};
use crate::ident::{MessageId, TransactionId};
use crate::limits::Limits;
use crate::message::{Method, Request, Response};
use crate::path::Path;

/// The start line of a message.
#[derive(Debug)]
pub(crate) struct StartLine {
    pub(crate) tid: TransactionId,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Request(Method),
    Response { code: u16, comment: Box<str> },
}

/// Whether a beginning, however short, can be that of a start line.
pub(crate) fn may_begin_message(octets: &[u8]) -> bool {
    const MSRP: &[u8] = b"MSRP ";
    let len = octets.len().min(MSRP.len());
    octets[..len] == MSRP[..len]
}

impl StartLine {
    /// Reads `"MSRP" SP tid SP (METHOD / status-code [SP comment])`, the line end taken off.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"MSRP ")?;
        let (tid, rest) = rest.split_at(memchr(b' ', rest)?);
        let tid = TransactionId::from_bytes(tid).ok()?;
        let rest = str::from_utf8(&rest[1..]).ok()?;
        let kind =
            if rest.starts_with(|c: char| c.is_ascii_digit()) { Self::response(rest)? } else { Self::request(rest)? };
        Some(Self { tid, kind })
    }

    fn request(rest: &str) -> Option<Kind> {
        // `FILE_OFFSET` of Blink has a "_", which no METHOD may have.
        let is_method = |c: char| c.is_ascii_uppercase() || c == '_';
        let method = rest.trim_end_matches(' ');
        (!method.is_empty() && method.len() <= 32 && method.chars().all(is_method))
            .then(|| Kind::Request(Method::parse(method)))
    }

    fn response(rest: &str) -> Option<Kind> {
        let (code, comment) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_code = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
        let code = code.parse().ok().filter(|_| is_code)?;
        let comment = comment.into();
        Some(Kind::Response { code, comment })
    }
}

/// How the head ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadEnd {
    /// With the end-line.
    EndLine,
    /// With an empty line; was it CRLF?
    EmptyLine { crlf: bool },
}

/// The headers we know, as they were found.
#[derive(Debug, Default)]
struct Headers {
    to_path: Option<ByteString>,
    from_path: Option<ByteString>,
    message_id: Option<MessageId>,
    byte_range: Option<ByteRange>,
    failure_report: Option<FailureReport>,
    success_report: Option<bool>,
    status: Option<Status>,
    content_type: Option<ByteString>,
    use_nickname: Option<Bytes>,
    malformed: Option<HeaderError>,
}

impl Headers {
    /// Reads all header lines of `head`, which begins with the start line.
    fn parse(head: &Bytes) -> Self {
        let mut headers = Self::default();
        let mut rest: &[u8] = head;
        let mut position = 0;
        while let Some((line, after)) = split_line(rest) {
            // An empty line or the end-line is the last one there.
            if position > 0 && (line.is_empty() || line.starts_with(b"-------")) {
                break;
            }
            if position > 0
                && let Err(error) = headers.line(head, line, position)
            {
                headers.malformed.get_or_insert(error);
            }
            rest = after;
            position += 1;
        }
        headers
    }

    /// Reads the header on line `position`, counted from 1 after the start line.
    fn line(&mut self, head: &Bytes, line: &[u8], position: usize) -> Result<(), HeaderError> {
        let colon = memchr(b':', line).ok_or(HeaderError::Syntax)?;
        // libmsrp writes `Status : 0 200`; MSRP-E4: the space after the colon may be missing.
        let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        let text = || str::from_utf8(value).ok();
        let shared = || ByteString::try_from(head.slice_ref(value)).ok();
        match Name::parse(name) {
            Some(Name::ToPath) => {
                set(&mut self.to_path, shared().ok_or(HeaderError::Syntax)?)?;
                in_place(position == 1)
            }
            Some(Name::FromPath) => {
                set(&mut self.from_path, shared().ok_or(HeaderError::Syntax)?)?;
                in_place(position == 2)
            }
            Some(Name::MessageId) => {
                let id = MessageId::from_bytes(value).map_err(|_| HeaderError::MessageId)?;
                set(&mut self.message_id, id)
            }
            Some(Name::ByteRange) => {
                let range = text().and_then(ByteRange::parse).ok_or(HeaderError::ByteRange)?;
                set(&mut self.byte_range, range)
            }
            Some(Name::FailureReport) => {
                let wish = text().and_then(FailureReport::parse);
                set(&mut self.failure_report, wish.ok_or(HeaderError::FailureReport)?)
            }
            Some(Name::SuccessReport) => {
                let wish = text().and_then(header::parse_success_report);
                set(&mut self.success_report, wish.ok_or(HeaderError::SuccessReport)?)
            }
            Some(Name::Status) => {
                let status = text().and_then(Status::parse).ok_or(HeaderError::Status)?;
                set(&mut self.status, status)
            }
            Some(Name::ContentType) => {
                let content_type = shared().filter(|text| text.contains('/'));
                set(&mut self.content_type, content_type.ok_or(HeaderError::ContentType)?)
            }
            Some(Name::UseNickname) => set(&mut self.use_nickname, head.slice_ref(value)),
            None => Ok(()), // MSRP-12: unknown headers are ignored.
        }
    }

    fn paths(&self, limits: &Limits) -> Result<(Path, Path), DecodeError> {
        let (Some(to), Some(from)) = (&self.to_path, &self.from_path) else {
            return Err(DecodeError::NoPath);
        };
        Ok((Path::from_text(to, limits.path_uris)?, Path::from_text(from, limits.path_uris)?))
    }
}

/// The headers we read.
#[derive(Debug, Clone, Copy)]
enum Name {
    ToPath,
    FromPath,
    MessageId,
    ByteRange,
    FailureReport,
    SuccessReport,
    Status,
    ContentType,
    UseNickname,
}

impl Name {
    /// MSRP-E4: in any case.
    fn parse(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            6 if is("Status") => Some(Self::Status),
            7 if is("To-Path") => Some(Self::ToPath),
            9 if is("From-Path") => Some(Self::FromPath),
            10 if is("Message-ID") => Some(Self::MessageId),
            10 if is("Byte-Range") => Some(Self::ByteRange),
            12 if is("Content-Type") => Some(Self::ContentType),
            12 if is("Use-Nickname") => Some(Self::UseNickname),
            14 if is("Failure-Report") => Some(Self::FailureReport),
            14 if is("Success-Report") => Some(Self::SuccessReport),
            _ => None,
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), HeaderError> {
    match slot {
        Some(_) => Err(HeaderError::Duplicate),
        None => {
            *slot = Some(value);
            Ok(())
        }
    }
}

fn in_place(in_place: bool) -> Result<(), HeaderError> {
    if in_place { Ok(()) } else { Err(HeaderError::Order) }
}

/// The first line without its line end, and what follows it.
fn split_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = octets.split_at(memchr(b'\n', octets)? + 1);
    Some((without_line_end(line), rest))
}

/// Takes the CRLF off, or the bare LF that libmsrp writes.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Reads a request out of its whole head.
pub(crate) fn request(
    tid: TransactionId,
    method: Method,
    head: &Bytes,
    end: HeadEnd,
    limits: &Limits,
) -> Result<Request, DecodeError> {
    let headers = Headers::parse(head);
    let (to_path, from_path) = headers.paths(limits)?;
    let missing = missing(&method, &headers, end);
    Ok(Request {
        tid,
        method,
        to_path,
        from_path,
        message_id: headers.message_id,
        byte_range: headers.byte_range,
        failure_report: headers.failure_report.unwrap_or_default(),
        success_report: headers.success_report.unwrap_or(false),
        has_report_headers: headers.failure_report.is_some() || headers.success_report.is_some(),
        status: headers.status,
        content_type: headers.content_type,
        use_nickname: headers.use_nickname,
        has_body: end != HeadEnd::EndLine,
        malformed: headers.malformed.or(missing),
    })
}

/// Reads a response out of its whole head.
pub(crate) fn response(
    tid: TransactionId,
    code: u16,
    comment: Box<str>,
    head: &Bytes,
    limits: &Limits,
) -> Result<Response, DecodeError> {
    let (to_path, from_path) = Headers::parse(head).paths(limits)?;
    Ok(Response { tid, code, comment: comment.into(), to_path, from_path })
}

/// What a 400 to this request needs, as far as its head is known.
pub(crate) fn answerable(tid: TransactionId, head: &Bytes, limits: &Limits) -> Option<Box<Answerable>> {
    let (to_path, from_path) = Headers::parse(head).paths(limits).ok()?;
    Some(Box::new(Answerable { tid, to_path, from_path }))
}

fn missing(method: &Method, headers: &Headers, end: HeadEnd) -> Option<HeaderError> {
    match method {
        Method::Send | Method::Report if headers.message_id.is_none() => Some(HeaderError::NoMessageId),
        Method::Report if headers.status.is_none() => Some(HeaderError::NoStatus),
        Method::Send | Method::Report | Method::Nickname | Method::Auth | Method::Other(_) => match end {
            HeadEnd::EndLine => None,
            HeadEnd::EmptyLine { crlf: false } => Some(HeaderError::BareLineFeed),
            HeadEnd::EmptyLine { crlf: true } => headers.content_type.is_none().then_some(HeaderError::NoContentType),
        },
    }
}
