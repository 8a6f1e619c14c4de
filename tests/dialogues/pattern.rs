//! Lines with names in them: written out for sending, compared when expecting.

use std::collections::BTreeMap;

use crate::support::unique;

/// What is known under each name.
pub(super) type Names = BTreeMap<String, String>;

/// Writes out the names of a line; one that is not known yet becomes a new word.
pub(super) fn write(line: &str, names: &mut Names) -> String {
    let pieces = pieces(line);
    pieces.into_iter().fold(String::new(), |text, piece| match piece {
        Piece::Text(plain) => text + &plain,
        Piece::Name(name) => match name.strip_prefix("repeat ").and_then(|rest| rest.split_once(' ')) {
            Some((count, what)) => text + &what.repeat(count.parse().unwrap()),
            None if name == "length" => text + "${length}",
            None => text + names.entry(name).or_insert_with(|| unique("")),
        },
    })
}

/// Whether a line fits; names that were not known are known afterwards.
pub(super) fn fits(pattern: &str, line: &str, names: &mut Names) -> bool {
    let mut found = names.clone();
    let fit = fit(&pieces(pattern), line, &mut found);
    if fit {
        *names = found;
    }
    fit
}

fn fit(pieces: &[Piece], rest: &str, names: &mut Names) -> bool {
    let Some((piece, further)) = pieces.split_first() else { return rest.is_empty() };
    let known = match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Name(name) => names.get(name).cloned(),
    };
    if let Some(text) = known {
        return rest.strip_prefix(&text).is_some_and(|rest| fit(further, rest, names));
    }
    let Piece::Name(name) = piece else { return false };
    let any = name == "*";
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    for end in ends.filter(|&end| any || end > 0) {
        if !any && rest[..end].contains([' ', '\r', '\n']) {
            return false;
        }
        let mut found = names.clone();
        if !any {
            found.insert(name.clone(), rest[..end].to_owned());
        }
        // The shortest that fits: ids hold none of what stands behind them.
        if fit(further, &rest[end..], &mut found) {
            *names = found;
            return true;
        }
    }
    false
}

enum Piece {
    Text(String),
    Name(String),
}

fn pieces(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, inner)) = rest.split_once("${") {
        let (name, after) = inner.split_once('}').unwrap_or_else(|| panic!("a name without end: {line}"));
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name takes what stands in its place once, and must be that from then on.
    #[test]
    fn names_are_bound_once() {
        let mut names = Names::new();
        assert!(fits("MSRP ${tid} SEND${*}", "MSRP a1b2 SEND", &mut names));
        assert_eq!(names["tid"], "a1b2");
        assert!(fits("-------${tid}$", "-------a1b2$", &mut names));
        assert!(!fits("-------${tid}$", "-------a1b3$", &mut names));
        assert!(!fits("To: ${one}", "To: two words", &mut names));
        assert_eq!(write("x ${tid} ${repeat 3 ab}", &mut names), "x a1b2 ababab");
    }
}
