//! Messages through the trait alone.
#![allow(clippy::unwrap_used)]

use parlor_store::{Amount, Change, Mailboxes, Message, Sqlite, Store, User};

fn message(id: u64, user: &str, expires: u64) -> Message {
    Message {
        id,
        user: user.to_owned(),
        key: format!("call{id}"),
        token: format!("t{id}"),
        from: "\"Alice\" <sip:alice@example.com>".to_owned(),
        to: format!("<sip:{user}@example.com>"),
        headers: "Content-Type: text/plain\r\n".to_owned(),
        body: vec![0, 255, 13, 10],
        received: 1000,
        expires,
    }
}

fn keep(store: &Sqlite, messages: &[Message]) -> Vec<u64> {
    store.change(messages.iter().cloned().map(Change::KeepMessage).collect()).wait().unwrap()
}

fn end(store: &Sqlite, id: u64, at: u64) {
    store.change(vec![Change::EndMessage { id, at }]).wait().unwrap();
}

fn first(store: &Sqlite, user: &str, after: u64, now: u64) -> Option<u64> {
    store.waiting(user, after, now).wait().unwrap().first.map(|message| message.id)
}

/// Messages come back as they were, in their order, by user, also after the store is opened again.
#[test]
fn messages_wait_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("parlor.db");
    let store = Sqlite::open(&file).unwrap();
    let all = [message(1, "bob", 9000), message(2, "carol", 9000), message(3, "bob", 9000)];
    assert_eq!(keep(&store, &all), [0; 0]);
    drop(store);
    let store = Sqlite::open(&file).unwrap();
    let amount = |messages| Amount { messages, octets: messages * 30 };
    let of_user = vec![("bob".to_owned(), amount(2)), ("carol".to_owned(), amount(1))];
    assert_eq!(store.mailboxes().wait().unwrap(), Mailboxes { last: 3, of_user });
    assert_eq!(store.waiting("bob", 0, 2000).wait().unwrap().first.as_ref(), Some(&all[0]));
    assert_eq!(first(&store, "bob", 1, 2000), Some(3));
    end(&store, 1, 2000);
    assert_eq!((first(&store, "bob", 0, 2000), first(&store, "bob", 3, 2000)), (Some(3), None));
    assert_eq!(first(&store, "nobody", 0, 2000), None);
}

/// What was kept is not kept again, also when it has ended meanwhile, until that is forgotten.
#[test]
fn what_comes_again_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("parlor.db")).unwrap();
    keep(&store, &[message(1, "bob", 9000)]);
    let again = Message { id: 2, ..message(1, "bob", 9000) };
    assert_eq!(keep(&store, &[again.clone(), message(3, "bob", 9000)]), [2]);
    end(&store, 1, 2000);
    assert_eq!(keep(&store, std::slice::from_ref(&again)), [2]);
    assert_eq!(store.sweep(3000, 2000).wait().unwrap(), []);
    assert_eq!(keep(&store, std::slice::from_ref(&again)), [2]);
    assert_eq!(store.sweep(3000, 2001).wait().unwrap(), []);
    assert_eq!(keep(&store, &[again]), [0; 0]);
}

/// What is no longer wanted is not given out, and told when it is removed.
#[test]
fn messages_expire() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("parlor.db")).unwrap();
    let all = [(1, "bob", 2000), (2, "bob", 5000), (3, "carol", 2000), (4, "carol", 3000)];
    keep(&store, &all.map(|(id, user, expires)| message(id, user, expires)));
    let waiting = store.waiting("bob", 0, 2000).wait().unwrap();
    assert_eq!(waiting.expired, Amount { messages: 1, octets: 30 });
    assert_eq!(waiting.first.unwrap().id, 2);
    assert_eq!(store.sweep(3000, 0).wait().unwrap(), [("carol".to_owned(), Amount { messages: 2, octets: 60 })]);
    assert_eq!(store.mailboxes().wait().unwrap().of_user.len(), 1);
}

/// What is kept for a user goes with it.
#[test]
fn messages_go_with_their_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("parlor.db")).unwrap();
    let bob = User { name: "bob".into(), domain: "example.com".into(), ..User::default() };
    store.add_user(bob).wait().unwrap();
    keep(&store, &[message(1, "bob", 9000), message(2, "carol", 9000)]);
    store.remove_user("bob", "example.com").wait().unwrap();
    assert_eq!(store.mailboxes().wait().unwrap().of_user.len(), 1);
    assert_eq!(first(&store, "bob", 0, 1000), None);
}
