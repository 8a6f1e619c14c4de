//! Nicknames: their form (RFC 8266) and who holds which (RFC 7701 §7).

use crate::SessionId;
use precis_core::profile::{Profile as _, Rules as _, stabilize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The longest value of Use-Nickname, in octets (CHAT-80).
const LONGEST: usize = 1023;
/// How many nicknames that were given up are kept for those who had them, of one user and of all.
const KEPT_OF_ONE: usize = 4;
const KEPT: usize = 32 * 1024;

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
        // RFC 8266 §2.4: compared without case, and until nothing changes any more.
        let key = stabilize(&*shown, |text| {
            let text = profile.prepare(text)?;
            let text = profile.additional_mapping_rule(text)?;
            let text = profile.case_mapping_rule(text)?;
            profile.normalization_rule(text)
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

/// Who holds which nickname in one room (CHAT-86), and who held it until lately (CHAT-89). Owners are named by the key of
/// their identity.
#[derive(Debug, Default)]
pub(crate) struct Nicknames {
    held: BTreeMap<Box<str>, Holding>,
    /// Those that nobody uses now, by when they become free.
    kept: BTreeSet<(Instant, Box<str>)>,
    /// The same by owner.
    kept_of: BTreeMap<Box<str>, BTreeSet<(Instant, Box<str>)>>,
}

#[derive(Debug)]
struct Holding {
    owner: Box<str>,
    users: BTreeSet<SessionId>,
    /// From when on it is free, if nobody uses it.
    free_at: Option<Instant>,
}

impl Nicknames {
    /// Whether `owner` may take it now.
    pub(crate) fn is_free_for(&mut self, now: Instant, nickname: &Nickname, owner: &str) -> bool {
        self.forget_free(now);
        self.held.get(nickname.key()).is_none_or(|holding| *holding.owner == *owner)
    }

    /// `session` of `owner`, who may, takes it.
    pub(crate) fn take(&mut self, nickname: &Nickname, owner: &str, session: SessionId) {
        let holding = self.held.entry(nickname.key().into()).or_insert_with(|| Holding {
            owner: owner.into(),
            users: BTreeSet::new(),
            free_at: None,
        });
        holding.users.insert(session);
        if let Some(at) = holding.free_at.take() {
            self.no_longer_kept(&(at, nickname.key().into()), owner);
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
        self.kept.insert((at, nickname.key().into()));
        self.kept_of.entry(owner.clone()).or_default().insert((at, nickname.key().into()));
        self.bound(&owner);
        self.forget_free(now);
    }

    /// Who changes nicknames all the time keeps the latest few from others, not all.
    fn bound(&mut self, owner: &str) {
        let own = self.kept_of.get(owner);
        if own.is_some_and(|own| own.len() > KEPT_OF_ONE)
            && let Some(oldest) = own.and_then(BTreeSet::first).cloned()
        {
            self.free(&oldest);
        }
        if self.kept.len() > KEPT
            && let Some(oldest) = self.kept.first().cloned()
        {
            self.free(&oldest);
        }
    }

    /// It is nobody's any more.
    fn free(&mut self, entry: &(Instant, Box<str>)) {
        if let Some(holding) = self.held.remove(&entry.1) {
            self.no_longer_kept(entry, &holding.owner);
        }
    }

    fn no_longer_kept(&mut self, entry: &(Instant, Box<str>), owner: &str) {
        self.kept.remove(entry);
        if let Some(own) = self.kept_of.get_mut(owner) {
            own.remove(entry);
            if own.is_empty() {
                self.kept_of.remove(owner);
            }
        }
    }

    fn forget_free(&mut self, now: Instant) {
        while self.kept.first().is_some_and(|(at, _)| *at <= now)
            && let Some(entry) = self.kept.first().cloned()
        {
            self.free(&entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// CHAT-89: for a while only the former holder may take it; and holding many costs others only the latest few.
    #[test]
    fn a_nickname_is_kept_for_who_had_it() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let (minute, mut nicknames) = (Duration::from_secs(60), Nicknames::default());
        let name = Nickname::new("Ally").expect("a nickname");
        nicknames.take(&name, "alice", SessionId(1));
        nicknames.take(&name, "alice", SessionId(2));
        nicknames.release(now, &name, SessionId(1), minute);
        assert!(!nicknames.is_free_for(now + minute, &name, "bob"), "her other session has it");
        nicknames.release(now, &name, SessionId(2), minute);
        assert!(!nicknames.is_free_for(now + minute / 2, &name, "bob"));
        assert!(nicknames.is_free_for(now + minute / 2, &name, "alice"));
        assert!(nicknames.is_free_for(now + minute, &name, "bob"));
        for n in 0..100 {
            let name = Nickname::new(&format!("n{n}")).expect("a nickname");
            nicknames.take(&name, "mallory", SessionId(3));
            nicknames.release(now, &name, SessionId(3), minute);
        }
        assert_eq!((nicknames.held.len(), nicknames.kept.len()), (KEPT_OF_ONE, KEPT_OF_ONE));
    }
}
