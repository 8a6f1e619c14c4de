//! Nicknames: their form (RFC 8266) and who holds which (RFC 7701 §7).

use crate::SessionId;
use crate::kept::Kept;
use precis_core::profile::{Profile as _, Rules as _, stabilize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The longest value of Use-Nickname, in octets (CHAT-80).
const LONGEST: usize = 1023;

/// A nickname as it is shown, with the form by which nicknames are compared (RFC 8266 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname {
    shown: Box<str>,
    key: Box<str>,
}

impl Nickname {
    /// Enforces the Nickname profile of PRECIS (CHAT-85).
    ///
    /// # Errors
    /// [`NicknameReject::Malformed`] when the profile does not allow the text, nothing is left of it, or it is longer than
    /// 1,023 octets.
    pub fn new(text: &str) -> Result<Self, NicknameReject> {
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(NicknameReject::Malformed);
        }
        let profile = precis_profiles::Nickname::new();
        let shown = profile.enforce(text).map_err(|_| NicknameReject::Malformed)?;
        // RFC 8266 §2.4: compared without case, and until nothing changes any more. The profile's own mapping looks at one
        // character at a time; Unicode's toLowerCase() makes another letter of a capital sigma that ends a word.
        let key = stabilize(&*shown, |text| {
            let text = profile.prepare(text)?;
            let text = profile.additional_mapping_rule(text)?;
            profile.normalization_rule(text.to_lowercase())
        });
        let key = key.map_err(|_| NicknameReject::Malformed)?;
        Ok(Self { key: key.as_ref().into(), shown: shown.as_ref().into() })
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The same for all nicknames that count as one.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Why a nickname is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicknameReject {
    /// The room allows no nicknames (CHAT-81).
    #[error("nicknames not allowed")]
    NotAllowed,
    /// The value is none (CHAT-82).
    #[error("nickname malformed")]
    Malformed,
    /// It is reserved, or somebody else's (CHAT-83).
    #[error("nickname reserved or in use")]
    Taken,
}

/// Who holds a nickname: one user, by the key of its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) key: Box<str>,
    /// Whether it has proven who it is.
    pub(crate) proven: bool,
}

/// Who holds which nickname in one room (CHAT-86), and who held it until lately (CHAT-89).
#[derive(Debug, Default)]
pub(crate) struct Nicknames {
    held: BTreeMap<Box<str>, Holding>,
    /// Those that nobody uses now. However many guests come and go, what an account had stays its own.
    kept_of_proven: Kept,
    kept_of_guests: Kept,
}

#[derive(Debug)]
struct Holding {
    owner: Owner,
    users: BTreeSet<SessionId>,
    /// From when on it is free, if nobody uses it.
    free_at: Option<Instant>,
}

impl Nicknames {
    /// Whether `owner` may take it now.
    pub(crate) fn is_free_for(&mut self, now: Instant, nickname: &Nickname, owner: &Owner) -> bool {
        self.forget_free(now);
        self.held.get(nickname.key()).is_none_or(|holding| holding.owner == *owner)
    }

    /// `session` of `owner`, who may, takes it.
    pub(crate) fn take(&mut self, nickname: &Nickname, owner: &Owner, session: SessionId) {
        let holding = self.held.entry(nickname.key().into()).or_insert_with(|| Holding {
            owner: owner.clone(),
            users: BTreeSet::new(),
            free_at: None,
        });
        holding.users.insert(session);
        if let Some(at) = holding.free_at.take() {
            self.kept_of(owner).remove(&(at, nickname.key().into()));
        }
    }

    /// `session` no longer uses it; if nobody does, it is kept for its owner for so long.
    pub(crate) fn release(&mut self, now: Instant, nickname: &Nickname, session: SessionId, quarantine: Duration) {
        let Some(holding) = self.held.get_mut(nickname.key()) else { return };
        holding.users.remove(&session);
        if !holding.users.is_empty() {
            return;
        }
        let at = now + quarantine;
        holding.free_at = Some(at);
        let owner = holding.owner.clone();
        for name in self.kept_of(&owner).insert((at, nickname.key().into()), &owner.key) {
            self.held.remove(&name);
        }
        self.forget_free(now);
    }

    fn kept_of(&mut self, owner: &Owner) -> &mut Kept {
        if owner.proven { &mut self.kept_of_proven } else { &mut self.kept_of_guests }
    }

