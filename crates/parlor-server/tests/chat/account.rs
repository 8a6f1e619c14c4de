//! Accounts: people, one to one.

use std::time::Instant;

use parlor_client::{Account, AccountError, AccountEvent, AccountOptions, MessageError, Receipt, RegisterError, Uri};

use super::*;

/// A server with the users alice and bob, who are known.
pub(crate) async fn server() -> Server {
    server_with("").await
}

/// The same with further tables of configuration.
pub(crate) async fn server_with(tables: &str) -> Server {
    let server = Server::start(&format!("[auth]\nmode = \"digest\"\nfailures_per_address = 1000000\n{tables}"));
    for user in ["alice", "bob"] {
        server.add_user(user, &password(user));
        let until = Instant::now() + PATIENCE;
        loop {
            match Account::open(options(&server, user)).await {
                Ok(account) => break account.close().await,
                Err(AccountError::NotRegistered(RegisterError::WrongLogin)) => assert!(Instant::now() < until),
                Err(other) => panic!("{other}"),
            }
        }
    }
    server
}

pub(crate) fn password(user: &str) -> String {
    format!("s3cret of {user}")
}

fn options(server: &Server, user: &str) -> AccountOptions {
    AccountOptions::new(&server.uri(), user).unwrap().password(&password(user)).display(user)
}

pub(crate) async fn open(server: &Server, user: &str) -> Account {
    Account::open(options(server, user)).await.unwrap()
}

pub(crate) fn uri(user: &str) -> Uri {
    format!("sip:{user}@127.0.0.1").parse().unwrap()
}

pub(crate) async fn next_event(account: &mut Account) -> AccountEvent {
    timeout(PATIENCE, account.next_event()).await.expect("an event in time")
}

pub(crate) async fn next_text(account: &mut Account) -> (String, String) {
    match next_event(account).await {
        AccountEvent::Message(message) => (message.from.uri, message.text),
        other => panic!("{other:?} instead of a message"),
    }
}

pub(crate) fn said(user: &str, text: &str) -> (String, String) {
    (format!("sip:{user}@127.0.0.1"), text.to_owned())
}

/// RFC 3428 §10: two users who are registered write to each other, over a stream and over UDP; the devices of one all get it.
#[tokio::test]
async fn they_write_to_each_other() {
    let server = server().await;
    let mut alice = open(&server, "alice").await;
    let mut bob = Account::open(options(&server, "bob").transport(Transport::Udp)).await.unwrap();
    let mut laptop = open(&server, "bob").await;
    assert_eq!(alice.send_text(&uri("bob"), "Watson, come here. ¡👋").await, Ok(Receipt::Delivered));
    for device in [&mut bob, &mut laptop] {
        assert_eq!(next_text(device).await, said("alice", "Watson, come here. ¡👋"));
    }
    let to = uri("alice");
    let (one, two) = tokio::join!(bob.send_text(&to, "one"), bob.send_text(&to, "two"));
    assert_eq!((one, two), (Ok(Receipt::Delivered), Ok(Receipt::Delivered)));
    assert_eq!(next_text(&mut alice).await, said("bob", "one"));
    assert_eq!(next_text(&mut alice).await, said("bob", "two"));
    let too_large = bob.send_text(&uri("alice"), &"x".repeat(1300)).await;
    assert_eq!(too_large, Err(MessageError::TooLarge));
    assert_eq!(alice.send_text(&uri("bob"), &"x".repeat(1000)).await, Ok(Receipt::Delivered));
    let nobody = alice.send_text(&uri("nobody"), "anybody?").await;
    assert!(matches!(&nobody, Err(MessageError::Refused(why)) if why.code == 404), "{nobody:?}");
}

/// MSG-50: what was written while somebody was away comes when they are back, with the time at which it was written.
#[tokio::test]
async fn what_came_meanwhile() {
    let server = server().await;
    let alice = open(&server, "alice").await;
    assert_eq!(alice.send_text(&uri("bob"), "one").await, Ok(Receipt::Accepted));
    assert_eq!(alice.send_text(&uri("bob"), "two").await, Ok(Receipt::Accepted));
    let mut bob = open(&server, "bob").await;
    for expected in ["one", "two"] {
        match next_event(&mut bob).await {
            AccountEvent::Message(message) => {
                assert_eq!(message.text, expected);
                assert!(message.date.is_some());
            }
            other => panic!("{other:?} instead of a message"),
        }
    }
    bob.close().await;
    server.await_metric("parlor_registrations", 1.0);
    drop(alice);
    tokio::task::spawn_blocking(move || server.await_metric("parlor_registrations", 0.0)).await.unwrap();
}

