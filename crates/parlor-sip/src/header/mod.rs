//! Header fields: the list as it came, and one file for each form a value can have.

mod call_id;
mod cseq;
mod date;
pub(crate) mod grammar;
mod media_type;
mod name;
mod name_addr;
mod refer_to;
mod replaces;
mod session_expires;
mod token_params;
mod typed;
mod via;
mod warning;

pub use cseq::CSeq;
pub use date::sip_date;
pub use media_type::MediaType;
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use refer_to::ReferTo;
pub use replaces::Replaces;
pub use session_expires::{Refresher, SessionExpires};
pub use token_params::TokenParams;
pub use via::Via;
pub use warning::Warning;

use std::fmt::{Display, Write as _};
use std::sync::Arc;

/// The header fields of a message in their order, unknown ones included, folding undone. Copies share the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, Arc<str>)>);

/// A header field that was needed cannot be used. To a request that is 400 (RFC 3261 §21.4.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not there.
    #[error("{0} is missing")]
    Missing(HeaderName),
    /// It is there more than once and may not be.
    #[error("{0} is repeated")]
    Repeated(HeaderName),
    /// Its value breaks the grammar.
    #[error("{0} is malformed")]
    Malformed(HeaderName),
}

impl Headers {
    /// No header fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, with space for so many.
    pub(crate) fn with_capacity(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &str)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// The values of all fields of that name, unparsed.
    pub fn all<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.clone();
        self.0.iter().filter(move |(own, _)| *own == name).map(|(_, value)| &**value)
    }

    /// The value of the first field of that name, unparsed.
    pub fn first(&self, name: &HeaderName) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// Whether there is a field of that name.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }

    /// Adds a field at the end. Line ends in the value become spaces, so nothing can be slipped in.
    pub fn push(&mut self, name: HeaderName, value: impl Display) {
        self.0.push((name, one_line(value)));
    }

    /// Adds a field at the beginning, where a new Via belongs.
    pub fn push_front(&mut self, name: HeaderName, value: impl Display) {
        self.0.insert(0, (name, one_line(value)));
    }

    /// Replaces all fields of that name by one, at the place of the first.
    pub fn set(&mut self, name: HeaderName, value: impl Display) {
        let value = one_line(value);
        match self.0.iter().position(|(own, _)| *own == name) {
            Some(at) => {
                let mut index = 0;
                self.0.retain(|(own, _)| {
                    index += 1;
                    index <= at + 1 || *own != name
                });
                self.0[at].1 = value;
            }
            None => self.0.push((name, value)),
        }
    }

    /// Takes away all fields of that name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(own, _)| own != name);
    }

    /// Adds the fields of that name that `other` has, unchanged and in order.
    pub fn copy(&mut self, other: &Self, name: &HeaderName) {
        self.0.extend(other.0.iter().filter(|(own, _)| own == name).cloned());
    }

    /// A value that was unfolded by the decoder.
    pub(crate) fn push_decoded(&mut self, name: HeaderName, value: Arc<str>) {
        self.0.push((name, value));
    }

    /// Takes away the fields that `keep` does not want kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&HeaderName, &str) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Changes the first field of that name.
    pub(crate) fn replace_first(&mut self, name: &HeaderName, value: impl Display) {
        if let Some((_, own)) = self.0.iter_mut().find(|(own, _)| own == name) {
            *own = one_line(value);
        }
    }
}

fn one_line(value: impl Display) -> Arc<str> {
    let mut text = String::with_capacity(128);
    write!(text, "{value}").expect("a String takes all that is written");
    if memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_some() {
        text.replace(['\r', '\n'], " ").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_slipped_in_through_a_value() {
        let mut headers = Headers::new();
        headers.push(HeaderName::Subject, "hi\r\nVia: x");
        assert_eq!(headers.first(&HeaderName::Subject), Some("hi  Via: x"));
    }

    #[test]
    fn setting_replaces_all_at_the_place_of_the_first() {
        let mut headers = Headers::new();
        for (name, value) in [("X-a", "1"), ("X-b", "2"), ("x-A", "3"), ("X-c", "4"), ("X-a", "5")] {
            headers.push(HeaderName::from(name), value);
        }
        headers.set(HeaderName::from("X-A"), "new");
        let all: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(all, ["X-a=new", "X-b=2", "X-c=4"]);
    }
}
