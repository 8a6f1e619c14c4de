//! How people are called, so that nobody passes for another.

use std::borrow::Cow;

use parlor_client::{Address, Participant, Roster, Uri};
use parlor_room::Nickname;

/// Why a name is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Nobody is called so.
    Nobody,
    /// Those who are: their URIs.
    Several(Vec<String>),
}

/// The one whom a name or a URI means.
pub(super) fn find(roster: Option<&Roster>, own: &str, text: &str) -> Result<Uri, Unknown> {
    // Before names: anybody may be called like the URI of another.
    if let Some(uri) = uri(text) {
        return Ok(uri);
    }
    let Some(roster) = roster else {
        // Somebody of our host, as the room does not tell who is there.
        return beside(own, text).ok_or(Unknown::Nobody);
    };
    let wanted = key(text);
    let is_wanted = |name: Option<&str>| name.is_some_and(|name| key(name) == wanted);
    let all = roster.participants.iter();
    // Nobody else has a nickname; the rest may be that of several.
    let by_nickname: Vec<&Participant> = all.clone().filter(|one| is_wanted(one.nickname.as_deref())).collect();
    let found = if by_nickname.is_empty() {
        all.filter(|one| is_wanted(one.display.as_deref()) || is_wanted(user_of(&one.uri).as_deref())).collect()
    } else {
        by_nickname
    };
    match &found[..] {
        [] => Err(Unknown::Nobody),
        [one] => one.uri.parse().map_err(|_| Unknown::Nobody),
        several => Err(Unknown::Several(several.iter().map(|one| one.uri.clone()).collect())),
    }
}

/// What is written as a URI of people.
fn uri(text: &str) -> Option<Uri> {
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let (scheme, _) = text.split_once(':')?;
    let is_known = ["sip", "sips", "tel", "im"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    text.parse().ok().filter(|_| is_known)
}

/// The address that somebody's URI means, with or without `sip:`, or the name of a user beside us.
pub(super) fn address(own: &str, text: &str) -> Option<Uri> {
    uri(text).or_else(|| {
        if text.contains('@') { format!("sip:{text}").parse().ok().filter(Uri::is_sip) } else { beside(own, text) }
    })
}

/// What to call who has an address: a user beside us by that name, as [`address`] finds them; all others by URI.
pub(super) fn of_address(own: &str, uri: &str) -> String {
    let is_plain =
        |user: &str| !user.is_empty() && user.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
    let user = user_of(uri).filter(|user| is_plain(user));
    let found = user.filter(|user| {
        let found = beside(own, user);
        let wanted = uri.parse::<Uri>();
        found.is_some_and(|found| wanted.is_ok_and(|wanted| found.same_user_and_host(&wanted)))
    });
    found.unwrap_or_else(|| uri.to_owned())
}

/// What to call who wrote a message: the nickname; else what they call themselves, with the URI if somebody else is called
/// so too.
pub(super) fn shown(roster: Option<&Roster>, who: &Address) -> String {
    let Some(roster) = roster else { return who.display.clone().unwrap_or_else(|| who.uri.clone()) };
    let known = participant(roster, &who.uri);
    if let Some(nickname) = known.and_then(|one| one.nickname.clone()) {
        return nickname;
    }
    let Some(display) = who.display.as_deref().or(known.and_then(|one| one.display.as_deref())) else {
        return who.uri.clone();
    };
    let own = known.map(|one| &one.uri);
    let others = roster.participants.iter().filter(|one| Some(&one.uri) != own);
    let wanted = key(display);
    let called_so = |name: &Option<String>| name.as_deref().is_some_and(|name| key(name) == wanted);
    if known.is_some() && !others.into_iter().any(|one| called_so(&one.nickname) || called_so(&one.display)) {
        return display.to_owned();
    }
    format!("{display} <{}>", who.uri)
}

/// The participant of that URI, however it is spelled.
pub(super) fn participant<'a>(roster: &'a Roster, uri: &str) -> Option<&'a Participant> {
    roster.participant(uri).or_else(|| {
        let wanted: Uri = uri.parse().ok()?;
        let same = |one: &&Participant| one.uri.parse::<Uri>().is_ok_and(|uri| uri.same_user_and_host(&wanted));
        roster.participants.iter().find(same)
    })
}

/// By which names are compared (RFC 8266 §2.4).
fn key(name: &str) -> String {
    Nickname::new(name).map_or_else(|_| name.trim().to_lowercase(), |nickname| nickname.key().to_owned())
}

