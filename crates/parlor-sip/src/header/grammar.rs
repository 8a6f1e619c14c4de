//! The rules of RFC 3261 §25.1 that header fields share. Values are unfolded before they come here, so LWS is
//! spaces and tabs.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map, map_opt, opt, recognize};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use crate::params::{Param, Params};

/// SWS = [LWS]
pub(crate) fn sws(input: &str) -> IResult<&str, &str> {
    take_while(|c| c == ' ' || c == '\t').parse(input)
}

/// LWS
pub(crate) fn lws(input: &str) -> IResult<&str, &str> {
    take_while1(|c| c == ' ' || c == '\t').parse(input)
}

/// A separator with the white space that may stand around it: SEMI, EQUAL, COMMA, SLASH, COLON.
pub(crate) fn separator<'a>(
    separator: char,
) -> impl Parser<&'a str, Output = char, Error = nom::error::Error<&'a str>> {
    delimited(sws, char(separator), sws)
}

/// token
pub(crate) fn token(input: &str) -> IResult<&str, &str> {
    take_while1(is_token_char).parse(input)
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c)
}

/// Whether the whole text is a token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_token_char)
}

/// word, of which Call-IDs consist.
pub(crate) fn word(input: &str) -> IResult<&str, &str> {
    take_while1(|c| is_token_char(c) || "()<>:\\\"/[]?{}".contains(c)).parse(input)
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
        None => Err(nom::Err::Error(nom::error::make_error(input, nom::error::ErrorKind::Char))),
    }
}

/// generic-param = token [ EQUAL gen-value ]
pub(crate) fn generic_param(input: &str) -> IResult<&str, Param> {
    pair(token, opt(preceded(separator('='), gen_value)))
        .map(|(name, value)| Param { name: name.into(), value: value.map(Box::from) })
        .parse(input)
}

/// gen-value = token / host / quoted-string. Any run without separators is let through, for tags that peers make
/// from base64 or from Call-IDs.
pub(crate) fn gen_value(input: &str) -> IResult<&str, &str> {
    alt((quoted_string, take_while1(|c: char| !c.is_ascii_control() && !" ;,\"<>".contains(c)))).parse(input)
}

/// *( SEMI generic-param ). Empty parameters are passed over (SIP-E7).
pub(crate) fn params(input: &str) -> IResult<&str, Params> {
    many0(preceded(separator(';'), opt(generic_param)))
        .map(|params| params.into_iter().flatten().collect())
        .parse(input)
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
