//! Messages onto the wire.

use std::io::Write;

use crate::header::{HeaderName, Headers};

pub(super) fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all that is written");
    out.extend_from_slice(b"\r\n");
}

/// Header fields under their canonical names, Content-Length by what the body is, empty line, body.
pub(super) fn rest(out: &mut Vec<u8>, headers: &Headers, body: &[u8]) {
    for (name, value) in headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    line(out, format_args!("Content-Length: {}\r\n", body.len()));
    out.extend_from_slice(body);
}
