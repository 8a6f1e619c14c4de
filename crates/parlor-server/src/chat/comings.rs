//! Comings and goings, as lines.

use parlor_client::{Participant, RosterChange};

use super::harmless;

/// What a change of the roster is worth telling. `topic` is the one that was told last.
pub(super) fn lines(change: &RosterChange, topic: &mut Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    if change.first {
        lines.push(format!("here: {}", listed(&change.joined, |one| harmless::line(one.name()))));
    } else if !change.joined.is_empty() {
        lines.push(format!("{} joined", listed(&change.joined, full)));
    }
    if !change.left.is_empty() {
        lines.push(format!("{} left", listed(&change.left, full)));
    }
    for (was, is) in change.changed.iter().filter(|(was, is)| was.name() != is.name()).take(MOST) {
        lines.push(format!("{} is now {}", harmless::line(was.name()), full(is)));
    }
    if let Some(new) = change.topic.as_ref().filter(|new| *new != topic.as_deref().unwrap_or_default()) {
        lines.push(if new.is_empty() {
            "no topic any more".to_owned()
        } else {
            format!("topic: {}", harmless::line(new))
        });
        *topic = Some(new.clone());
    }
    lines
}

/// The first of them, and how many more.
fn listed(all: &[Participant], called: impl Fn(&Participant) -> String) -> String {
    let names: Vec<String> = all.iter().take(MOST).map(called).collect();
    match all.len().saturating_sub(MOST) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Name and URI.
fn full(one: &Participant) -> String {
    let (name, uri) = (harmless::line(one.name()), harmless::line(&one.uri));
    if name == uri { uri } else { format!("{name} <{uri}>") }
}

/// Names in one line, or lines.
const MOST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, nickname: &str) -> Participant {
        let nickname = Some(nickname.to_owned()).filter(|nickname| !nickname.is_empty());
        Participant { uri: format!("sip:{name}@a"), nickname, display: None, roles: Vec::new(), devices: 1 }
    }

    #[test]
    fn comings_and_goings() {
        let mut topic = Some("Tea".to_owned());
        let first = RosterChange {
            first: true,
            joined: (0..12).map(|n| one(&n.to_string(), "")).collect(),
            topic: topic.clone(),
            ..RosterChange::default()
        };
        let told = lines(&first, &mut topic);
        assert!(told[0].starts_with("here: sip:0@a, sip:1@a") && told[0].ends_with("sip:9@a and 2 more"), "{told:?}");
        assert_eq!(told.len(), 1, "the topic was told");
        let change = RosterChange {
            joined: vec![one("bob", "Bo\nb: hi")],
            left: vec![one("carol", "")],
            changed: vec![(one("al", "Al"), one("al", "Ally")), (one("x", ""), one("x", ""))],
            topic: Some("Te\x1ba".to_owned()),
            ..RosterChange::default()
        };
        let expected = ["Bo b: hi <sip:bob@a> joined", "sip:carol@a left", "Al is now Ally <sip:al@a>", "topic: Te␛a"];
        assert_eq!(lines(&change, &mut topic), expected);
        let gone = RosterChange { topic: Some(String::new()), ..RosterChange::default() };
        assert_eq!(lines(&gone, &mut topic), ["no topic any more"]);
    }
}
