//! Text of others that is shown as one line.

/// `text` as one line of at most so many characters: what is neither visible nor a space goes, what changes how others are
/// shown too, and runs of space are one.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(4 * most));
    let mut count = 0;
    let parts = |c: char| c.is_whitespace() || c.is_control() || reorders(c);
    for word in text.split(parts).filter(|word| !word.is_empty()) {
        let space = usize::from(count > 0);
        if count + space >= most {
            break;
        }
        line.extend(std::iter::repeat_n(' ', space));
        line.extend(word.chars().take(most - count - space));
        count += space + word.chars().count();
    }
    line
}

/// Characters that change how others are shown, or are not seen themselves.
pub(crate) fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_not_too_long() {
        for (text, line) in [
            ("", ""),
            (" \r\n\t ", ""),
            ("Tea", "Tea"),
            ("boss\u{202e}nimda", "boss nimda"),
            ("  Tea \u{a0}at\r\nfive\u{0}\u{2028}o'clock ", "Tea at five o'clock"),
        ] {
            assert_eq!(one_line(text, 256), line, "{text:?}");
        }
        assert_eq!(one_line("abc def", 5), "abc d");
        assert_eq!(one_line("abc def", 4), "abc");
        assert_eq!(one_line("abc def", 3), "abc");
        assert_eq!(one_line("\u{e4}\u{e4}\u{e4}", 2), "\u{e4}\u{e4}");
        assert_eq!(one_line("abc", 0), "");
    }
}
