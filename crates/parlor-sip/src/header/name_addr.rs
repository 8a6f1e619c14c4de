use std::fmt;

use nom::branch::alt;
use nom::character::complete::char;
use nom::combinator::{map, opt, recognize, verify};
use nom::multi::{fold_many0, many0_count};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use super::grammar::{
    delta_seconds, is_token_char, params, quote, quoted_string, raw_param, run1, separator, sws, unquote, whole,
};
use crate::params::{Params, same_name};
use crate::uri::Uri;
use crate::uri::grammar::{bare_uri, uri};

/// `"display name" <uri>;params`: the form of From, To, Contact, Route, Refer-To and others (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name without quotes.
    pub display: Option<Box<str>>,
    /// The address.
    pub uri: Uri,
    /// Parameters of the header field, not of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without a name and parameters.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::default() }
    }

    /// The same with a display name.
    #[must_use]
    pub fn with_display(mut self, name: &str) -> Self {
        self.display = Some(name.into());
        self
    }

    /// The same with a tag.
    #[must_use]
    pub fn with_tag(self, tag: &str) -> Self {
        self.with_param("tag", tag)
    }

    /// The same with a header field parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.set(name, value);
        self
    }

    /// The same with a header field parameter that has no value.
    #[must_use]
    pub fn with_flag(mut self, name: &str) -> Self {
        self.params.set_flag(name);
        self
    }

    /// The tag of From or To.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The `expires` of a Contact; malformed counts as an hour (RFC 3261 §20.10), and what is larger than 2^32-1 as that.
    pub fn expires(&self) -> Option<u32> {
        let value = self.params.has("expires").then(|| self.params.unquoted("expires").unwrap_or_default())?;
        Some(whole(&value, delta_seconds).unwrap_or(3600))
    }

    /// The `q` of a Contact in thousandths; 1 if it is absent or malformed.
    pub fn q(&self) -> u16 {
        let value = self.params.value("q").and_then(|value| value.parse::<f32>().ok());
        let value = value.filter(|value| (0.0..=1.0).contains(value)).unwrap_or(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
        let thousandths = (value * 1000.0).round() as u16;
        thousandths
    }
}

/// ( name-addr / addr-spec ) *( SEMI generic-param )
pub(crate) fn name_addr(input: &str) -> IResult<&str, NameAddr> {
    let (rest, (display, uri)) = alt((bracketed, map(bare_uri, |uri| (None, uri)))).parse(input)?;
    let (rest, params) = params(rest)?;
    Ok((rest, NameAddr { display, uri, params }))
}

/// name-addr = [ display-name ] LAQUOT addr-spec RAQUOT
fn bracketed(input: &str) -> IResult<&str, (Option<Box<str>>, Uri)> {
    pair(opt(display_name), delimited(preceded(sws, char('<')), uri, char('>'))).parse(input)
}

fn display_name(input: &str) -> IResult<&str, Box<str>> {
    map(display_text, |text| unquote(text.trim_end()).into()).parse(input)
}

/// The tag of what [`name_addr`] takes, which is not taken apart for that.
pub(crate) fn tag(input: &str) -> IResult<&str, Option<&str>> {
    let bracketed = delimited((opt(display_text), sws, char('<')), |input| run1(input, |byte| byte != b'>'), char('>'));
    let bare = |input| run1(input, |byte| !b";,? \t<>\"".contains(&byte));
    let (rest, _) = alt((bracketed, bare)).parse(input)?;
    let tag = fold_many0(
        preceded(separator(';'), opt(raw_param)),
        || None,
        |found: Option<Option<&str>>, param| {
            found.or(param.filter(|(name, _)| same_name(name, "tag")).map(|(_, value)| value))
        },
    );
    tag.map(Option::flatten).parse(rest)
}

/// display-name = *(token LWS) / quoted-string. Softphones write UTF-8 without quotes: let through.
fn display_text(input: &str) -> IResult<&str, &str> {
    let word = |input| run1(input, |byte: u8| is_token_char(byte) || !byte.is_ascii());
    let words = recognize(many0_count(pair(word, sws)));
    verify(alt((quoted_string, words)), |text: &str| !text.is_empty()).parse(input)
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display {
            write!(f, "{} ", quote(name))?;
        }
        f.write_str("<")?;
        self.uri.fmt(f)?;
        f.write_str(">")?;
        self.params.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    fn parsed(text: &str) -> Option<NameAddr> {
        whole(text, name_addr)
    }

    #[test]
    fn names_come_quoted_bare_or_not_at_all() {
        for (text, name) in [
            ("\"Quoted \\\"x\\\"\" <sip:a@b>;tag=1", Some("Quoted \"x\"")),
            ("caller<sip:a@b>;tag=1", Some("caller")),
            ("T. Watson   <sip:a@b> ; tag = 1", Some("T. Watson")),
            ("Jürgen <sip:a@b>;tag=1", Some("Jürgen")),
            ("<sip:a@b>;tag=1", None),
            ("sip:a@b;tag=1", None),
            ("\"\" <sip:a@b>;tag=1", Some("")),
        ] {
            let parsed = parsed(text).unwrap();
            assert_eq!((parsed.display.as_deref(), parsed.tag()), (name, Some("1")), "{text}");
            assert_eq!(whole(text, tag), Some(Some("1")), "{text}");
            assert_eq!(self::parsed(&parsed.to_string()), Some(parsed));
        }
    }

    /// The tag is found without the rest as it is with it.
    #[test]
    fn tags_are_found_alone() {
        for text in [
            "<sip:a@b>",
            "<sip:a@b;tag=x>",
            "<sip:a@b>;x;TAG=1;tag=2",
            "<sip:a@b>;;tag;tag=2",
            "<sip:a@b>;%74ag=1",
            "\"<;tag=0>\" <sip:a@b> ; tag = \"q;>\"",
            "sip:a@b ; x = y;tag=1",
            "<tel:+1;tag=2>;tag=3",
        ] {
            let parsed = parsed(text).unwrap();
            assert_eq!(whole(text, tag), Some(parsed.tag()), "{text}");
        }
        for text in ["", "<>;tag=1", "<sip:a@b;tag=1", "a b;tag=1", "<sip:a@b> tag=1"] {
            assert_eq!(whole(text, tag), None, "{text}");
        }
    }

    #[test]
    fn parameters_without_brackets_belong_to_the_header() {
        let bare = parsed("sip:a@b;x").unwrap();
        assert!(bare.params.has("x") && !bare.uri.has_param("x"));
        let bracketed = parsed("<sip:a@b;x>").unwrap();
        assert!(!bracketed.params.has("x") && bracketed.uri.has_param("x"));
    }

    #[test]
    fn what_a_contact_wants_is_read() {
        for (text, expires, q) in [
            ("<sip:a@b>", None, 1000),
            ("<sip:a@b>;expires=60;q=0.7", Some(60), 700),
            ("<sip:a@b>;expires=\"60\";q=.25", Some(60), 250),
            ("<sip:a@b>;expires=4294967297;q=0", Some(u32::MAX), 0),
            ("<sip:a@b>;expires=soon;q=7", Some(3600), 1000),
            ("<sip:a@b>;expires;q=NaN", Some(3600), 1000),
        ] {
            let contact = parsed(text).unwrap();
            assert_eq!((contact.expires(), contact.q()), (expires, q), "{text}");
        }
    }

    #[test]
    fn broken_ones_are_refused() {
        for text in
            ["Bell, Alexander <sip:a@b>", "\"open <sip:a@b>", "< sip:a@b >", "<sip:a@b", "sip:a@b?x=y", "<>", ""]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
