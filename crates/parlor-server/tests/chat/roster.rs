//! Who is in a room and what it is about, as everybody sees it; and what one person is told alone.

use parlor_client::{JoinOptions, Roster, RosterChange, Uri};

use super::*;

fn uri(name: &str) -> Uri {
    format!("sip:{name}@127.0.0.1").parse().unwrap()
}

/// The next news of the roster.
async fn change(room: &mut Room) -> RosterChange {
    loop {
        let event = timeout(PATIENCE, room.next_event()).await.expect("an event in time").expect("an event");
        if let Event::Roster(change) = event {
            break *change;
        }
    }
}

/// Waits until the roster is so.
async fn until(room: &mut Room, wanted: impl Fn(&Roster) -> bool) {
    while !room.roster().is_some_and(|roster| wanted(&roster)) {
        change(room).await;
    }
}

/// The next message of somebody else than the room.
async fn said(room: &mut Room) -> Message {
    loop {
        match next(room).await {
            Event::Notice(_) => {}
            Event::Message(message) => break message,
            other => panic!("{other:?} instead of a message"),
        }
    }
}

fn names(roster: &Roster) -> Vec<&str> {
    let mut names: Vec<_> = roster.participants.iter().map(|one| one.name()).collect();
    names.sort_unstable();
    names
}

/// EVT-32, CHAT-91, CHAT-111: who comes, takes a nickname and goes is told; devices of one user are one participant.
/// Whether the room tells everything each time or what has changed (EVT-44), what is known in the end is the same.
#[tokio::test]
async fn roster() {
    for whole_up_to in [0, 64] {
        follow(&format!("[roster]\nwhole_up_to = {whole_up_to}\ninterval = \"100ms\"\n")).await;
    }
}

async fn follow(config: &str) {
    let server = Server::start(config);
    let mut alice = server.join("alice").await;
    let first = change(&mut alice).await;
    assert!(first.first && first.joined.len() == 1 && first.joined[0].uri == "sip:alice@127.0.0.1", "{first:?}");
    let bob = server.join("bob").await;
    until(&mut alice, |roster| names(roster) == ["alice", "bob"]).await;
    bob.set_nickname(Some("Bo")).await.unwrap();
    until(&mut alice, |roster| names(roster) == ["Bo", "alice"]).await;
    let bobs_phone = server.join("bob").await;
    until(&mut alice, |roster| roster.participant("sip:bob@127.0.0.1").is_some_and(|bob| bob.devices == 2)).await;
    bob.leave().await.unwrap();
    bobs_phone.leave().await.unwrap();
    until(&mut alice, |roster| names(roster) == ["alice"]).await;
    let told = JoinOptions::new(&server.room("lobby")).unwrap().name("carol").follow_roster(false);
    let carol = Room::join(told).await.unwrap();
    until(&mut alice, |roster| roster.participants.len() == 2).await;
    assert!(carol.roster().is_none());
}

/// CHAT-141 (c), CHAT-140: who has the right sets the topic by a Subject, and everybody is told; from others it is a
/// message.
#[tokio::test]
async fn topic() {
    let server = Server::start("[[room]]\nname = \"lobby\"\ntopic = \"Tea\"\nmoderators = [\"sip:alice@127.0.0.1\"]\n");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    assert_eq!(bob.topic().as_deref(), Some("Tea"));
    until(&mut bob, |roster| roster.topic.as_deref() == Some("Tea")).await;
    assert!(alice.set_topic("Käse").await.unwrap());
    until(&mut bob, |roster| roster.topic.as_deref() == Some("Käse")).await;
    assert_eq!(bob.topic().as_deref(), Some("Käse"));
    assert_eq!(server.join("carol").await.topic().as_deref(), Some("Käse"));
    assert!(alice.set_topic("").await.unwrap());
    until(&mut bob, |roster| roster.topic.is_none()).await;
    let mut carol = server.join("carol").await;
    tokio::select! {
        set = bob.set_topic("mine") => assert!(!set.unwrap()),
        message = said(&mut carol) => assert_eq!(message.text().unwrap(), "mine"),
    }
    assert_eq!(alice.topic(), None);
}

/// CHAT-50, CHAT-52, CHAT-39: to every device of one person and to nobody else; nobody of that name is 404.
#[tokio::test]
async fn private_messages() {
    let server = Server::start("");
    let (alice, mut carol) = (server.join("alice").await, server.join("carol").await);
    let mut bobs = [server.join("bob").await, server.join("bob").await];
    alice.send_private(&uri("bob"), "psst").await.unwrap();
    alice.typing(Some(&uri("bob")));
    for bob in &mut bobs {
        let message = next_message(bob).await;
        assert!(message.header.private && message.text().unwrap() == "psst");
        assert!(matches!(next(bob).await, Event::Composing { private: true, active: true, .. }));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret.bin");
    let octets = random_octets(200_000);
    std::fs::write(&path, &octets).unwrap();
    alice.sender().send_private_file(&uri("bob"), &path, "image/png", |_| {}).await.unwrap();
    for bob in &mut bobs {
        assert!(matches!(next(bob).await, Event::Composing { active: false, .. }));
        assert!(matches!(next(bob).await, Event::Start { header, .. } if header.private));
    }
    let nobody = alice.send_private(&uri("dave"), "psst").await;
    assert!(matches!(nobody, Err(SendError::Refused { code: 404 })), "{nobody:?}");
    alice.send_text("aloud").await.unwrap();
    let message = next_message(&mut carol).await;
    assert!(!message.header.private && message.text().unwrap() == "aloud", "{message:?}");
}

/// CHAT-37: a room that takes no private messages says so, before and when one is sent.
#[tokio::test]
async fn private_messages_that_are_not_taken() {
    let server = Server::start("[[room]]\nname = \"lobby\"\nprivate_messages = false\n");
    let (alice, _bob) = (server.join("alice").await, server.join("bob").await);
    assert!(!alice.capabilities().private_messages);
    let refused = alice.send_private(&uri("bob"), "psst").await;
    assert!(matches!(refused, Err(SendError::Refused { code: 403 })), "{refused:?}");
}

/// `/who`, `/msg` and `/nick` of a script.
#[tokio::test(flavor = "multi_thread")]
async fn commands() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    alice.set_nickname(Some("Al in W")).await.unwrap();
    let room = server.room("lobby");
    let mut bob = server::parlor();
    bob.args(["chat", &room, "--as", "bob"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut bob = bob.spawn().unwrap();
    let mut keys = bob.stdin.take().unwrap();
    let mut output = BufReader::new(bob.stdout.take().unwrap());
    let mut shown = String::new();
    read_to("here: ", &mut output, &mut shown);
    std::io::Write::write_all(&mut keys, b"/nick Bo\n/msg \"al in w\" psst\n/who\n").unwrap();
    let message = next_message(&mut alice).await;
    assert!(message.header.private && message.header.from.display.as_deref() == Some("Bo"), "{message:?}");
    read_to("<sip:bob@127.0.0.1>  (member, you)", &mut output, &mut shown);
    assert!(shown.contains("    Al in W  <sip:alice@127.0.0.1>  (member)"), "{shown}");
    alice.send_private(&uri("bob"), "what?").await.unwrap();
    read_to("what?", &mut output, &mut shown);
    assert!(shown.contains("Al in W (to you alone): what?"), "{shown}");
    drop(keys);
    assert!(bob.wait().unwrap().success());
}