/// RFC 3994: who writes is told until they have said it; who is away is told nothing of it later.
#[tokio::test(flavor = "multi_thread")]
async fn typing_is_told() {
    let server = server().await;
    let alice = open(&server, "alice").await;
    alice.messenger().typing(&uri("bob"));
    assert_eq!(alice.send_text(&uri("bob"), "are you there?").await, Ok(Receipt::Accepted));
    let mut bob = open(&server, "bob").await;
    assert_eq!(next_text(&mut bob).await, said("alice", "are you there?"));
    server.await_metric("parlor_kept_messages", 0.0);
    for text in ["one", "two"] {
        alice.messenger().typing(&uri("bob"));
        alice.messenger().typing(&uri("bob"));
        match next_event(&mut bob).await {
            AccountEvent::Composing { from, active: true, .. } => assert_eq!(from.uri, "sip:alice@127.0.0.1"),
            other => panic!("{other:?} instead of typing"),
        }
        assert_eq!(alice.send_text(&uri("bob"), text).await, Ok(Receipt::Delivered));
        assert!(matches!(next_event(&mut bob).await, AccountEvent::Composing { active: false, .. }));
        assert_eq!(next_text(&mut bob).await, said("alice", text));
    }
}

/// An account and rooms share one connection, and outlive each other.
#[tokio::test]
async fn rooms_over_the_same_connection() {
    let server = server().await;
    let mut alice = open(&server, "alice").await;
    let bob = open(&server, "bob").await;
    let room =
        |name: &str, user: &str| JoinOptions::new(&server.room(name)).unwrap().login(user, &password(user)).name(user);
    let mut lobby = alice.join(room("lobby", "alice")).await.unwrap();
    let attic = alice.join(room("attic", "alice")).await.unwrap();
    let of_bob = bob.join(room("lobby", "bob")).await.unwrap();
    server.await_metric("parlor_sip_connections", 2.0);
    of_bob.send_text("to the room").await.unwrap();
    assert_eq!(next_message(&mut lobby).await.text().unwrap(), "to the room");
    assert_eq!(bob.send_text(&uri("alice"), "to you").await, Ok(Receipt::Delivered));
    assert_eq!(next_text(&mut alice).await, said("bob", "to you"));
    attic.leave().await.unwrap();
    alice.close().await;
    of_bob.send_text("still here?").await.unwrap();
    assert_eq!(next_message(&mut lobby).await.text().unwrap(), "still here?");
    lobby.leave().await.unwrap();
    drop((bob, of_bob));
    tokio::task::spawn_blocking(move || server.await_metric("parlor_participants", 0.0)).await.unwrap();
}

/// Without a registration one writes but is not reached; wrong passwords and servers that are none are told as such.
#[tokio::test]
async fn accounts_that_are_not_opened() {
    let server = server().await;
    let guest = Account::open(options(&server, "alice").register(false)).await.unwrap();
    assert_eq!(server.metric("parlor_registrations"), Some(0.0));
    assert_eq!(guest.send_text(&uri("bob"), "hello").await, Ok(Receipt::Accepted));
    let wrong = Account::open(options(&server, "alice").password("guess")).await;
    assert!(matches!(wrong, Err(AccountError::NotRegistered(RegisterError::WrongLogin))), "{wrong:?}");
    let none = Account::open(AccountOptions::new(&server.uri(), "alice").unwrap()).await;
    assert!(matches!(none, Err(AccountError::NotRegistered(RegisterError::NoLogin))), "{none:?}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = Account::open(AccountOptions::new(&format!("sip:{closed}"), "alice").unwrap()).await;
    assert!(matches!(nowhere, Err(AccountError::Reach(_))), "{nowhere:?}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = AccountOptions::new(&format!("sip:{}", silent.local_addr().unwrap()), "alice").unwrap();
    let unanswered = Account::open(options.timeout(Duration::from_millis(200))).await;
    assert!(matches!(unanswered, Err(AccountError::Timeout(_))), "{unanswered:?}");
}
