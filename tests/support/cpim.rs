//! Messages in their wrapper.

use std::fmt::Display;

/// A text from one to another, wrapped.
pub(crate) fn text(from: impl Display, to: impl Display, said: &str) -> Vec<u8> {
    wrapped(from, to, "text/plain; charset=utf-8", said.as_bytes())
}

/// Content of any type from one to another, wrapped.
pub(crate) fn wrapped(from: impl Display, to: impl Display, kind: &str, content: &[u8]) -> Vec<u8> {
    let mut body =
        format!("From: <{from}>\r\nTo: <{to}>\r\nDateTime: 2026-03-02T15:02:31Z\r\n\r\nContent-Type: {kind}\r\n\r\n")
            .into_bytes();
    body.extend_from_slice(content);
    body
}

/// The content of a wrapped message.
pub(crate) fn content(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut blocks = text.splitn(3, "\r\n\r\n");
    blocks.nth(2).unwrap_or_else(|| panic!("no CPIM: {text}")).to_owned()
}

/// A header of a wrapped message, such as From.
pub(crate) fn header(message: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(message);
    let block = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut found = block.split("\r\n").filter_map(|line| line.split_once(": ")).filter(|(known, _)| *known == name);
    let value = found.next().unwrap_or_else(|| panic!("no {name} in {text}")).1.to_owned();
    assert!(found.next().is_none(), "{name} twice in {text}");
    value
}
