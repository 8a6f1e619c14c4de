//! What others write, made harmless for a terminal.

use std::borrow::Cow;

/// One line of it, as for a name: no line ends, no escape sequences, nothing that turns the direction of writing or that is
/// not seen, not too long.
pub(super) fn line(text: &str) -> String {
    let seen = |c| match c {
        '\n' => ' ',
        hidden if is_hidden(hidden) => '\u{fffd}',
        other => shown_as(other),
    };
    let mut shown: String = text.chars().take(LONGEST_LINE).map(seen).collect();
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

/// What is not seen and makes two names look alike. (Joiners are seen in what they join.)
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
    ) || matches!(c, '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
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
    fn names_that_look_alike_are_told_apart() {
        for name in ["b\u{200b}ob", "bob\u{3164}", "bo\u{ad}b", "\u{200e}bob"] {
            assert!(line(name).contains('\u{fffd}'), "{name:?}");
        }
        assert_eq!(line("👩\u{200d}💻"), "👩\u{200d}💻");
    }

    #[test]
    fn names_are_not_too_long() {
        let shown = line(&"x".repeat(1000));
        assert_eq!(shown.chars().count(), LONGEST_LINE + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(line(&"x".repeat(LONGEST_LINE)).len(), LONGEST_LINE);
    }
}
