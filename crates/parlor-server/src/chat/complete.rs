//! Commands and names, completed by the tab key.

use parlor_client::{Participant, Roster};

use super::command::COMMANDS;
use super::{harmless, names};

/// What the word before the cursor may become, and where it begins.
///
/// `contacts` are those whose names begin so.
pub(super) fn complete(
    roster: Option<&Roster>,
    own: &str,
    contacts: impl Fn(&str) -> Option<Vec<String>>,
    before: &str,
) -> (usize, Vec<String>) {
    if before.starts_with('/') && !before.contains(char::is_whitespace) {
        let fitting = COMMANDS.iter().filter(|command| command.name.starts_with(before));
        return (0, fitting.map(|command| format!("{} ", command.name)).collect());
    }
    let begun = ["/dm ", "/watch ", "/unwatch "].iter().find_map(|command| before.strip_prefix(command));
    if let Some(begun) = begun.filter(|begun| !begun.contains(char::is_whitespace)) {
        let names = contacts(begun).unwrap_or_default();
        return (before.len() - begun.len(), names.iter().map(|name| format!("{} ", harmless::line(name))).collect());
    }
    let Some(roster) = roster else { return (before.len(), Vec::new()) };
    if let Some(command) = ["/msg ", "/kick "].iter().find(|command| before.starts_with(**command)) {
        let start = command.len();
        let begun = before[start..].trim_start_matches('"');
        let called = called(roster, own, begun, |name| quoted(name).is_some());
        let word = |name: String| quoted(&name).unwrap_or(name);
        return (start, called.into_iter().map(|name| format!("{} ", word(name))).collect());
    }
    let start = before.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    if before.starts_with('/') || start == before.len() {
        return (before.len(), Vec::new());
    }
    let end = if start == 0 { ": " } else { " " };
    let called = called(roster, own, &before[start..], |_| true);
    (start, called.into_iter().map(|name| format!("{name}{end}")).collect())
}

/// What those are called whose names or URIs begin so.
fn called(roster: &Roster, own: &str, begun: &str, is_word: impl Fn(&str) -> bool) -> Vec<String> {
    let begun = begun.to_lowercase();
    let begins = |name: &str| name.trim_start_matches('"').to_lowercase().starts_with(&begun);
    let called = roster.participants.iter().filter_map(|one| {
        let by_name = begins(one.name()).then(|| name(roster, own, one, &is_word));
        by_name.or_else(|| begins(&one.uri).then(|| harmless::line(&one.uri)))
    });
    called.take(MOST).collect()
}

/// The name by which nobody else is found, and which no terminal obeys; else the URI.
fn name(roster: &Roster, own: &str, one: &Participant, is_word: impl Fn(&str) -> bool) -> String {
    let name = one.name();
    let is_found = || names::find(Some(roster), own, name).is_ok_and(|uri| uri.to_string() == one.uri);
    if is_word(name) && harmless::line(name) == name && is_found() { name.to_owned() } else { harmless::line(&one.uri) }
}

/// A name as commands take it, if they can.
fn quoted(name: &str) -> Option<String> {
    let has_quotes = name.contains('"');
    match name.contains(char::is_whitespace) || name.starts_with('"') {
        false => Some(name.to_owned()),
        true if has_quotes => None,
        true => Some(format!("\"{name}\"")),
    }
}

/// More are not of use.
const MOST: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(uri: &str, nickname: &str) -> Participant {
        Participant { uri: uri.into(), nickname: Some(nickname.into()), display: None, roles: Vec::new(), devices: 1 }
    }

    #[test]
    fn words_are_completed() {
        let unnamed = Participant { nickname: None, display: Some("Bob".to_owned()), ..one("sip:bob@c", "") };
        let evil = one("sip:boris@d", "bo\x1b[2J");
        let (inches, quote) = (one("sip:dave@d", "Dave 6\""), one("sip:eve@e", "\"Eve"));
        let bobby = one("sip:bob@b", "Bobby");
        let [alice, fred] = [one("sip:alice@a", "Alice in W."), one("sip:fred@f", "Fr\"ed")];
        let participants = vec![alice, bobby, unnamed.clone(), evil, unnamed, inches, quote, fred];
        let roster = Roster { participants, ..Roster::default() };
        let contacts =
            |begun: &str| Some(vec!["carol".to_owned()].into_iter().filter(|name| name.starts_with(begun)).collect());
        let complete = |before| complete(Some(&roster), "sip:me@a", contacts, before);
        assert_eq!(complete("/n"), (0, vec!["/nick ".to_owned()]));
        assert_eq!(complete("/"), (0, COMMANDS.iter().map(|command| format!("{} ", command.name)).collect()));
        assert_eq!(complete("/msg AL"), (5, vec!["\"Alice in W.\" ".to_owned()]));
        assert_eq!(complete("/kick \"al"), (6, vec!["\"Alice in W.\" ".to_owned()]));
        let several = ["Bobby: ", "sip:bob@c: ", "sip:boris@d: ", "sip:bob@c: "];
        assert_eq!(complete("bo").1, several, "what cannot be told apart is a URI");
        assert_eq!(complete("/msg sip:bo").1, ["sip:bob@b ", "sip:bob@c ", "sip:boris@d ", "sip:bob@c "]);
        assert_eq!(complete("/msg fr").1, ["Fr\"ed "]);
        assert_eq!(complete("/msg dave").1, ["sip:dave@d "], "no command takes spaces and quotes");
        assert_eq!(complete("/msg ev").1, ["sip:eve@e "]);
        assert_eq!(complete("dave").1, ["Dave 6\": "]);
        assert_eq!(complete("hi bobb"), (3, vec!["Bobby ".to_owned()]));
        assert_eq!(complete("hi ").1, [""; 0]);
        assert_eq!(complete("/topic bo").1, [""; 0]);
        assert_eq!(complete("/dm ca"), (4, vec!["carol ".to_owned()]));
        assert_eq!(complete("/unwatch c"), (9, vec!["carol ".to_owned()]));
        assert_eq!(complete("/dm carol ca").1, [""; 0]);
        assert_eq!(super::complete(None, "sip:me@a", |_| None, "bo").1, [""; 0]);
    }
}
