//! Messages onto the wire.

use std::fmt;
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

/// How many octets [`line`] appends.
pub(super) fn line_octets(text: fmt::Arguments<'_>) -> usize {
    let mut count = Count(0);
    fmt::Write::write_fmt(&mut count, text).expect("counting does not fail");
    count.0 + 2
}

/// How many octets [`rest`] appends.
pub(super) fn rest_octets(headers: &Headers, body: &[u8]) -> usize {
    let fields = headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength);
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    fields + line_octets(format_args!("Content-Length: {}\r\n", body.len())) + body.len()
}

struct Count(usize);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
