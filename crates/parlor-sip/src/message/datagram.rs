//! Messages from datagrams (RFC 3261 §18.3).

use bytes::Bytes;

use super::error::{ParseError, ParseErrorKind, TooLarge};
use super::head::{Head, end_of_block, leading_line_ends};
use super::{Message, check};
use crate::limits::Limits;

/// Reads the message of a datagram. Without Content-Length the body goes to the end; what stands after the body is
/// dropped.
pub fn parse_datagram(datagram: &Bytes, limits: &Limits) -> Result<Message, ParseError> {
    let bytes = &datagram[leading_line_ends(datagram)..];
    let within = &bytes[..bytes.len().min(limits.header_block)];
    let Some(end) = end_of_block(within) else {
        let kind = if within.len() < bytes.len() {
            ParseErrorKind::TooLarge(TooLarge::HeaderBlock)
        } else {
            ParseErrorKind::Truncated
        };
        return Err(Head::read(within, limits).error(kind));
    };
    let head = Head::read(&bytes[..end], limits);
    if let Some(fault) = &head.fault {
        return Err(head.error(fault.clone()));
    }
    match body(&head, &bytes[end..], limits) {
        // The body is copied so that a message never holds the buffer it came in.
        Ok(body) => check::message(head, Bytes::copy_from_slice(body)),
        Err(kind) => Err(head.error(kind)),
    }
}

fn body<'a>(head: &Head, rest: &'a [u8], limits: &Limits) -> Result<&'a [u8], ParseErrorKind> {
    let length = match head.content_length()? {
        // RFC 3261 §18.3: a datagram that ends before the body does is an error, 400 for a request.
        Some(length) => match usize::try_from(length) {
            Ok(length) if length <= rest.len() => length,
            Ok(_) | Err(_) => return Err(ParseErrorKind::BodyCut),
        },
        None => rest.len(),
    };
    if length > limits.body { Err(ParseErrorKind::TooLarge(TooLarge::Body)) } else { Ok(&rest[..length]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, ParseError> {
        parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
    }

    fn options(extra: &str, body: &str) -> String {
        format!(
            "OPTIONS sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:alice@example.com>;tag=1\r\n\
             To: <sip:lobby@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{extra}\r\n{body}"
        )
    }

    #[test]
    fn lengths_near_the_largest_number_are_refused_with_an_answer() {
        for length in ["18446744073709551615", "18446744073709551614", "99999999999999999999999", "6"] {
            let error = parse(&options(&format!("Content-Length: {length}\r\n"), "hello")).unwrap_err();
            assert_eq!(error.kind, ParseErrorKind::BodyCut, "{length}");
            let (response, via) = error.response().unwrap();
            assert_eq!((response.code, &*via.host), (400, "h"));
            assert_eq!(response.headers.call_id(), Ok("c"));
        }
    }

    #[test]
    fn lengths_that_are_no_plain_number_are_refused() {
        for lines in [
            "Content-Length: -5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 5\r\nl: 4\r\n",
            "Content-Length : 5\r\nContent-Length:\r\n 4\r\n",
        ] {
            assert_eq!(parse(&options(lines, "hello")).unwrap_err().kind, ParseErrorKind::ContentLength, "{lines}");
        }
    }

    #[test]
    fn spaced_folded_and_repeated_equal_lengths_are_read() {
        for lines in ["Content-Length : 4\r\n", "Content-Length:\r\n 4\r\n", "l:4\r\nCONTENT-LENGTH: 04\r\n"] {
            assert_eq!(&parse(&options(lines, "hello")).unwrap().body()[..], b"hell", "{lines}");
        }
        assert_eq!(&parse(&options("", "hello")).unwrap().body()[..], b"hello");
    }

    #[test]
    fn bare_line_ends_are_refused() {
        for lines in ["X: a\nContent-Length: 4\r\n", "X: a\rY: b\r\n", "X: a\r\r\n", "X\r\n : a\r\n", "X: a\n\r\n"] {
            let kind = parse(&options(lines, "")).unwrap_err().kind;
            assert!(matches!(kind, ParseErrorKind::LineEnding | ParseErrorKind::HeaderLine), "{lines:?} {kind}");
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { start_line: 60, header_block: 400, header_count: 8, body: 10 };
        let kind = |text: &str| {
            parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &limits)
                .map_err(|error| (error.status(), error.kind))
        };
        assert!(kind(&options("", "hello")).is_ok());
        let body = kind(&options("", "hello hello"));
        assert_eq!(body, Err((513, ParseErrorKind::TooLarge(TooLarge::Body))));
        let count = kind(&options("A: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n", ""));
        assert_eq!(count, Err((513, ParseErrorKind::TooLarge(TooLarge::HeaderCount))));
        let block = kind(&options(&format!("A: {}\r\n", "x".repeat(400)), ""));
        assert_eq!(block, Err((513, ParseErrorKind::TooLarge(TooLarge::HeaderBlock))));
        let start = kind(&options("", "").replace("lobby@", &"x".repeat(60)));
        assert_eq!(start, Err((414, ParseErrorKind::TooLarge(TooLarge::StartLine))));
    }

    #[test]
    fn responses_and_acks_are_never_answered() {
        let ack = options("", "").replace("OPTIONS", "ACK").replace("CSeq: 1", "CSeq: x");
        assert!(parse(&ack).unwrap_err().response().is_none());
        let response = options("", "").replace("OPTIONS sip:lobby@example.com SIP/2.0", "SIP/2.0 4294967301 x");
        assert!(parse(&response).unwrap_err().response().is_none());
    }
}
