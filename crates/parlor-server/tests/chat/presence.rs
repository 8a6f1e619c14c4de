//! Whether people are there.

use parlor_client::{Account, AccountEvent, Presence, Uri};

use super::account;
use super::direct::Chat;

/// Changes are told at once.
const PRESENCE: &str = "[presence]\ninterval = \"100ms\"\n";

/// The next that is told of presence.
async fn next(account: &mut Account) -> (Uri, bool, Option<String>) {
    match account::next_event(account).await {
        AccountEvent::Presence { who, presence: Presence { open, note } } => (who, open, note),
        other => panic!("{other:?} instead of presence"),
    }
}

/// RFC 3856, RFC 3903: who is watched is shown as away, there once registered, with what it says, and away again when it leaves.
#[tokio::test]
async fn somebody_comes_and_goes() {
    let server = account::server_with(PRESENCE).await;
    let mut bob = account::open(&server, "bob").await;
    let alice = account::uri("alice");
    let is = |open, note: Option<&str>| (alice.clone(), open, note.map(str::to_owned));
    bob.messenger().watch(&alice).await.unwrap();
    assert_eq!(next(&mut bob).await, is(false, None));
    let of_alice = account::open(&server, "alice").await;
    assert_eq!(next(&mut bob).await, is(true, None));
    let say = |open, note: Option<&str>| Presence { open, note: note.map(str::to_owned) };
    of_alice.messenger().publish(say(true, Some("at <tea>"))).await.unwrap();
    assert_eq!(next(&mut bob).await, is(true, Some("at <tea>")));
    of_alice.messenger().publish(say(false, None)).await.unwrap();
    assert!(!next(&mut bob).await.1);
    of_alice.messenger().publish(say(true, None)).await.unwrap();
    assert_eq!(next(&mut bob).await, is(true, None));
    bob.messenger().unwatch(&alice).await;
    bob.messenger().watch(&alice).await.unwrap();
    assert_eq!(next(&mut bob).await, is(true, None), "told anew");
    of_alice.close().await;
    assert_eq!(next(&mut bob).await, is(false, None));
}

/// `--contact`, `/watch` and `/status`: comings and goings are lines.
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_presence() {
    let server = account::server_with(PRESENCE).await;
    let mut bob = Chat::of("bob", &[&server.uri(), "--contact", "alice"]);
    bob.shows("alice is offline");
    let mut alice = Chat::of("alice", &[&server.uri()]);
    bob.shows("alice is online");
    alice.says("/status away at tea");
    alice.shows("those who watch you know");
    bob.shows("alice is online: away: at tea");
    alice.says("/watch sip:bob@127.0.0.1");
    alice.shows("bob is online");
    bob.says("/watch");
    bob.shows("alice is online: away: at tea");
    assert!(alice.ends());
    bob.shows("alice is offline");
    bob.says("/unwatch alice");
    bob.shows("you watch alice no more");
    bob.says("/watch");
    bob.shows("you watch nobody");
    assert!(bob.ends());
}
