//! Users as they are kept.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use parlor_sip::Uri;
use parlor_sip::digest::{Algorithm, Ha1};
use parlor_store::{Secret, User};

use super::spelling;
use crate::config::Config;

/// The file that holds what outlives a restart.
pub(crate) fn database(config: &Config) -> PathBuf {
    config.data_dir.join("parlor.db")
}

/// What passwords are hashed with, each once.
pub(super) fn algorithms(config: &Config) -> Box<[Algorithm]> {
    config.auth.algorithms.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is kept of a password: one hash for each algorithm (SIP-123).
pub(crate) fn secrets(config: &Config, name: &str, password: &str) -> Vec<Secret> {
    let secret = |algorithm: Algorithm| {
        let ha1 = Ha1::new(algorithm, name, config.realm(), password);
        Secret { algorithm: algorithm.name().to_owned(), ha1: ha1.hex().to_owned() }
    };
    algorithms(config).into_iter().map(secret).collect()
}

/// A user of the configured domain, who owns the `sip:` and `im:` address of that name and the aliases.
///
/// # Errors
/// When the name or an alias cannot be one.
pub(crate) fn new_user(config: &Config, name: &str, aliases: &[String], password: &str) -> Result<User> {
    if !is_user_name(name) {
        bail!("{name:?} is no name: it has 1 to 64 characters out of letters, digits and -_.~+");
    }
    let domain = config.domain.to_ascii_lowercase();
    let mut addresses = vec![format!("sip:{name}@{domain}"), format!("im:{name}@{domain}")];
    for alias in aliases {
        let address = alias.parse::<Uri>().ok().as_ref().and_then(spelling);
        match address {
            Some(address) if addresses.contains(&address) => {}
            Some(address) => addresses.push(address),
            None => bail!("{alias:?} is no address: write tel:+15551234, sip:name@host or im:name@host"),
        }
    }
    let of_room = |address: &String| {
        let name = address.strip_suffix(&format!("@{domain}")).and_then(|rest| Some(rest.split_once(':')?.1));
        name.is_some_and(|name| config.room.iter().any(|room| room.name == name))
    };
    if let Some(address) = addresses.iter().find(|address| of_room(address)) {
        bail!("{address} is the address of a room");
    }
    let secrets = secrets(config, name, password);
    Ok(User { name: name.to_owned(), domain, realm: config.realm().to_owned(), secrets, addresses })
}

/// As it may stand in a SIP URI without escapes, and in front of a colon in what is hashed.
fn is_user_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(name: &str, aliases: &[&str]) -> Result<User> {
        let aliases: Vec<_> = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        let config = "domain = \"Chat.Example.com\"\n[auth]\nalgorithms = [\"MD5\", \"SHA-256\", \"MD5\"]";
        new_user(&Config::parse(config).expect("correct"), name, &aliases, "s3cret")
    }

    /// SIP-123: what is kept is a hash for each algorithm, of name, realm and password, and one spelling of each address.
    #[test]
    fn a_user_is_kept_without_password() {
        let alice =
            add("alice", &["tel:+1-555-1234", "SIP:Alice@Example.org:5060", "im:alice@chat.example.com"]).unwrap();
        let addresses =
            ["sip:alice@chat.example.com", "im:alice@chat.example.com", "tel:+15551234", "sip:Alice@example.org"];
        assert_eq!(alice.addresses, addresses);
        let algorithms: Vec<_> = alice.secrets.iter().map(|secret| secret.algorithm.as_str()).collect();
        assert_eq!(algorithms, ["SHA-256", "MD5"]);
        let ha1 = Ha1::new(Algorithm::Md5, "alice", "Chat.Example.com", "s3cret");
        assert_eq!(alice.secrets[1].ha1, ha1.hex());
    }

    #[test]
    fn what_cannot_be_a_user_is_refused() {
        for name in ["", "a b", "a:b", "a@b", "é", "lobby", &"a".repeat(65)] {
            assert!(add(name, &[]).is_err(), "{name}");
        }
        for alias in ["", "bob", "mailto:a@b", "sip:example.com", "tel:", "sip:lobby@chat.example.com"] {
            assert!(add("bob", &[alias]).is_err(), "{alias}");
        }
    }
}
