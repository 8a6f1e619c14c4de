//! Bodies of several parts (RFC 2046 §5.1, RFC 5621).

use bytes::Bytes;
use memchr::memmem;

use super::head::{end_of_block, fields};
use crate::header::{HeaderName, Headers, MediaType};

/// One part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its own header fields.
    pub headers: Headers,
    /// What it holds.
    pub body: Bytes,
}

/// The longest boundary (RFC 2046 §5.1.1).
const BOUNDARY: usize = 70;
/// How many header fields one part may have.
const FIELDS: usize = 16;

/// The parts of a body of that type; `None` when it is none of several parts, is broken, or has more than `most`. Parts of
/// parts stay as they are.
pub fn parts(kind: &MediaType, body: &Bytes, most: usize) -> Option<Vec<Part>> {
    let boundary = kind.params.unquoted("boundary").filter(|_| &*kind.main == "multipart")?;
    if boundary.is_empty() || boundary.len() > BOUNDARY {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begun = None;
    for at in memmem::find_iter(body, delimiter.as_bytes()) {
        let Some((start, is_last)) = delimited(body, at, delimiter.len()) else { continue };
        if let Some(begun) = begun {
            if parts.len() == most {
                return None;
            }
            // The line end in front of a delimiter belongs to it; an empty part has none of its own.
            parts.push(part(body, begun, at.saturating_sub(2).max(begun))?);
        }
        if is_last {
            return Some(parts);
        }
        begun = Some(start);
    }
    None
}

/// A body of these parts, and its type.
pub fn multipart(boundary: &str, parts: &[Part]) -> (String, Bytes) {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for (name, value) in part.headers.iter() {
            out.extend_from_slice(format!("{}: {value}\r\n", HeaderName::as_str(name)).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&part.body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary=\"{boundary}\""), out.into())
}

/// Whether what stands there is a delimiter: where the part behind it begins, and whether it is the last.
fn delimited(body: &[u8], at: usize, length: usize) -> Option<(usize, bool)> {
    if at > 0 && !body[..at].ends_with(b"\r\n") {
        return None;
    }
    let rest = &body[at + length..];
    let is_last = rest.starts_with(b"--");
    if is_last {
        return Some((body.len(), true));
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest[padding..].starts_with(b"\r\n").then_some((at + length + padding + 2, false))
}

fn part(body: &Bytes, start: usize, end: usize) -> Option<Part> {
    let whole = body.slice(start..end);
    if let Some(content) = whole.strip_prefix(b"\r\n") {
        return Some(Part { headers: Headers::new(), body: whole.slice_ref(content) });
    }
    // Header fields alone have no empty line of their own behind them.
    let split = end_of_block(&whole).unwrap_or(whole.len());
    let headers = fields(std::str::from_utf8(&whole[..split]).ok()?, FIELDS).ok()?;
    Some(Part { headers, body: whole.slice(split..) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(text: &str) -> MediaType {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, text);
        headers.content_type().unwrap().unwrap()
    }

    fn read(kind_text: &str, body: &str) -> Option<Vec<(Option<String>, String)>> {
        let parts = parts(&kind(kind_text), &Bytes::copy_from_slice(body.as_bytes()), 4)?;
        let shown = |part: Part| {
            let kind = part.headers.first(&HeaderName::ContentType).map(str::to_owned);
            (kind, String::from_utf8(part.body.to_vec()).unwrap())
        };
        Some(parts.into_iter().map(shown).collect())
    }

    fn owned(parts: &[(Option<&str>, &str)]) -> Option<Vec<(Option<String>, String)>> {
        Some(parts.iter().map(|(kind, body)| (kind.map(str::to_owned), (*body).to_owned())).collect())
    }

    /// RFC 2046 §5.1.1: the example's forms: a preamble and an epilogue to skip, a part without headers, padding.
    #[test]
    fn parts_are_found_between_their_delimiters() {
        let body = "skipped\r\n--sim ple  \r\n\r\nplain--sim ple\r\n--sim ple\r\nContent-Type: text/x\r\n\r\nline\r\n\r\n--sim ple--\r\nskipped";
        let expected = [(None, "plain--sim ple"), (Some("text/x"), "line\r\n")];
        assert_eq!(read("multipart/mixed;boundary=\"sim ple\"", body), owned(&expected));
        let bare = "--b\r\nContent-Type: a/b\r\n\r\n--b\r\n\r\n\r\n--b--";
        assert_eq!(read("multipart/mixed; boundary=b", bare), owned(&[(Some("a/b"), ""), (None, "")]));
        assert_eq!(read("multipart/mixed;boundary=b", "--b--"), owned(&[]));
    }

    /// What is no such body, or one that is cut off or has too many parts, is none.
    #[test]
    fn broken_bodies() {
        for (kind, body) in [
            ("text/plain;boundary=b", "--b\r\n\r\nx\r\n--b--"),
            ("multipart/mixed", "--b\r\n\r\nx\r\n--b--"),
            ("multipart/mixed;boundary=\"\"", "--\r\n\r\nx\r\n----"),
            ("multipart/mixed;boundary=b", "--b\r\n\r\nx\r\n"),
            ("multipart/mixed;boundary=b", "--b\r\n\r\nx\r\n--b"),
            ("multipart/mixed;boundary=b", "--b\r\nno header\r\n\r\nx\r\n--b--"),
            ("multipart/mixed;boundary=b", ""),
        ] {
            assert_eq!(read(kind, body), None, "{kind} {body:?}");
        }
        let many = "--b\r\n\r\nx\r\n".repeat(5) + "--b--";
        assert_eq!(read("multipart/mixed;boundary=b", &many), None);
        assert_eq!(read(&format!("multipart/mixed;boundary={}", "b".repeat(71)), "--b--"), None);
    }

    proptest! {
        /// What is written is read back.
        #[test]
        fn written_is_read(bodies in proptest::collection::vec("[a-z\r\n-]{0,40}", 0..4)) {
            let part = |body: &String| {
                let mut headers = Headers::new();
                headers.push(HeaderName::ContentType, "text/plain");
                Part { headers, body: Bytes::copy_from_slice(body.as_bytes()) }
            };
            let written: Vec<Part> = bodies.iter().map(part).collect();
            let (kind_text, body) = multipart("x7Qz", &written);
            prop_assert_eq!(parts(&kind(&kind_text), &body, 4), Some(written));
        }

        /// Nothing panics.
        #[test]
        fn anything(body in "[b\r\n: -]{0,60}") {
            let _ = parts(&kind("multipart/mixed;boundary=b"), &Bytes::from(body), 4);
        }
    }
}
