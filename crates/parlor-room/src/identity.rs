//! Who somebody is.

use parlor_sip::Uri;

/// The address that callers without a name of their own use (RFC 3323 §4.1.1.3).
const ANONYMOUS: &str = "anonymous";
/// The host of pseudonyms (RFC 4575 §5.6).
pub(crate) const ANONYMOUS_HOST: &str = "anonymous.invalid";

/// Who somebody is, as the focus established it (CHAT-22).
#[derive(Clone, Debug)]
pub struct Identity {
    /// The address of record; of an anonymous participant the pseudonym, which the room chooses when it lets it in.
    pub aor: Uri,
    /// The display name that came with it.
    pub display: Option<Box<str>>,
    /// Further URIs that are this user's own: tel, im and other aliases.
    pub aliases: Box<[Uri]>,
    /// Who an anonymous participant is; nobody is told (CHAT-101).
    anonymous: Option<Box<Hidden>>,
    /// Whether that was proven, by a password or by a proxy that is trusted.
    proven: bool,
}

/// What is known of somebody who wants to be anonymous.
#[derive(Clone, Debug)]
struct Hidden {
    /// Its own URIs, if it was authenticated or gave one.
    uris: Box<[Uri]>,
    /// Whether a room has given it its pseudonym.
    named: bool,
}

impl Identity {
    /// A user by its address alone.
    pub fn of(aor: Uri) -> Self {
        Self { aor, display: None, aliases: Box::default(), anonymous: None, proven: false }
    }

    /// The same user with a display name and further URIs.
    pub fn with(self, display: Option<Box<str>>, aliases: Box<[Uri]>) -> Self {
        Self { display, aliases, ..self }
    }

    /// The same user, who has proven to be it.
    pub fn proven(self) -> Self {
        Self { proven: true, ..self }
    }

    /// Whether it has proven who it is.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// The same user under a pseudonym. `wanted` is the one it chose itself, if it did.
    ///
    /// # Panics
    /// Never: the address of anonymous callers is a URI.
    pub fn hidden(self, wanted: Option<Uri>) -> Self {
        let uris = std::iter::once(self.aor).chain(self.aliases).filter(|uri| !is_anonymous(uri)).collect();
        let aor = wanted.unwrap_or_else(nobody);
        let anonymous = Some(Box::new(Hidden { uris, named: false }));
        Self { aor, display: None, aliases: Box::default(), anonymous, proven: self.proven }
    }

    /// Whether others know it by a pseudonym only.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous.is_some()
    }

    /// From now on it goes by this pseudonym, also when it comes back from having given up its session.
    pub(crate) fn name(&mut self, pseudonym: Uri) {
        self.aor = pseudonym;
        if let Some(hidden) = &mut self.anonymous {
            hidden.named = true;
        }
    }

    /// Whether a room has given it its pseudonym.
    pub(crate) fn is_named(&self) -> bool {
        self.anonymous.as_ref().is_some_and(|hidden| hidden.named)
    }

    /// Whether nothing at all is known of who it is: no two callers of that kind are one user.
    pub fn is_nobody(&self) -> bool {
        self.anonymous.as_ref().is_some_and(|hidden| hidden.uris.is_empty())
    }

    /// Whether `uri` is one of this user's own in the room (CHAT-51: transport, port, parameters and display name do not
    /// count).
    pub fn owns(&self, uri: &Uri) -> bool {
        self.uris().any(|own| own.same_user_and_host(uri))
    }

    /// Whether it may send as `uri`: one of its own, or for who is anonymous the address that all such may use (CHAT-102).
    pub fn sends_as(&self, uri: &Uri) -> bool {
        self.owns(uri) || (self.is_anonymous() && uri.same_user_and_host(&nobody()))
    }

    /// The same for all spellings of the address of record, and for all sessions of one user; a user has another one while
    /// it is anonymous, so that nothing connects the two, and who has proven nothing is nobody else's device.
    pub fn key(&self) -> Box<str> {
        let known = match self.anonymous.as_ref().and_then(|hidden| hidden.uris.first()) {
            Some(account) => format!("anonymous {}", key_of(account)).into(),
            None => key_of(&self.aor),
        };
        self.if_proven(known)
    }

    /// The same for a user whether it is anonymous or not (CHAT-106): for what is counted, and shown to nobody. All who are
    /// nobody have one.
    pub fn account(&self) -> Box<str> {
        self.if_proven(self.own_uris().next().map_or_else(|| key_of(&nobody()), key_of))
    }

    fn if_proven(&self, known: Box<str>) -> Box<str> {
        if self.proven { format!("proven {known}").into() } else { known }
    }

    /// The URIs by which it is known in the room: the address of record and the aliases.
    pub fn uris(&self) -> impl Iterator<Item = &Uri> {
        std::iter::once(&self.aor).chain(&self.aliases)
    }

    /// The URIs by which rules know it; who is anonymous is known to them by what it hides.
    pub fn own_uris(&self) -> impl Iterator<Item = &Uri> {
        let hidden = self.anonymous.as_ref().map(|hidden| hidden.uris.iter());
        let open = self.anonymous.is_none().then(|| self.uris());
        open.into_iter().flatten().chain(hidden.into_iter().flatten())
    }
}

/// SIP-112: any host under `.invalid` is nobody's.
pub fn is_anonymous(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or("").to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

/// `sip:anonymous@anonymous.invalid`.
pub(crate) fn nobody() -> Uri {
    Uri::sip(Some(ANONYMOUS), ANONYMOUS_HOST, None).expect("a URI")
}

/// The same for all spellings of a URI that differ only in what does not tell users apart (CHAT-51).
pub(crate) fn key_of(uri: &Uri) -> Box<str> {
    uri.user_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("a URI")
    }

    /// CHAT-101, CHAT-102: who hides is nobody to others, and itself to rules.
    #[test]
    fn who_hides_is_known_by_its_pseudonym_alone() {
        let alice = Identity::of(uri("sip:alice@example.org")).with(Some("Alice".into()), Box::default());
        let hidden = alice.clone().hidden(None);
        assert!(hidden.is_anonymous() && hidden.display.is_none());
        assert!(!hidden.owns(&uri("sip:alice@example.org")) && !hidden.sends_as(&uri("sip:alice@example.org")));
        assert!(hidden.sends_as(&uri("sip:anonymous@anonymous.invalid")));
        assert!(!alice.sends_as(&uri("sip:anonymous@anonymous.invalid")));
        assert_ne!(hidden.key(), alice.key());
        assert_eq!(hidden.account(), alice.account());
        assert_ne!(hidden.account(), hidden.clone().proven().account());
        assert_eq!(hidden.own_uris().map(ToString::to_string).collect::<Vec<_>>(), ["sip:alice@example.org"]);
        let unknown = Identity::of(uri("sip:x@privacy.invalid")).hidden(Some(uri("sip:x@privacy.invalid")));
        assert_eq!(unknown.own_uris().count(), 0);
    }
}
