//! Who is named in what is said while it is away, and is to be told (MSG-50).
//!
//! Those who may be are few, whom a server will find to have accounts or not: whom the room's lists of owners, moderators and members name by a URI, and whoever was
//! in, having proven who it is, and left within a week. Nothing of it outlives a restart.

use crate::identity::key_of;
use crate::{Identity, ParticipantId, Room, UserList};
use parlor_sip::Uri;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

/// How many who have left are remembered, and how many of those on lists count.
const KNOWN: usize = 256;
/// For how long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// So often one is told at the most.
const PAUSE: Duration = Duration::from_secs(60);
/// How many one message may name.
const NAMED_AT_ONCE: usize = 8;

/// Who may be named, and who was told.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// Those whom the room's lists name; they do not change.
    listed: OnceCell<Vec<Absentee>>,
    former: BTreeMap<Box<str>, Former>,
    told: BTreeMap<Box<str>, Instant>,
}

/// Somebody who may be named.
#[derive(Debug)]
struct Absentee {
    aor: Uri,
    key: Box<str>,
    /// The user part of the address, in lower case.
    user: String,
    /// `@` and what it was called last, in lower case.
    nickname: Option<String>,
}

/// Somebody who was in.
#[derive(Debug)]
struct Former {
    who: Absentee,
    left: Instant,
}

impl Absentee {
    fn new(aor: &Uri, nickname: Option<&str>) -> Self {
        let user = aor.user_decoded().map(|user| user.to_lowercase()).unwrap_or_default();
        let nickname = nickname.map(|name| format!("@{}", name.to_lowercase()));
        Self { aor: aor.clone(), key: key_of(aor), user, nickname }
    }

    /// Whether a text in lower case, of which these are the words, has the user part of the address in it as a word, or `@` and
    /// the nickname.
    fn is_named(&self, text: &str, words: &HashSet<&str>) -> bool {
        let mut names = std::iter::once(&self.user).chain(&self.nickname);
        names.any(|name| words_of(name).next().is_none_or(|first| words.contains(first)) && has_word(text, name))
    }
}

impl Mentions {
    /// Somebody is about to leave.
    pub(crate) fn note(&mut self, now: Instant, identity: &Identity, nickname: Option<&str>) {
        if !identity.is_proven() || identity.is_anonymous() {
            return;
        }
        self.former.retain(|_, former| now < former.left + REMEMBERED);
        if self.former.len() >= KNOWN
            && let Some(first) = self.former.iter().min_by_key(|(_, former)| former.left).map(|(key, _)| key.clone())
        {
            self.former.remove(&first);
        }
        let who = Absentee::new(&identity.aor, nickname);
        self.former.insert(who.key.clone(), Former { who, left: now });
    }
}

impl Room {
    /// Who is to be told of a text that was said to the room: who is named there, has no session here and might come in. Nobody,
    /// where messages must travel in TLS.
    pub fn mentioned(&mut self, now: Instant, from: ParticipantId, text: &str) -> Vec<Uri> {
        if !self.rules().keep_mentions || self.rules().require_tls {
            return Vec::new();
        }
        self.mentions.told.retain(|_, at| now < *at + PAUSE);
        let text = text.to_lowercase();
        let words: HashSet<&str> = words_of(&text).collect();
        let sender = self.participants.get(&from).map(|holder| key_of(&holder.identity.aor));
        let is_named = |who: &&Absentee| who.is_named(&text, &words) && sender.as_ref() != Some(&who.key);
        let named: BTreeMap<&str, &Uri> =
            self.absentees(now).filter(is_named).map(|who| (&*who.key, &who.aor)).collect();
        let to_tell =
            named.into_iter().filter(|(key, aor)| !self.mentions.told.contains_key(*key) && self.may_come(aor));
        let told: Vec<(Box<str>, Uri)> =
            to_tell.take(NAMED_AT_ONCE).map(|(key, aor)| (key.into(), aor.clone())).collect();
        self.mentions.told.extend(told.iter().map(|(key, _)| (key.clone(), now)));
        told.into_iter().map(|(_, aor)| aor).collect()
    }