fn user_of(uri: &str) -> Option<String> {
    uri.parse::<Uri>().ok()?.user_decoded().map(Cow::into_owned)
}

fn beside(own: &str, user: &str) -> Option<Uri> {
    let own: Uri = own.parse().ok()?;
    Uri::sip(Some(user), own.host()?, None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "sip:me@a";

    fn one(uri: &str, nickname: &str, display: &str) -> Participant {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (nickname, display) = (given(nickname), given(display));
        Participant { uri: uri.to_owned(), nickname, display, roles: Vec::new(), devices: 1 }
    }

    fn roster() -> Roster {
        let participants = vec![
            one("sip:alice@a", "Al", "Al"),
            one("sip:bob@b", "", "Bob"),
            one("sip:bob@c", "", "bob "),
            one("sip:mallory@m", "", "Al"),
            one("sip:dave@d;x=1", "", "Dave D."),
            one("sip:eve@e", "", "Mallory"),
            one("sip:fred@f", "sip:bob@b", "sip:bob@b"),
        ];
        Roster { participants, ..Roster::default() }
    }

    #[test]
    fn people_are_found_by_what_they_are_called() {
        let find = |text| find(Some(&roster()), OWN, text).map(|uri| uri.to_string());
        assert_eq!(find("aL"), Ok("sip:alice@a".to_owned()), "the nickname, not a display name");
        assert_eq!(find("dave  d."), Ok("sip:dave@d;x=1".to_owned()));
        assert_eq!(find("dave"), Ok("sip:dave@d;x=1".to_owned()));
        assert_eq!(find("mallory"), Err(Unknown::Several(vec!["sip:mallory@m".into(), "sip:eve@e".into()])));
        assert_eq!(find("SIP:bob@b"), Ok("sip:bob@b".to_owned()), "whoever is called so");
        assert_eq!(find("<sip:bob@c>"), Ok("sip:bob@c".to_owned()));
        assert_eq!(find("tel:+123"), Ok("tel:+123".to_owned()));
        assert_eq!(find("BOB"), Err(Unknown::Several(vec!["sip:bob@b".into(), "sip:bob@c".into()])));
        assert_eq!(find("carol"), Err(Unknown::Nobody));
        assert_eq!(super::find(None, OWN, "carol").unwrap().to_string(), "sip:carol@a");
    }

    /// Users of our own server are called by their name, which it vouches for, and found by it; others by URI.
    #[test]
    fn users_beside_us() {
        let address = |text: &str| super::address("sip:me@a;x=1", text).map(|uri| uri.to_string());
        assert_eq!(address("carol"), Some("sip:carol@a".to_owned()));
        assert_eq!(address("carol@b"), Some("sip:carol@b".to_owned()));
        assert_eq!(address("sips:carol@b"), Some("sips:carol@b".to_owned()));
        assert_eq!(address("<tel:+123>"), Some("tel:+123".to_owned()));
        let called = |uri: &str| of_address("sip:me@a;x=1", uri);
        assert_eq!(called("sip:carol@A"), "carol");
        for other in ["sip:carol@b", "sip:ca%3Arol@a", "sip:%E2%80%AEcarol@a", "sip:a", "tel:+123", "junk"] {
            assert_eq!(called(other), other);
        }
    }

    /// A nickname stands for one person; a display name that is somebody's, or not in the roster, stands with its URI.
    #[test]
    fn nobody_passes_for_another() {
        let shown = |uri: &str, display: &str| {
            shown(Some(&roster()), &Address { uri: uri.to_owned(), display: Some(display.to_owned()) })
        };
        assert_eq!(shown("sip:alice@a;transport=tcp", "whatever"), "Al");
        assert_eq!(shown("sip:mallory@m", "Al"), "Al <sip:mallory@m>");
        assert_eq!(shown("sip:mallory@m", "ＡＬ"), "ＡＬ <sip:mallory@m>");
        assert_eq!(shown("sip:bob@b", "Bob"), "Bob <sip:bob@b>");
        assert_eq!(shown("sip:dave@d", "Dave"), "Dave");
        assert_eq!(shown("sip:stranger@x", "Dave"), "Dave <sip:stranger@x>");
        assert_eq!(super::shown(None, &Address::new("sip:x@y")), "sip:x@y");
    }
}
