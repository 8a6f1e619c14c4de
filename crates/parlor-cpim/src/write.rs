//! Messages of our own (CPIM-35).

use std::fmt::Write;

use crate::address::Address;
use crate::escape::{Place, write_escaped};

/// Writes the headers of a message, then its content.
#[derive(Debug, Clone)]
pub struct Builder {
    headers: String,
}

impl Builder {
    /// Begins a message with From, To and DateTime.
    pub fn new(from: &Address, to: &Address, date_time: &str) -> Self {
        Self::undated(from, to).header("DateTime", date_time)
    }

    /// Begins a message with From and To alone.
    pub fn undated(from: &Address, to: &Address) -> Self {
        let mut headers = String::with_capacity(256);
        write!(headers, "From: {from}\r\nTo: {to}\r\n").expect("a String takes all");
        Self { headers }
    }

    /// Adds a Subject.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.header("Subject", subject)
    }

    /// Declares a namespace for the headers that follow.
    #[must_use]
    pub fn namespace(self, prefix: &str, uri: &str) -> Self {
        self.header("NS", &format!("{prefix} <{uri}>"))
    }

    /// Adds any header; the name is ours to choose and keeps to the grammar, the value is escaped.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.headers, "{name}: ").expect("a String takes all");
        write_escaped(&mut self.headers, value, Place::Value).expect("a String takes all");
        self.headers.push_str("\r\n");
        self
    }

    /// Ends the headers with the type of the content, which the caller lets follow.
    pub fn head(mut self, content_type: &str) -> Vec<u8> {
        // msrp-java throws unless these lines too end with CRLF.
        write!(self.headers, "\r\nContent-Type: {content_type}\r\n\r\n").expect("a String takes all");
        self.headers.into_bytes()
    }

    /// Ends the message with its content.
    pub fn content(self, content_type: &str, content: &[u8]) -> Vec<u8> {
        let mut message = self.head(content_type);
        message.extend_from_slice(content);
        message
    }
}

/// A text from one URI to another.
pub fn write_text(from: &str, to: &str, date_time: &str, text: &str) -> Vec<u8> {
    Builder::new(&Address::new(from), &Address::new(to), date_time)
        .content("text/plain; charset=utf-8", text.as_bytes())
}
