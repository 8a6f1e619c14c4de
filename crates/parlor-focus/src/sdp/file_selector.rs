//! The attribute `a=file-selector` (RFC 5547 §6).
//!
//! Each rule of its grammar is one function here.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, tag_no_case, take_while, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map_opt, recognize};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};
use parlor_room::FileSelector;
use std::fmt::Write as _;

/// Reads the attribute's value; `None` if it is none of the grammar, or says something twice.
pub(super) fn parse(value: &str) -> Option<FileSelector> {
    let (rest, selectors) = separated_list1(take_while1(is_blank), selector).parse(value.trim()).ok()?;
    let mut read = FileSelector::default();
    for selector in selectors.into_iter().filter(|_| rest.is_empty()) {
        let first = match selector {
            Selector::Name(name) => read.name.replace(name).is_none(),
            Selector::Size(size) => read.size.replace(size).is_none(),
            Selector::Type(kind) => read.kind.replace(kind).is_none(),
            Selector::Sha1(hash) => read.hashes.sha1.replace(hash).is_none(),
            Selector::Sha256(hash) => read.hashes.sha256.replace(hash).is_none(),
            // RFC 5547 §6: several hashes may be there, of algorithms to come.
            Selector::OtherHash => true,
        };
        if !first {
            return None;
        }
    }
    rest.is_empty().then_some(read)
}

/// Writes a value.
pub(super) fn write(selector: &FileSelector) -> String {
    let mut parts = Vec::new();
    if let Some(name) = &selector.name {
        parts.push(format!("name:\"{}\"", percent_encoded(name)));
    }
    if let Some(kind) = &selector.kind {
        parts.push(format!("type:{kind}"));
    }
    if let Some(size) = selector.size {
        parts.push(format!("size:{size}"));
    }
    parts.extend(selector.hashes.sha1.map(|hash| format!("hash:{}", sha1(&hash))));
    parts.extend(selector.hashes.sha256.map(|hash| format!("hash:sha-256:{}", colons(&hash))));
    parts.join(" ")
}

enum Selector {
    Name(Box<str>),
    Size(u64),
    Type(Box<str>),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
    OtherHash,
}

fn selector(input: &str) -> IResult<&str, Selector> {
    alt((filename_selector, filesize_selector, filetype_selector, hash_selector)).parse(input)
}

fn filename_selector(input: &str) -> IResult<&str, Selector> {
    let name = preceded(tag_no_case("name:"), delimited(char('"'), is_not("\""), char('"')));
    map_opt(name, |said| percent_decoded(said).map(|name| Selector::Name(name.into()))).parse(input)
}

fn filesize_selector(input: &str) -> IResult<&str, Selector> {
    map_opt(preceded(tag_no_case("size:"), digit1), |digits: &str| digits.parse().ok().map(Selector::Size)).parse(input)
}

/// A value of a parameter is written here as in the name, and in a Content-Type otherwise; so it is kept for the latter.
fn filetype_selector(input: &str) -> IResult<&str, Selector> {
    let kind = recognize(separated_pair(token, char('/'), token));
    let (rest, (kind, parameters)) = preceded(tag_no_case("type:"), (kind, many0(ft_parameter))).parse(input)?;
    let mut whole = kind.to_owned();
    for (name, value) in parameters {
        if let Some(value) = percent_decoded(value).filter(|value| is_quotable(value)) {
            let _ = write!(whole, ";{name}=\"{value}\"");
        }
    }
    Ok((rest, Selector::Type(whole.into())))
}

fn ft_parameter(input: &str) -> IResult<&str, (&str, &str)> {
    let quoted = delimited(char('"'), take_while(|c| c != '"'), char('"'));
    // Leniently without the quotes too.
    preceded(char(';'), separated_pair(token, char('='), alt((quoted, token)))).parse(input)
}

fn hash_selector(input: &str) -> IResult<&str, Selector> {
    let (rest, (algorithm, value)) =
        preceded(tag_no_case("hash:"), separated_pair(token, char(':'), hash_value)).parse(input)?;
    let is = |name: &str| algorithm.eq_ignore_ascii_case(name);
    let selector = match () {
        () if is("sha-1") || is("sha1") => <[u8; 20]>::try_from(value).ok().map(Selector::Sha1),
        () if is("sha-256") => <[u8; 32]>::try_from(value).ok().map(Selector::Sha256),
        () => Some(Selector::OtherHash),
    };
    match selector {
        Some(selector) => Ok((rest, selector)),
        None => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::LengthValue))),
    }
}

