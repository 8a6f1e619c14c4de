//! Escapes in header values (RFC 3862 §2.3).

use std::borrow::Cow;
use std::char::{REPLACEMENT_CHARACTER, decode_utf16};
use std::fmt::{self, Write};

/// Reads the escapes of a header value.
///
/// CPIM-22: an unknown `\x` reads as x, a backslash at the end as nothing, and a surrogate pair as one character.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('\\') else {
        return Cow::Borrowed(text);
    };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(position) = rest.find('\\') {
        plain.push_str(&rest[..position]);
        let (character, after) = escape(&rest[position..]);
        plain.extend(character);
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The character that the escape at the beginning of `text` stands for, and what follows it.
fn escape(text: &str) -> (Option<char>, &str) {
    if let Some((unit, rest)) = code_unit(text) {
        return match code_unit(rest) {
            Some((low, rest)) if is_high(unit) && is_low(low) => (decode([unit, low]), rest),
            Some(_) | None => (decode([unit]), rest),
        };
    }
    let mut rest = text.chars();
    rest.next();
    let character = rest.next().map(|letter| match letter {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        other => other,
    });
    (character, rest.as_str())
}

fn decode<const N: usize>(units: [u16; N]) -> Option<char> {
    decode_utf16(units).next().map(|character| character.unwrap_or(REPLACEMENT_CHARACTER))
}

/// `"\u" 4HEXDIG`
fn code_unit(text: &str) -> Option<(u16, &str)> {
    let rest = text.strip_prefix("\\u")?;
    let (digits, rest) = rest.split_at_checked(4)?;
    let is_hex = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    Some((unit, rest))
}

fn is_high(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

fn is_low(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

/// Where a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a value without quotes.
    Value,
    /// Between double quotes.
    String,
}

/// Writes `text` with what must be escaped, and nothing else, escaped (CPIM-21).
pub(crate) fn write_escaped(out: &mut impl Write, text: &str, place: Place) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\\' => out.write_str("\\\\")?,
            '\u{8}' => out.write_str("\\b")?,
            '\t' => out.write_str("\\t")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '"' if place == Place::String => out.write_str("\\\"")?,
            '\0'..='\u{1f}' | '\u{7f}' => write!(out, "\\u{:04x}", u32::from(character))?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_read_cpim_20_and_22() {
        for (written, read) in [
            (r"plain", "plain"),
            (r#"\\ \" \' \b\t\n\r"#, "\\ \" ' \u{8}\t\n\r"),
            (r"\u00e4\u20AC", "ä€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\x\ä", "xä"),
            (r"\u12", "u12"),
            (r"\u+123", "u+123"),
            (r"\u12ä4", "u12ä4"),
            ("end\\", "end"),
        ] {
            assert_eq!(unescape(written), read, "{written}");
        }
    }

    #[test]
    fn writer_escapes_what_it_must_and_nothing_else_cpim_21() {
        let mut out = String::new();
        write_escaped(&mut out, "a\\\"'\u{8}\t\n\r\0\u{7f}ä", Place::Value).expect("a String");
        assert_eq!(out, r#"a\\"'\b\t\n\r\u0000\u007fä"#);
        out.clear();
        write_escaped(&mut out, "\"'", Place::String).expect("a String");
        assert_eq!(out, r#"\"'"#);
    }

    proptest! {
        /// What is written reads as it was, and has no control character.
        #[test]
        fn escaping_round_trips(text in any::<String>()) {
            let mut out = String::new();
            write_escaped(&mut out, &text, Place::String).expect("a String");
            prop_assert!(!out.contains(|c: char| c.is_ascii_control()));
            prop_assert_eq!(unescape(&out), text);
        }
    }
}
