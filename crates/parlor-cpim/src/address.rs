//! The addresses in From, To and cc (RFC 3862 §4.1).

use std::borrow::Cow;
use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{is_not, take_while1};
use nom::character::complete::{anychar, char, space0};
use nom::combinator::{all_consuming, opt, recognize, verify};
use nom::multi::fold_many0;
use nom::sequence::{delimited, terminated};
use nom::{IResult, Parser};

use crate::escape::{Place, unescape, write_escaped};

/// A name to show and the URI it belongs to.
///
/// `Display` writes it as it stands in a header: `"name" <uri>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The name, its escapes read.
    pub display: Option<String>,
    /// The URI, of any scheme.
    pub uri: String,
}

impl Address {
    /// An address without a name.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { display: None, uri: uri.into() }
    }

    /// The same address with a name to show.
    #[must_use]
    pub fn named(self, display: impl Into<String>) -> Self {
        Self { display: Some(display.into()), ..self }
    }

    /// Reads the value of a From, To or cc.
    ///
    /// CPIM-14: the angle brackets may be missing, and spaces be missing or too many.
    pub fn parse(value: &str) -> Option<Self> {
        let (_, (display, uri)) =
            all_consuming(delimited(space0, alt((name_addr, bare_uri)), space0)).parse(value).ok()?;
        let display = display.map(unescape).filter(|name| !name.is_empty());
        is_absolute(uri).then(|| Self { display: display.map(Cow::into_owned), uri: uri.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            f.write_str("\"")?;
            write_escaped(f, display, Place::String)?;
            f.write_str("\" ")?;
        }
        f.write_str("<")?;
        write_escaped(f, &self.uri, Place::Value)?;
        f.write_str(">")
    }
}

/// `[ Formal-name ] "<" URI ">"`
fn name_addr(input: &str) -> IResult<&str, (Option<&str>, &str)> {
    let brackets = delimited((char('<'), space0), uri, (space0, char('>')));
    (opt(terminated(formal_name, space0)), brackets).parse(input)
}

fn bare_uri(input: &str) -> IResult<&str, (Option<&str>, &str)> {
    uri.map(|uri| (None, uri)).parse(input)
}

/// `Formal-name = 1*(Token SP) / String`; CHAT-E7: without quotes it may have any characters but angle brackets.
fn formal_name(input: &str) -> IResult<&str, &str> {
    let unquoted = verify(is_not("<>"), |name: &str| !name.starts_with('"'));
    alt((string, unquoted.map(str::trim_end))).parse(input)
}

/// `String = DQUOTE *(Str-char / Escape) DQUOTE`, without the quotes.
pub(crate) fn string(input: &str) -> IResult<&str, &str> {
    let plain = is_not("\\\"");
    let escape = recognize((char('\\'), anychar));
    let content = recognize(fold_many0(alt((plain, escape)), || (), |(), _| ()));
    delimited(char('"'), content, char('"')).parse(input)
}

fn uri(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"')).parse(input)
}

/// Whether it begins with a scheme that something follows.
fn is_absolute(uri: &str) -> bool {
    let is_scheme_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme_char) && !rest.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> (Option<String>, String) {
        let address = Address::parse(value).expect(value);
        (address.display, address.uri)
    }

    #[test]
    fn names_are_read_quoted_and_unquoted_cpim_43() {
        for (value, display, uri) in [
            ("<sip:a@b>", None, "sip:a@b"),
            ("Alice <sip:a@b>", Some("Alice"), "sip:a@b"),
            ("MR SANDERS <im:piglet@100akerwood.com>", Some("MR SANDERS"), "im:piglet@100akerwood.com"),
            ("\"Al <x> \\\"ice\\\"\" <sip:a@b;transport=tcp>", Some("Al <x> \"ice\""), "sip:a@b;transport=tcp"),
            ("\"\" <sip:a@b>", None, "sip:a@b"),
            ("\\u00c4lice  <sip:a@b> ", Some("Älice"), "sip:a@b"),
            ("Alice<sip:a@b>", Some("Alice"), "sip:a@b"),
            ("\"Alice\"<sip:a@b>", Some("Alice"), "sip:a@b"),
            ("sip:a@b", None, "sip:a@b"),
            ("O\"Hara <tel:+1>", Some("O\"Hara"), "tel:+1"),
        ] {
            assert_eq!(read(value), (display.map(str::to_owned), uri.to_owned()), "{value}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for value in [
            "",
            "Alice",
            "<>",
            "<alice>",
            "<:a>",
            "<sip:>",
            "Alice <sip:a@b",
            "sip:a@b>",
            "<sip:a@b> <sip:c@d>",
            "x <sip:a@b> y <sip:c@d>",
            "<sip:a@b>;x=<sip:c@d>",
            "<sip:a@b> x",
            "<sip:a b@c>",
            "<sip:ä@b>",
            "\"Alice <sip:a@b>",
            "\"Alice\" x <sip:a@b>\"",
        ] {
            assert_eq!(Address::parse(value), None, "{value}");
        }
    }

    proptest! {
        /// What is written reads as it was.
        #[test]
        fn address_round_trips(display in ".+", uri in "[a-z]{1,4}:[!#-;=?-~]{1,20}") {
            let address = Address::new(uri.replace('\\', "")).named(display);
            prop_assume!(address.uri.len() > address.uri.find(':').unwrap_or(0) + 1);
            prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
        }
    }
}
