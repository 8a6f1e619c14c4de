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
        return (before.len() - begun.len(), names.into_iter().map(|name| format!("{name} ")).collect());
    }
    let Some(roster) = roster else { return (before.len(), Vec::new()) };
    if let Some(command) = ["/msg ", "/kick "].iter().find(|command| before.starts_with(**command)) {
        let start = command.len();
        let begun = before[start..].trim_start_matches('"');
        let called = called(roster, own, begun);
        return (start, called.into_iter().map(|name| format!("{} ", quoted(name))).collect());
    }
    let start = before.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    if before.starts_with('/') || start == before.len() {
        return (before.len(), Vec::new());
    }
    let end = if start == 0 { ": " } else { " " };
    (start, called(roster, own, &before[start..]).into_iter().map(|name| format!("{name}{end}")).collect())
}

/// What those are called whose names begin so.
fn called(roster: &Roster, own: &str, begun: &str) -> Vec<String> {
    let begun = begun.to_lowercase();
    let all = roster.participants.iter().map(|one| name(roster, own, one));
    all.filter(|name| name.to_lowercase().starts_with(&begun)).take(MOST).collect()
}

/// The name by which nobody else is found, and which no terminal obeys; else the URI.
fn name(roster: &Roster, own: &str, one: &Participant) -> String {
    let name = one.name();
    let is_plain = !name.contains('"') && harmless::line(name) == name;
    let is_found = || names::find(Some(roster), own, name).is_ok_and(|uri| uri.to_string() == one.uri);
    if is_plain && is_found() { name.to_owned() } else { harmless::line(&one.uri) }
}

fn quoted(name: String) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name }
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
        let participants =
            vec![one("sip:alice@a", "Alice in W."), one("sip:bob@b", "Bobby"), unnamed.clone(), evil, unnamed];
        let roster = Roster { participants, ..Roster::default() };
        let contacts =
            |begun: &str| Some(vec!["carol".to_owned()].into_iter().filter(|name| name.starts_with(begun)).collect());
        let complete = |before| complete(Some(&roster), "sip:me@a", contacts, before);
        assert_eq!(complete("/n"), (0, vec!["/nick ".to_owned()]));
        assert_eq!(complete("/"), (0, COMMANDS.iter().map(|command| format!("{} ", command.name)).collect()));
        assert_eq!(complete("/msg AL"), (5, vec!["\"Alice in W.\" ".to_owned()]));
        assert_eq!(complete("/kick \"al"), (6, vec!["\"Alice in W.\" ".to_owned()]));
        assert_eq!(complete("bo"), (0, vec!["Bobby: ".to_owned()]), "what cannot be told apart is a URI");
        assert_eq!(complete("/msg sip:bo").1, ["sip:bob@c ", "sip:boris@d ", "sip:bob@c "]);
        assert_eq!(complete("hi bobb"), (3, vec!["Bobby ".to_owned()]));
        assert_eq!(complete("hi ").1, [""; 0]);
        assert_eq!(complete("/topic bo").1, [""; 0]);
        assert_eq!(complete("/dm ca"), (4, vec!["carol ".to_owned()]));
        assert_eq!(complete("/unwatch c"), (9, vec!["carol ".to_owned()]));
        assert_eq!(complete("/dm carol ca").1, [""; 0]);
        assert_eq!(super::complete(None, "sip:me@a", |_| None, "bo").1, [""; 0]);
    }
}