    fn forget_free(&mut self, now: Instant) {
        for kept in [&mut self.kept_of_proven, &mut self.kept_of_guests] {
            while let Some(name) = kept.take_free(now) {
                self.held.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::{KEPT, KEPT_OF_ONE};

    fn key(text: &str) -> String {
        Nickname::new(text).expect("a nickname").key().to_owned()
    }

    /// CHAT-85: the examples of RFC 8266 §3.
    #[test]
    fn nicknames_are_compared_as_rfc_8266_shows() {
        let compared = [
            ("Foo", "foo"),
            ("foo", "foo"),
            ("Foo Bar", "foo bar"),
            ("  A   B ", "a b"),
            ("\u{3a3}", "\u{3c3}"),
            ("\u{3c2}", "\u{3c2}"),
            ("\u{3d4}", "\u{3cb}"),
            // toLowerCase() of Unicode: a sigma at the end of a word is another letter, in its middle not.
            ("\u{39d}\u{3a3}\u{39f}\u{3a3}", "\u{3bd}\u{3c3}\u{3bf}\u{3c2}"),
            ("\u{39d}\u{3c3}\u{3bf}\u{3c2}", "\u{3bd}\u{3c3}\u{3bf}\u{3c2}"),
            ("\u{221e}", "\u{221e}"),
            ("Richard \u{2163}", "richard iv"),
            ("A\u{3000}B", "a b"),
        ];
        for (written, compared) in compared {
            assert_eq!(key(written), compared, "{written}");
        }
        assert_ne!(key("\u{3c2}"), key("\u{3c3}"));
    }

    /// CHAT-82: what the profile does not allow, and what is too long or nothing.
    #[test]
    fn what_is_no_nickname() {
        for malformed in ["", "  ", "a\u{7}b", "a\nb", "\u{200b}\u{ad}", &"x".repeat(1024)] {
            assert_eq!(Nickname::new(malformed), Err(NicknameReject::Malformed), "{malformed:?}");
        }
        assert_eq!(Nickname::new("  Alice \"A\" B ").expect("a nickname").as_str(), "Alice \"A\" B");
        assert!(Nickname::new(&"x".repeat(1023)).is_ok());
    }

    fn nickname(text: &str) -> Nickname {
        Nickname::new(text).expect("a nickname")
    }

    fn owner(key: &str, proven: bool) -> Owner {
        Owner { key: key.into(), proven }
    }

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        Instant::now()
    }

    /// CHAT-89: for a while only the former holder may take it; and holding many costs others only the latest few.
    #[test]
    fn a_nickname_is_kept_for_who_had_it() {
        let (now, minute, mut nicknames) = (now(), Duration::from_secs(60), Nicknames::default());
        let [alice, bob, mallory] = ["alice", "bob", "mallory"].map(|key| owner(key, false));
        let name = nickname("Ally");
        nicknames.take(&name, &alice, SessionId(1));
        nicknames.take(&name, &alice, SessionId(2));
        nicknames.release(now, &name, SessionId(1), minute);
        assert!(!nicknames.is_free_for(now + minute, &name, &bob), "her other session has it");
        nicknames.release(now, &name, SessionId(2), minute);
        assert!(!nicknames.is_free_for(now + minute / 2, &name, &bob));
        assert!(nicknames.is_free_for(now + minute / 2, &name, &alice));
        assert!(nicknames.is_free_for(now + minute, &name, &bob));
        for n in 0..100 {
            let name = nickname(&format!("n{n}"));
            nicknames.take(&name, &mallory, SessionId(3));
            nicknames.release(now, &name, SessionId(3), minute);
        }
        assert_eq!((nicknames.held.len(), nicknames.kept_of_guests.len()), (KEPT_OF_ONE, KEPT_OF_ONE));
    }

    /// CHAT-89, CHAT-172: however many guests come and go, memory is bounded, and what was an account's stays kept for it.
    #[test]
    fn guests_cannot_flush_what_is_kept_for_accounts() {
        let (now, minute, mut nicknames) = (now(), Duration::from_secs(60), Nicknames::default());
        let (ally, early) = (nickname("Ally"), nickname("early"));
        nicknames.take(&ally, &owner("alice", true), SessionId(1));
        nicknames.release(now, &ally, SessionId(1), minute);
        nicknames.take(&early, &owner("early", false), SessionId(2));
        nicknames.release(now, &early, SessionId(2), minute);
        for n in 0..KEPT as u64 {
            let (name, guest) = (nickname(&format!("n{n}")), owner(&format!("guest{n}"), false));
            nicknames.take(&name, &guest, SessionId(3));
            nicknames.release(now + Duration::from_millis(n), &name, SessionId(3), minute);
        }
        assert_eq!(nicknames.kept_of_guests.len(), KEPT);
        assert_eq!(nicknames.held.len(), KEPT + 1);
        assert!(nicknames.is_free_for(now, &early, &owner("bob", false)), "the oldest of the guests' is gone");
        assert!(!nicknames.is_free_for(now, &ally, &owner("bob", false)));
        assert!(!nicknames.is_free_for(now, &ally, &owner("alice", false)), "who has proven nothing is somebody else");
        assert!(nicknames.is_free_for(now, &ally, &owner("alice", true)));
    }
}
