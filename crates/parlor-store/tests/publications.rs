//! Publications through the trait alone.
#![allow(clippy::unwrap_used)]

use parlor_store::{Change, Publication, Sqlite, Store, User};

fn publication(id: u64, tag: &str, expires: u64) -> Publication {
    Publication {
        id,
        user: "alice".to_owned(),
        tag: tag.to_owned(),
        source: "UDP 192.0.2.1:5060".to_owned(),
        document: vec![0, 255, b'<'],
        expires,
    }
}

/// Publications are there after the store is opened again, as they were changed last, and without those that are over or
/// whose user is removed.
#[test]
fn publications_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parlor.db");
    let store = Sqlite::open(&file).unwrap();
    let alice = User { name: "alice".into(), domain: "example.com".into(), ..User::default() };
    store.add_user(alice).wait().unwrap();
    let put = |id, tag, expires| Change::PutPublication(publication(id, tag, expires));
    let changes = vec![put(1, "a", 5000), put(2, "b", 6000), put(3, "c", 7000), put(4, "d", 8000)];
    store.change(changes).wait().unwrap();
    store.change(vec![Change::RemovePublication(3), put(2, "e", 9000), Change::RemovePublication(7)]).wait().unwrap();
    drop(store);
    let store = Sqlite::open(&file).unwrap();
    let all = [publication(2, "e", 9000), publication(4, "d", 8000)];
    assert_eq!(store.publications(5000).wait().unwrap(), all);
    assert_eq!(store.publications(0).wait().unwrap(), all);
    store.remove_user("alice", "example.com").wait().unwrap();
    assert_eq!(store.publications(0).wait().unwrap(), []);
}
