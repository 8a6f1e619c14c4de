//! People in a room: nicknames, inviting, removing.

use parlor_client::{JoinOptions, NicknameError, ReferError, Room, Uri};

use super::*;

fn uri(name: &str) -> Uri {
    format!("sip:{name}@127.0.0.1").parse().unwrap()
}

/// CHAT-83, CHAT-87, CHAT-88: one has a nickname, others do not get it in any spelling, and messages are in that name.
#[tokio::test]
async fn nicknames() {
    let server = Server::start("[rooms]\nnickname_quarantine = \"0s\"\n");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    alice.set_nickname(Some("Alice in W.")).await.unwrap();
    assert_eq!(bob.set_nickname(Some("ALICE  in w.")).await, Err(NicknameError::Taken));
    assert_eq!(bob.set_nickname(Some("admin")).await, Err(NicknameError::Taken));
    for malformed in ["", "x\u{7}", &"x".repeat(1024)] {
        assert_eq!(bob.set_nickname(Some(malformed)).await, Err(NicknameError::Malformed));
    }
    alice.send_text("hi").await.unwrap();
    assert_eq!(next_message(&mut bob).await.header.from.display.as_deref(), Some("Alice in W."));
    alice.set_nickname(None).await.unwrap();
    alice.send_text("hi").await.unwrap();
    assert_eq!(next_message(&mut bob).await.header.from.display.as_deref(), Some("alice"));
    bob.set_nickname(Some("alice in w.")).await.unwrap();
}

/// RFC 4579 §5.11: who may removes others, who may not does not.
#[tokio::test]
async fn removing() {
    let server = Server::start("[[room]]\nname = \"lobby\"\nmoderators = [\"sip:alice@127.0.0.1\"]\n");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    let refused = bob.remove(&uri("alice")).await;
    assert!(matches!(&refused, Err(ReferError::Refused(why)) if why.code == 403), "{refused:?}");
    let nobody = alice.remove(&uri("carol")).await;
    assert!(matches!(nobody, Err(ReferError::Refused(_) | ReferError::Failed { code: 404, .. })), "{nobody:?}");
    alice.remove(&uri("bob")).await.unwrap();
    assert!(matches!(next(&mut bob).await, Event::Closed(Closed::Removed)));
    alice.send_text("still here").await.unwrap();
}

/// RFC 4579 §5.5: the room calls; our client takes no calls, which is told.
#[tokio::test]
async fn inviting() {
    let server = Server::start("");
    let alice = server.join("alice").await;
    let _bob = Room::join(JoinOptions::new(&server.room("other")).unwrap().name("bob")).await.unwrap();
    let busy = alice.invite(&uri("bob")).await;
    assert!(matches!(busy, Err(ReferError::Failed { code: 486, .. })), "{busy:?}");
}

/// What a room refuses is told in sentences, and counts as not done.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_sentences() {
    let server = Server::start("[rooms]\nnicknames = false\n");
    let _alice = server.join("alice").await;
    let output = chat(&[&server.room("lobby"), "--as", "bob"], "/nick Bo\n/kick sip:alice@127.0.0.1\n/kick\n/topic\n");
    assert_eq!(output.status.code(), Some(1));
    let (told, shown) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert!(told.contains("you are not Bo: this room allows no nicknames"), "{told}");
    assert!(told.contains("sip:alice@127.0.0.1 stays: you may not remove anybody here"), "{told}");
    assert!(told.contains("it is written /kick USER") && told.contains("3 lines were not sent"), "{told}");
    assert!(shown.contains("no topic"), "{shown}");
}

/// RFC 3994 §3: the others see that we write until we have said it; they get no message of it.
#[tokio::test]
async fn typing() {
    let server = Server::start("");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    for text in ["one", "two"] {
        alice.typing(None);
        alice.typing(None);
        match next(&mut bob).await {
            Event::Composing { who, private: false, active: true } => assert_eq!(who.uri, "sip:alice@127.0.0.1"),
            other => panic!("{other:?} instead of typing"),
        }
        alice.send_text(text).await.unwrap();
        assert!(matches!(next(&mut bob).await, Event::Composing { active: false, .. }));
        assert_eq!(next_message(&mut bob).await.text().unwrap(), text);
    }
}
