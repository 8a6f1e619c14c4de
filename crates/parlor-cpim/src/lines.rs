//! The lines of a block of headers.

use memchr::memchr;

/// The lines that are not empty, without their ends, CRLF or LF.
pub(crate) fn lines(block: &str) -> impl Iterator<Item = &str> {
    let mut rest = block;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |line_feed| line_feed + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_taken_off_once() {
        let found: Vec<&str> = lines("a\r\nb\n\r\n\nc\r\r\n\rd\r").collect();
        assert_eq!(found, ["a", "b", "c\r", "\rd"]);
    }
}
