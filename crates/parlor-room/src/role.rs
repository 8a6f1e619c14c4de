//! What somebody may do in a room.

use crate::Identity;
use parlor_sip::Uri;
use std::sync::Arc;

/// A participant's standing in one room, lowest first. Who may do something may also do what lower roles may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads; writes unless the room is moderated.
    Visitor,
    /// Takes part.
    #[default]
    Member,
    /// Keeps order.
    Moderator,
    /// May do everything.
    Owner,
}

impl Role {
    /// All roles, lowest first.
    pub const ALL: [Self; 4] = [Self::Visitor, Self::Member, Self::Moderator, Self::Owner];

    /// As the configuration and the roster spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }
}

/// What needs a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sending messages to the room.
    Speak,
    /// Setting the topic (CHAT-141).
    SetTopic,
    /// Having the focus invite somebody (RFC 4579 §5.5).
    Invite,
    /// Having the focus remove somebody (RFC 4579 §5.11).
    Remove,
}

/// A set of users, by patterns: a URI (`sip:alice@example.org`, `tel:+15551234`), all users of a host (`example.org`), or
/// everybody (`*`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserList(Arc<[Pattern]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Everybody,
    Host(Box<str>),
    User(Uri),
}

impl UserList {
    /// Reads patterns.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        patterns.into_iter().map(|text| Pattern::parse(text).ok_or(text)).collect::<Result<_, _>>().map(Self)
    }

    /// The list that has everybody in it.
    pub fn everybody() -> Self {
        Self(Arc::from([Pattern::Everybody]))
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The users that it names one by one.
    pub fn users(&self) -> impl Iterator<Item = &Uri> {
        self.0.iter().filter_map(|pattern| match pattern {
            Pattern::User(user) => Some(user),
            Pattern::Everybody | Pattern::Host(_) => None,
        })
    }

    /// Whether somebody is in it, under one of its URIs; of an anonymous participant it is the account that counts.
    pub fn has(&self, identity: &Identity) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Everybody => true,
            Pattern::Host(host) => {
                identity.own_uris().any(|uri| uri.host().is_some_and(|h| h.eq_ignore_ascii_case(host)))
            }
            Pattern::User(user) => identity.own_uris().any(|uri| uri.same_user_and_host(user)),
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let is_host =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        match text {
            "*" => Some(Self::Everybody),
            host if is_host(host) => Some(Self::Host(host.into())),
            user => {
                let uri: Uri = user.parse().ok()?;
                (uri.user().is_some() || uri.host().is_none()).then_some(Self::User(uri))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(uri: &str, alias: &str) -> Identity {
        let aliases = [alias.parse().expect("a URI")].into();
        Identity::of(uri.parse().expect("a URI")).with(None, aliases)
    }

    #[test]
    fn users_are_found_by_uri_host_or_at_all() {
        let alice = identity("sip:alice@Example.org", "tel:+15551234");
        for pattern in ["*", "example.org", "sip:alice@example.org", "tel:+15551234"] {
            assert!(UserList::parse([pattern]).expect("a pattern").has(&alice), "{pattern}");
        }
        for pattern in ["example.com", "sip:bob@example.org", "tel:+15550000"] {
            assert!(!UserList::parse([pattern]).expect("a pattern").has(&alice), "{pattern}");
        }
        assert_eq!(UserList::parse(["example.org", "a b"]).err(), Some("a b"));
        assert!(UserList::default().is_empty() && !UserList::default().has(&alice));
    }
}
