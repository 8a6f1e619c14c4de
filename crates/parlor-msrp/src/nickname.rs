//! The value of Use-Nickname (RFC 7701 §7.1).

use std::borrow::Cow;

/// Whether a nickname must stand in quotes, as RFC 7701 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quotes {
    /// A value without them, as python3-msrplib writes it, is taken as it stands; an empty one gives the nickname up
    /// (CHAT-93).
    #[default]
    Optional,
    /// A value without them is none.
    Required,
}

/// Reads the nickname that is wanted; an empty one gives up what there is (RFC 7701 §7.3).
///
/// `nickname = DQUOTE 1*1023( qdtext / qd-esc ) DQUOTE`, where `qd-esc` is a backslash before a backslash or a quote. `None` when
/// the value is anything else. How long it is and which characters are in it is not looked at.
pub fn read_nickname(value: &[u8], quotes: Quotes) -> Option<Cow<'_, str>> {
    let value = str::from_utf8(value.trim_ascii()).ok()?;
    match value.strip_prefix('"') {
        Some(rest) => unquote(rest),
        None => (quotes == Quotes::Optional).then_some(Cow::Borrowed(value)),
    }
}

/// What stands before the closing quote, which must be the end.
fn unquote(rest: &str) -> Option<Cow<'_, str>> {
    let inner = rest.strip_suffix('"')?;
    if !inner.contains(['\\', '"']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next().filter(|escaped| matches!(escaped, '\\' | '"'))?),
            other => plain.push(other),
        }
    }
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CHAT-80, CHAT-88, CHAT-93: quoted with escapes, without quotes, and empty.
    #[test]
    fn values_are_read_as_they_are_written() {
        for (value, strict, lenient) in [
            (r#""Ally""#, Some("Ally"), Some("Ally")),
            (r#""Alice \"A\" B""#, Some("Alice \"A\" B"), Some("Alice \"A\" B")),
            (r#""a\\b""#, Some(r"a\b"), Some(r"a\b")),
            ("\"\u{e4}\u{1f600} \"", Some("\u{e4}\u{1f600} "), Some("\u{e4}\u{1f600} ")),
            ("\"\"", Some(""), Some("")),
            ("", None, Some("")),
            ("Ally", None, Some("Ally")),
            ("  Ally in Wonderland ", None, Some("Ally in Wonderland")),
            (r"a\b", None, Some(r"a\b")),
            (r#"Al"ly"#, None, Some(r#"Al"ly"#)),
        ] {
            assert_eq!(read_nickname(value.as_bytes(), Quotes::Required).as_deref(), strict, "{value}");
            assert_eq!(read_nickname(value.as_bytes(), Quotes::Optional).as_deref(), lenient, "{value}");
        }
    }

    /// CHAT-82.
    #[test]
    fn what_is_no_value() {
        for value in [r#"""#, r#""Ally"#, r#""Ally\""#, r#""Al"ly""#, r#""Al\ly""#, r#""Ally\"#, r#""A" x"#] {
            assert_eq!(read_nickname(value.as_bytes(), Quotes::Optional), None, "{value}");
        }
        for value in [b"\"\xff\"".as_slice(), b"\xc3"] {
            assert_eq!(read_nickname(value, Quotes::Optional), None, "{value:?}");
        }
    }
}