fn hash_value(input: &str) -> IResult<&str, Vec<u8>> {
    separated_list1(tag(":"), hex_octet).parse(input)
}

fn hex_octet(input: &str) -> IResult<&str, u8> {
    map_opt(nom::bytes::complete::take(2_usize), hex).parse(input)
}

/// RFC 2045 §5.1; what separates selectors and their parts is no part of one.
fn token(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c)).parse(input)
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn is_quotable(value: &str) -> bool {
    value.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\')
}

fn hex(digits: &str) -> Option<u8> {
    let are_digits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    are_digits.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// `filename-string`; a percent sign that begins no octet stands for itself, as Blink writes only quotes otherwise.
fn percent_decoded(said: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(said.len());
    let mut rest = said;
    while let Some((before, after)) = rest.split_once('%') {
        octets.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(hex) {
            Some(octet) => {
                octets.push(octet);
                rest = &after[2..];
            }
            None => {
                octets.push(b'%');
                rest = after;
            }
        }
    }
    octets.extend_from_slice(rest.as_bytes());
    String::from_utf8(octets).ok()
}

fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' | '%' | '/' | '\\' | '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(encoded, "%{:02X}", u32::from(c));
            }
            c => encoded.push(c),
        }
    }
    encoded
}

/// A SHA-1 as `a=file-selector` and the roster's file list have it: `sha-1:ED:DF:…`.
pub fn sha1(hash: &[u8; 20]) -> String {
    format!("sha-1:{}", colons(hash))
}

/// RFC 5547 §6: in upper case, with colons between.
fn colons(hash: &[u8]) -> String {
    hash.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_room::FileHashes;
    use proptest::prelude::*;

    const SHA1: &str = "72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E";

    /// The example of RFC 5547 §6, written back as it was read.
    #[test]
    fn the_example_of_the_rfc() {
        let said = format!("name:\"My cool picture.jpg\" type:image/jpeg size:32349 hash:sha-1:{SHA1}");
        let read = parse(&said).expect("a selector");
        assert_eq!(read.name.as_deref(), Some("My cool picture.jpg"));
        assert_eq!((read.kind.as_deref(), read.size), (Some("image/jpeg"), Some(32349)));
        assert_eq!(read.hashes.sha1.map(|hash| hash[0]), Some(0x72));
        assert_eq!(write(&read), said);
    }

    /// RFC 5547 §6: any order, names with what the grammar does not allow, parameters of types, several hashes.
    #[test]
    fn what_is_encoded_is_decoded() {
        let sha256 = vec!["0a"; 32].join(":");
        let said = format!(
            "hash:md5:00:11 hash:SHA-256:{sha256} size:1 type:text/plain;charset=\"utf%2D8\" name:\"100%25 %22a%22 \u{e9} 5%\""
        );
        let read = parse(&said).expect("a selector");
        assert_eq!(read.name.as_deref(), Some("100% \"a\" \u{e9} 5%"));
        assert_eq!(read.kind.as_deref(), Some("text/plain;charset=\"utf-8\""));
        assert_eq!(read.hashes, FileHashes { sha1: None, sha256: Some([10; 32]) });
        assert_eq!(parse(&write(&read)), Some(read));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for wrong in [
            "",
            "name:x",
            "name:\"\"",
            "name:\"x",
            "name:\"%ff\"",
            "size:",
            "size:-1",
            "size:99999999999999999999",
            "size:1 size:2",
            "type:text",
            "hash:sha-1:00",
            "hash:sha-1:zz",
            "hash:sha-1",
            "colour:red",
            "size:1,type:text/plain",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(value in "[ -~\u{e9}\t]{0,80}") {
            let _ = parse(&value);
        }

        #[test]
        fn names_come_back(name in "[^\u{fffd}]{1,40}") {
            let selector = FileSelector { name: Some(name.as_str().into()), ..FileSelector::default() };
            prop_assert_eq!(parse(&write(&selector)), Some(selector));
        }
    }
}
