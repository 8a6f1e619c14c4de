//! Who may watch whom (EVT-72): the watched user's rule decides, and nobody is asked.

use parlor_room::{Hosts, Identity, UserList};
use std::collections::HashMap;

/// The rules of all users.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// That of users who have none of their own.
    pub default: Rule,
    /// Those of others.
    pub of_user: HashMap<Box<str>, Rule>,
}

/// Who may watch a user.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Those who may; without a list, all users of our domain.
    pub allow: Option<UserList>,
    /// Those who may not, even so.
    pub deny: UserList,
}

impl Rules {
    /// Whether somebody may watch a user. Everybody may watch oneself.
    pub(crate) fn let_watch(&self, user: &str, watcher: &Identity, hosts: &Hosts) -> bool {
        let local = hosts.local_user(&watcher.aor);
        local == Some(user) || self.of_user.get(user).unwrap_or(&self.default).lets(watcher, local.is_some())
    }
}

impl Rule {
    fn lets(&self, watcher: &Identity, is_local: bool) -> bool {
        let allowed = self.allow.as_ref().map_or(is_local, |list| list.has(watcher));
        allowed && !self.deny.has(watcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EVT-72: by default those of the domain; else those on the user's list, which may have everybody or nobody.
    #[test]
    fn lists_decide() {
        let hosts = Hosts::new("example.com", []);
        let list = |patterns: &[&str]| UserList::parse(patterns.iter().copied()).expect("patterns");
        let bob =
            Rule { allow: Some(list(&["sip:carol@example.net", "example.com"])), deny: list(&["sip:dan@example.com"]) };
        let nobody = Rule { allow: Some(list(&[])), deny: UserList::default() };
        let everybody = Rule { allow: Some(list(&["*"])), deny: UserList::default() };
        let of_user = [("bob", bob), ("eve", nobody), ("fay", everybody)];
        let rules = Rules {
            default: Rule::default(),
            of_user: of_user.into_iter().map(|(user, rule)| (user.into(), rule)).collect(),
        };
        let lets =
            |user: &str, watcher: &str| rules.let_watch(user, &Identity::of(watcher.parse().expect("a URI")), &hosts);
        for (user, watcher, expected) in [
            ("alice", "sip:dan@example.com", true),
            ("alice", "sip:carol@example.net", false),
            ("bob", "sip:carol@example.net", true),
            ("bob", "sip:alice@example.com", true),
            ("bob", "sip:dan@example.com", false),
            ("eve", "sip:alice@example.com", false),
            ("eve", "sip:eve@example.com", true),
            ("fay", "sip:carol@example.net", true),
        ] {
            assert_eq!(lets(user, watcher), expected, "{watcher} of {user}");
        }
    }
}
