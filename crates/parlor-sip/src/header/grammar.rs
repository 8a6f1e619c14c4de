//! The rules of RFC 3261 §25.1 that header fields share. Values are unfolded before they come here, so LWS is
//! spaces and tabs.

use std::borrow::Cow;

use nom::branch::alt;
use nom::character::complete::char;
use nom::combinator::{all_consuming, map, map_opt, opt, recognize};
use nom::error::{ErrorKind, make_error};
use nom::multi::{fold_many0, separated_list1};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use crate::params::{Param, Params};

/// The longest start that consists of octets of a class. What is beyond ASCII is asked for as 0x80, so that no character is
/// cut.
pub(crate) fn run(input: &str, class: impl Fn(u8) -> bool) -> IResult<&str, &str> {
    let end = input.bytes().position(|byte| !class(byte.min(0x80))).unwrap_or(input.len());
    let (found, rest) = input.split_at(end);
    Ok((rest, found))
}

/// The same, and not empty.
pub(crate) fn run1(input: &str, class: impl Fn(u8) -> bool) -> IResult<&str, &str> {
    match run(input, class)? {
        (_, "") => Err(nom::Err::Error(make_error(input, ErrorKind::TakeWhile1))),
        found => Ok(found),
    }
}

/// SWS = [LWS]
pub(crate) fn sws(input: &str) -> IResult<&str, &str> {
    run(input, is_white)
}

/// LWS
pub(crate) fn lws(input: &str) -> IResult<&str, &str> {
    run1(input, is_white)
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A separator with the white space that may stand around it: SEMI, EQUAL, COMMA, SLASH, COLON.
pub(crate) fn separator<'a>(
    separator: char,
) -> impl Parser<&'a str, Output = char, Error = nom::error::Error<&'a str>> {
    delimited(sws, char(separator), sws)
}

/// token
pub(crate) fn token(input: &str) -> IResult<&str, &str> {
    run1(input, is_token_char)
}

pub(super) fn is_token_char(byte: u8) -> bool {
    let marks = matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
    byte.is_ascii_alphanumeric() || marks
}

/// Whether the whole text is a token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_char)
}

/// word, of which Call-IDs consist.
pub(crate) fn word(input: &str) -> IResult<&str, &str> {
    run1(input, |byte| is_token_char(byte) || b"()<>:\\\"/[]?{}".contains(&byte))
}

/// quoted-string, with its quotes and escapes.
pub(crate) fn quoted_string(input: &str) -> IResult<&str, &str> {
    let mut escaped = false;
    let end = input.strip_prefix('"').and_then(|inside| {
        inside.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        })
    });
    match end {
        Some(end) => Ok((&input[end + 2..], &input[..end + 2])),
        None => Err(nom::Err::Error(make_error(input, ErrorKind::Char))),
    }
}

/// generic-param = token [ EQUAL gen-value ]
pub(crate) fn generic_param(input: &str) -> IResult<&str, Param> {
    raw_param.map(|(name, value)| Param { name: name.into(), value: value.map(Box::from) }).parse(input)
}

/// The same as it stands there.
pub(crate) fn raw_param(input: &str) -> IResult<&str, (&str, Option<&str>)> {
    pair(token, opt(preceded(separator('='), gen_value))).parse(input)
}

/// gen-value = token / host / quoted-string. Any run without separators is let through, for tags that peers make
/// from base64 or from Call-IDs.
pub(crate) fn gen_value(input: &str) -> IResult<&str, &str> {
    let run = |input| run1(input, |byte| !byte.is_ascii_control() && !b" ;,\"<>".contains(&byte));
    alt((quoted_string, run)).parse(input)
}

/// *( SEMI generic-param ). Empty parameters are passed over (SIP-E7).
pub(crate) fn params(input: &str) -> IResult<&str, Params> {
    fold_many0(preceded(separator(';'), opt(generic_param)), Params::default, Params::with).parse(input)
}

/// `rule *(COMMA rule)` as the whole value of one header field.
pub(crate) fn comma_list<'a, T>(input: &'a str, rule: fn(&'a str) -> IResult<&'a str, T>) -> Option<Vec<T>> {
    whole(input, |input| separated_list1(separator(','), rule).parse(input))
}

/// `rule` as the whole value, with white space around it.
pub(crate) fn whole<'a, T>(input: &'a str, rule: impl Fn(&'a str) -> IResult<&'a str, T>) -> Option<T> {
    all_consuming(delimited(sws, rule, sws)).parse(input).ok().map(|(_, value)| value)
}

/// 1*DIGIT that fits.
pub(crate) fn number<T: std::str::FromStr>(input: &str) -> IResult<&str, T> {
    map_opt(nom::character::complete::digit1, |digits: &str| digits.parse().ok()).parse(input)
}

/// delta-seconds; what is larger than 2^32-1 counts as that.
pub(crate) fn delta_seconds(input: &str) -> IResult<&str, u32> {
    map(nom::character::complete::digit1, |digits: &str| digits.parse().unwrap_or(u32::MAX)).parse(input)
}

/// m-type SLASH m-subtype, or a language tag, or any token: up to its parameters.
pub(crate) fn token_or_range(input: &str) -> IResult<&str, &str> {
    recognize(pair(token, opt(pair(separator('/'), token)))).parse(input)
}

/// The text of a quoted string, or the text itself if it is not one.
pub(crate) fn unquote(raw: &str) -> Cow<'_, str> {
    let Some(inside) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(raw);
    };
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    Cow::Owned(out)
}

/// A quoted string of the text; line ends, which cannot be quoted, become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_end_at_the_quote_that_is_not_escaped() {
        assert_eq!(quoted_string(r#""a\"b\\" rest"#), Ok((" rest", r#""a\"b\\""#)));
        assert!(
            quoted_string("\"open").is_err() && quoted_string("\"open\\\"").is_err() && quoted_string("\"").is_err()
        );
        assert_eq!(unquote(r#""a\"b\\""#), "a\"b\\");
        assert_eq!(unquote(&quote("a\"b\\c\r\nd")), "a\"b\\c  d");
    }

    /// SIP-E7: empty parameters are passed over.
    #[test]
    fn params_survive_empty_ones() {
        let params = whole(";; a=1 ; B ;; c=\"x;y\";", params).unwrap();
        assert_eq!(params.to_string(), ";a=1;B;c=\"x;y\"");
        assert_eq!(params.unquoted("C").as_deref(), Some("x;y"));
    }
}
