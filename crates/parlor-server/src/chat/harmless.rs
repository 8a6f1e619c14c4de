//! What others write, made harmless for a terminal.

use std::borrow::Cow;

/// One line of it: no line ends, no escape sequences, nothing that turns the direction of writing, not too long.
pub(super) fn line(text: &str) -> String {
    let mut shown: String =
        text.chars().take(LONGEST_LINE).map(|c| if c == '\n' { ' ' } else { shown_as(c) }).collect();
    if text.chars().nth(LONGEST_LINE).is_some() {
        shown.push('…');
    }
    shown
}

/// Several lines of it. Those after the first are indented, so that none can pass for another's.
pub(super) fn lines(text: &str) -> String {
    let text: Cow<'_, str> = if text.contains('\r') { text.replace("\r\n", "\n").into() } else { text.into() };
    let text = text.trim_end_matches('\n');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push(' '),
            other => shown.push(shown_as(other)),
        }
    }
    shown
}

fn shown_as(c: char) -> char {
    match c {
        // The pictures that Unicode has of control characters.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

/// Characters of a name.
const LONGEST_LINE: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(lines("a\x1b[31mred\x07\u{9b}2J"), "a␛[31mred␇\u{fffd}2J");
        assert_eq!(line("\u{202e}evil\x7f\r"), "\u{fffd}evil␡␍");
    }

    #[test]
    fn no_line_passes_for_that_of_another() {
        assert_eq!(lines("hi\r\n12:00Z bob: I owe you\n\n"), "hi\n    12:00Z bob: I owe you");
        assert_eq!(line("bob: hi\n12:00Z alice"), "bob: hi 12:00Z alice");
    }

    #[test]
    fn names_are_not_too_long() {
        let shown = line(&"x".repeat(1000));
        assert_eq!(shown.chars().count(), LONGEST_LINE + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(line(&"x".repeat(LONGEST_LINE)).len(), LONGEST_LINE);
    }
}
