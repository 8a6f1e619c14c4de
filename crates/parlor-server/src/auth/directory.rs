//! All users, in memory, for those who must not wait for a disk.

use std::collections::{HashMap, HashSet};

use parlor_focus::Account;
use parlor_room::Hosts;
use parlor_sip::Uri;
use parlor_sip::digest::{Algorithm, Ha1};
use parlor_store::User;

use super::spelling;
use crate::config::Config;

/// The users of our domain.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    users: HashMap<Box<str>, Member>,
    /// Whose an address is, by its spelling.
    owners: HashMap<Box<str>, Box<str>>,
    /// All addresses without their schemes.
    taken: HashSet<Box<str>>,
}

#[derive(Debug)]
struct Member {
    account: Account,
    /// One for each algorithm.
    secrets: Vec<Ha1>,
}

impl Directory {
    /// Those of the domain; of a user whose password is of another realm nothing can be proven by it.
    pub(super) fn new(users: Vec<User>, domain: &str, realm: &str) -> Self {
        let mut directory = Self::default();
        for user in users.into_iter().filter(|user| user.domain.eq_ignore_ascii_case(domain)) {
            directory.add(user, realm);
        }
        directory
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// What the password of a user is checked against (SIP-123).
    pub(super) fn ha1(&self, name: &str, algorithm: Algorithm) -> Option<&Ha1> {
        self.users.get(name)?.secrets.iter().find(|ha1| ha1.algorithm() == algorithm)
    }

    /// Those of an earlier one who are no users any more.
    pub(super) fn missing_of(&self, earlier: &Self) -> Vec<Box<str>> {
        earlier.users.keys().filter(|name| !self.users.contains_key(*name)).cloned().collect()
    }

    /// The account of that name.
    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.users.get(name).map(|member| &member.account)
    }

    /// A room of the configuration that has a user's address: a name is a user's or a room's.
    pub(crate) fn room_of_user<'a>(&self, config: &'a Config) -> Option<&'a str> {
        let domain = config.domain.to_ascii_lowercase();
        let mut names = config.room.iter().map(|room| &*room.name);
        names.find(|name| self.owners.contains_key(&*format!("sip:{name}@{domain}")))
    }

    /// Whose address this is: under any of our hosts a user has the same.
    pub(super) fn owner(&self, uri: &Uri, hosts: &Hosts) -> Option<&Account> {
        let local = hosts.local_user(uri).filter(|_| uri.is_sip());
        let spelling = local.map_or_else(|| spelling(uri), |name| Some(format!("sip:{name}@{}", hosts.domain())));
        self.account(self.owners.get(&*spelling?)?)
    }

    /// Whether an address is a user's, or differs from one only in its scheme: who writes to either means the user.
    pub(super) fn has_taken(&self, uri: &Uri) -> bool {
        spelling(uri).is_some_and(|uri| self.taken.contains(without_scheme(&uri)))
    }

    fn add(&mut self, user: User, realm: &str) {
        let Ok(aor) = Uri::sip(Some(&user.name), &user.domain, None) else { return };
        let aliases: Vec<Uri> = user.addresses.iter().filter_map(|uri| uri.parse().ok()).collect();
        let name: Box<str> = user.name.into();
        self.taken.extend(user.addresses.iter().map(|uri| without_scheme(uri).into()));
        self.owners.extend(user.addresses.into_iter().map(|uri| (uri.into(), name.clone())));
        let aliases = aliases.into_iter().filter(|alias| !alias.same_user_and_host(&aor)).collect();
        let of_realm = user.realm == realm;
        let secrets = user.secrets.iter().filter(|_| of_realm);
        let secrets = secrets.filter_map(|secret| Ha1::from_hex(Algorithm::of(&secret.algorithm)?, &secret.ha1));
        self.users.insert(name, Member { account: Account { aor, aliases }, secrets: secrets.collect() });
    }
}

fn without_scheme(spelling: &str) -> &str {
    spelling.split_once(':').map_or(spelling, |(_, rest)| rest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::auth::new_user;
    use crate::config::Config;

    /// The users of a configuration; each has its name for password.
    pub(crate) fn directory(config: &Config, users: &[(&str, &[&str])]) -> Directory {
        let user = |(name, aliases): &(&str, &[&str])| {
            let aliases: Vec<_> = aliases.iter().map(|alias| (*alias).to_owned()).collect();
            new_user(config, name, &aliases, name).expect("a user")
        };
        Directory::new(users.iter().map(user).collect(), &config.domain, config.realm())
    }

    /// CHAT-22: a user is found by its name, by each of its addresses and at each of our hosts, and nobody else is.
    #[test]
    fn users_are_found_by_their_addresses() {
        let config = Config::parse("domain = \"example.com\"").expect("correct");
        let directory = directory(
            &config,
            &[("alice", &["tel:+1-555-1234", "sip:a@example.org", "sip:help@example.com"]), ("bob", &[])],
        );
        let hosts = Hosts::new("example.com", ["192.0.2.1".to_owned()]);
        let owner = |uri: &str| {
            let uri = uri.parse::<Uri>().expect("a URI");
            directory.owner(&uri, &hosts).map(|account| account.aor.to_string())
        };
        for own in [
            "sip:alice@example.com:5070;transport=tcp",
            "sips:alice@EXAMPLE.com",
            "sip:alice@192.0.2.1",
            "im:alice@example.com",
            "tel:+15551234",
            "sip:a@example.org",
            "sip:help@192.0.2.1",
        ] {
            assert_eq!(owner(own).as_deref(), Some("sip:alice@example.com"), "{own}");
        }
        for other in
            ["sip:carol@example.com", "sip:alice@example.org", "tel:+15551235", "sip:example.com", "mailto:a@b"]
        {
            assert_eq!(owner(other), None, "{other}");
        }
        assert!(directory.ha1("bob", Algorithm::Sha256).is_some() && directory.ha1("bob", Algorithm::Md5).is_none());
    }

    /// A user of another domain is nobody here, and a password of another realm proves nothing.
    #[test]
    fn other_domains_and_realms() {
        let config = Config::parse("domain = \"example.com\"").expect("correct");
        let alice = new_user(&config, "alice", &[], "x").expect("a user");
        assert_eq!(Directory::new(vec![alice.clone()], "example.org", "example.com").len(), 0);
        let directory = Directory::new(vec![alice], "example.com", "other");
        assert!(directory.account("alice").is_some() && directory.ha1("alice", Algorithm::Sha256).is_none());
    }
}
