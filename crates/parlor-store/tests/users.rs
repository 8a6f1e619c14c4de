//! Users in a store, as the server and `parlor user` see them.

#![allow(clippy::unwrap_used)]

use parlor_store::{Secret, Sqlite, Store, StoreError, User};

fn user(name: &str, addresses: &[&str]) -> User {
    User {
        name: name.to_owned(),
        domain: "example.com".to_owned(),
        realm: "example.com".to_owned(),
        secrets: vec![secret("SHA-256", name)],
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
    }
}

fn secret(algorithm: &str, ha1: &str) -> Secret {
    Secret { algorithm: algorithm.to_owned(), ha1: ha1.to_owned() }
}

fn all(store: &Sqlite) -> Vec<User> {
    store.users(None).wait().unwrap().unwrap().users
}

/// A user is what was added, with other secrets once they are set, and gone with all its addresses when removed.
#[test]
fn users_come_change_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("parlor.db")).unwrap();
    let alice = user("alice", &["sip:alice@example.com", "tel:+15551234"]);
    store.add_user(alice.clone()).wait().unwrap();
    assert_eq!(all(&store), std::slice::from_ref(&alice));
    let secrets = vec![secret("MD5", "1"), secret("SHA-256", "2")];
    store.set_secrets("alice", "example.com", "other.example.com", secrets.clone()).wait().unwrap();
    assert_eq!(all(&store), [User { realm: "other.example.com".to_owned(), secrets, ..alice.clone() }]);
    store.remove_user("alice", "example.com").wait().unwrap();
    assert!(all(&store).is_empty());
    store.add_user(alice.clone()).wait().unwrap();
    assert_eq!(all(&store), [alice], "nothing of the old one is in the way");
}

/// No two users share an address or a name, and what is refused leaves nothing behind.
#[test]
fn addresses_belong_to_one_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("parlor.db")).unwrap();
    store.add_user(user("alice", &["sip:alice@example.com", "tel:+15551234"])).wait().unwrap();
    let taken = store.add_user(user("bob", &["sip:bob@example.com", "tel:+15551234"])).wait().unwrap_err();
    assert!(matches!(&taken, StoreError::AddressTaken(uri) if uri == "tel:+15551234"), "{taken}");
    let exists = store.add_user(user("alice", &[])).wait().unwrap_err();
    assert!(matches!(exists, StoreError::UserExists(_)), "{exists}");
    assert_eq!(all(&store).len(), 1);
    for missing in [
        store.remove_user("bob", "example.com").wait(),
        store.remove_user("alice", "example.org").wait(),
        store.set_secrets("bob", "example.com", "example.com", vec![]).wait(),
    ] {
        assert!(matches!(missing, Err(StoreError::NoUser(_))), "{missing:?}");
    }
}

/// Whoever has seen all users is told only when something has changed, also by another process.
#[test]
fn a_change_is_seen_by_others() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parlor.db");
    let (server, command) = (Sqlite::open(&file).unwrap(), Sqlite::open(&file).unwrap());
    let seen = server.users(None).wait().unwrap().unwrap().revision;
    assert_eq!(server.users(Some(seen)).wait().unwrap(), None);
    command.add_user(user("alice", &[])).wait().unwrap();
    let now = server.users(Some(seen)).wait().unwrap().unwrap();
    assert_eq!(now.users.len(), 1);
    command.remove_user("bob", "example.com").wait().unwrap_err();
    assert_eq!(server.users(Some(now.revision)).wait().unwrap(), None, "a failure changes nothing");
}

/// Both may write at the same time.
#[test]
fn several_processes_write_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parlor.db");
    let stores = [Sqlite::open(&file).unwrap(), Sqlite::open(&file).unwrap()];
    let added = (0..50).map(|number| stores[number % 2].add_user(user(&format!("user{number}"), &[])));
    for added in added.collect::<Vec<_>>() {
        added.wait().unwrap();
    }
    assert_eq!(all(&stores[0]).len(), 50);
}
