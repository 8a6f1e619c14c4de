//! Who is named in what is said while it is away, and is to be told (MSG-50).
//!
//! Those who may be are few, and all accounts: whom the room's lists of owners, moderators and members name by a URI, and whoever was
//! in, having proven who it is, and left within a week. Nothing of it outlives a restart.

use crate::identity::key_of;
use crate::{Identity, ParticipantId, Room, UserList};
use parlor_sip::Uri;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many who have left are remembered, and how many of those on lists count.
const KNOWN: usize = 256;
/// For how long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// So often one is told at the most.
const PAUSE: Duration = Duration::from_secs(60);
/// How many one message may name.
const NAMED_AT_ONCE: usize = 8;

/// Who has left, and who was told.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    former: BTreeMap<Box<str>, Former>,
    told: BTreeMap<Box<str>, Instant>,
}

/// Somebody who was in.
#[derive(Debug)]
struct Former {
    aor: Uri,
    /// What it was called last, in lower case.
    nickname: Option<String>,
    left: Instant,
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
        let former = Former { aor: identity.aor.clone(), nickname: nickname.map(str::to_lowercase), left: now };
        self.former.insert(key_of(&identity.aor), former);
    }

    /// Whether somebody may be told once more.
    fn may_tell(&mut self, now: Instant, key: Box<str>) -> bool {
        self.told.retain(|_, at| now < *at + PAUSE);
        let is_first = !self.told.contains_key(&key);
        if is_first {
            self.told.insert(key, now);
        }
        is_first
    }
}

impl Room {
    /// Who is to be told of a text that was said to the room: who is named there, has no session here and might come in.
    pub fn mentioned(&mut self, now: Instant, from: ParticipantId, text: &str) -> Vec<Uri> {
        if !self.rules().keep_mentions {
            return Vec::new();
        }
        let text = text.to_lowercase();
        let sender = self.participants.get(&from).map(|holder| key_of(&holder.identity.aor));
        let mut named: BTreeMap<Box<str>, Uri> = BTreeMap::new();
        for (aor, nickname) in self.absent(now) {
            let key = key_of(aor);
            let is_named = names(&text, aor, nickname) && sender.as_ref() != Some(&key);
            if is_named && named.len() < NAMED_AT_ONCE {
                named.insert(key, aor.clone());
            }
        }
        named.retain(|key, _| self.mentions.may_tell(now, key.clone()));
        named.into_values().collect()
    }

    /// Those who are not in and may come in, with what they were called.
    fn absent(&self, now: Instant) -> impl Iterator<Item = (&Uri, Option<&str>)> {
        let roles = &self.rules().roles;
        let listed = [&roles.owners, &roles.moderators, &roles.members].into_iter().flat_map(UserList::users);
        let listed = listed.take(KNOWN).map(|aor| (aor, None));
        let former = self.mentions.former.values().filter(move |former| now < former.left + REMEMBERED);
        let all = former.map(|former| (&former.aor, former.nickname.as_deref())).chain(listed);
        all.filter(|(aor, _)| {
            let identity = Identity::of((*aor).clone());
            let may_come = self.rules().allow.has(&identity) && !self.rules().deny.has(&identity);
            may_come && self.participant_at(aor).is_none()
        })
    }
}

/// Whether a text in lower case has the user part of the address in it as a word, or `@` and the nickname.
fn names(text: &str, aor: &Uri, nickname: Option<&str>) -> bool {
    let user = aor.user_decoded().map(|user| user.to_lowercase());
    user.is_some_and(|user| has_word(text, &user)) || nickname.is_some_and(|name| has_word(text, &format!("@{name}")))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_';
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
            !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
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