    fn absentees(&self, now: Instant) -> impl Iterator<Item = &Absentee> {
        let former = self.mentions.former.values().filter(move |former| now < former.left + REMEMBERED);
        let listed = self.mentions.listed.get_or_init(|| {
            let roles = &self.rules().roles;
            let all = [&roles.owners, &roles.moderators, &roles.members].into_iter().flat_map(UserList::users);
            all.take(KNOWN).map(|aor| Absentee::new(aor, None)).collect()
        });
        former.map(|former| &former.who).chain(listed)
    }

    /// Whether somebody is not in, and may come in.
    fn may_come(&self, aor: &Uri) -> bool {
        let identity = Identity::of(aor.clone());
        let is_let_in = self.rules().allow.has(&identity) && !self.rules().deny.has(&identity);
        is_let_in && self.participant_at(aor).is_none()
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_in_word(c)).filter(|word| !word.is_empty())
}

fn has_word(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
            !before.is_some_and(is_in_word) && !after.is_some_and(is_in_word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::tests::{identity, now, room};
    use crate::{Roles, Rules};

    fn rules() -> Rules {
        let list = |uri| UserList::parse([uri]).expect("patterns");
        let roles = Roles { owners: list("sip:carol@example.org"), members: list("example.org"), ..Roles::default() };
        Rules { keep_mentions: true, roles, deny: list("sip:mallory@example.org"), ..Rules::default() }
    }

    fn told(room: &mut Room, now: Instant, from: ParticipantId, text: &str) -> Vec<String> {
        room.mentioned(now, from, text).iter().map(ToString::to_string).collect()
    }

    /// Named are those on the lists and those who were in, by their names as words, and none who is in or may not come.
    #[test]
    fn who_is_told() {
        let mut room = room(rules());
        let t = now();
        let alice = room.join(identity("sip:alice@example.org").proven()).expect("admitted");
        let from = room.session(alice).expect("a session").participant();
        for (name, nickname) in [("bob", Some("Bobby Blue")), ("mallory", None), ("dave", None)] {
            let proven = identity(&format!("sip:{name}@example.org"));
            let proven = if name == "dave" { proven } else { proven.proven() };
            let Ok(session) = room.join(proven) else { continue };
            room.set_nickname(t, session, nickname).expect("free");
            room.part(session);
        }
        for (text, names) in [
            ("hi @Bob", vec!["sip:bob@example.org"]),
            ("ask bobby", vec![]),
            ("ask @bobby blue!", vec!["sip:bob@example.org"]),
            ("@bobby blues", vec![]),
            ("Carol, BOB: tea", vec!["sip:bob@example.org", "sip:carol@example.org"]),
            ("carols", vec![]),
            ("mallory and dave and alice", vec![]),
        ] {
            room.mentions.told.clear();
            assert_eq!(told(&mut room, t, from, text), names, "{text}");
        }
        assert_eq!(told(&mut room, t, from, "carol"), ["sip:carol@example.org"]);
        assert_eq!(told(&mut room, t, from, "carol"), Vec::<String>::new(), "she was told just now");
        assert_eq!(told(&mut room, t + PAUSE, from, "carol"), ["sip:carol@example.org"]);
        assert_eq!(told(&mut room, t + REMEMBERED + PAUSE, from, "bob"), Vec::<String>::new(), "that is long ago");
        room.join(identity("sip:carol@example.org").proven()).expect("admitted");
        assert_eq!(told(&mut room, t + 3 * PAUSE, from, "carol"), Vec::<String>::new(), "she is in");
    }

    /// Where the rules do not want it nobody is told; not everybody is remembered.
    #[test]
    fn memory_is_bounded() {
        let mut off = room(Rules { keep_mentions: false, ..rules() });
        assert!(off.mentioned(now(), ParticipantId(1), "carol").is_empty());
        let mut mentions = Mentions::default();
        let t = now();
        for n in 0..2 * KNOWN {
            let aor = identity(&format!("sip:u{n}@example.org")).proven();
            mentions.note(t + Duration::from_secs(n as u64), &aor, None);
        }
        assert_eq!(mentions.former.len(), KNOWN);
        assert!(mentions.former.values().all(|former| former.left >= t + Duration::from_secs(KNOWN as u64)));
    }
}
