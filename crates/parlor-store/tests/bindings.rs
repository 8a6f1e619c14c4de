//! Bindings through the trait alone.
#![allow(clippy::unwrap_used)]

use parlor_store::{Binding, Change, Sqlite, Store};

fn binding(id: u64, expires: u64) -> Binding {
    Binding {
        id,
        user: "alice".to_owned(),
        contact: format!("<sip:alice@192.0.2.{id}>;q=0.5"),
        path: "<sip:edge.example.com;lr>".to_owned(),
        call_id: "c@192.0.2.1".to_owned(),
        cseq: u32::MAX,
        expires,
        flow: "udp 192.0.2.9:5060 192.0.2.1:5060".to_owned(),
    }
}

/// Bindings are there after the store is opened again, as they were changed last, and without those that are over.
#[test]
fn bindings_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parlor.db");
    let store = Sqlite::open(&file).unwrap();
    let changes = [(1, 5000), (2, 6000), (3, 7000), (4, 8000)];
    let changes = changes.map(|(id, expires)| Change::PutBinding(binding(id, expires)));
    store.change(changes.to_vec()).wait().unwrap();
    let moved = Binding { contact: "<sip:alice@192.0.2.99>".to_owned(), ..binding(2, 9000) };
    let changes = vec![Change::RemoveBinding(3), Change::PutBinding(moved.clone()), Change::RemoveBinding(77)];
    store.change(changes).wait().unwrap();
    drop(store);
    let store = Sqlite::open(&file).unwrap();
    assert_eq!(store.bindings(5000).wait().unwrap(), [moved.clone(), binding(4, 8000)]);
    assert_eq!(store.bindings(0).wait().unwrap(), [moved, binding(4, 8000)]);
}
