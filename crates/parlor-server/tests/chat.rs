//! The client library and `parlor chat` against the real server.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "chat/account.rs"]
mod account;
#[path = "chat/direct.rs"]
mod direct;
#[path = "chat/people.rs"]
mod people;
#[path = "chat/presence.rs"]
mod presence;
#[path = "chat/roster.rs"]
mod roster;
#[path = "chat/server.rs"]
mod server;
#[path = "chat/terminal.rs"]
mod terminal;
#[path = "chat/unhurried.rs"]
mod unhurried;

use std::io::{BufRead, BufReader, Read as _};
use std::sync::Arc;
use std::time::Duration;

use parlor_client::{Closed, Content, Event, JoinError, JoinOptions, Message, Room, SendError, Transport};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::timeout;

use server::{PATIENCE, Server, chat, chat_with, files};

/// The next event that is no news of who is in the room.
async fn next(room: &mut Room) -> Event {
    loop {
        match timeout(PATIENCE, room.next_event()).await.expect("an event in time").expect("an event before the end") {
            Event::Roster(_) => {}
            other => break other,
        }
    }
}

async fn next_message(room: &mut Room) -> Message {
    match next(room).await {
        Event::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

/// Octets that repeat nowhere near and hold what looks like MSRP.
fn random_octets(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut octets: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(count)
    .collect();
    for (at, trap) in
        [(0, &b"-------abc$\r\n"[..]), (count / 2, b"\r\nMSRP a786hjs2 SEND\r\n"), (count / 3, b"\0\r\r\n")]
    {
        octets[at..at + trap.len()].copy_from_slice(trap);
    }
    octets
}

/// What one says, the other two get, with name, address and text; the sender gets no copy.
#[tokio::test]
async fn three_chat() {
    let server = Server::start("");
    let (mut alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    let mut carol = server.join("carol").await;
    for (sender, text) in [(&alice, "Hi, I am Alice"), (&bob, "¡Hola! 👋"), (&carol, "x\r\n-------$\r\n")] {
        sender.send_text(text).await.unwrap();
    }
    for (listener, expected) in [
        (&mut alice, [("bob", "¡Hola! 👋"), ("carol", "x\r\n-------$\r\n")]),
        (&mut bob, [("alice", "Hi, I am Alice"), ("carol", "x\r\n-------$\r\n")]),
        (&mut carol, [("alice", "Hi, I am Alice"), ("bob", "¡Hola! 👋")]),
    ] {
        for (name, text) in expected {
            let message = next_message(listener).await;
            assert_eq!(message.header.from.display.as_deref(), Some(name));
            assert_eq!(message.header.from.uri, format!("sip:{name}@127.0.0.1"));
            assert_eq!(message.header.to.uri, server.room("lobby"));
            assert!(message.header.date_time.is_some());
            assert_eq!(message.text().unwrap(), text);
        }
    }
}

/// CHAT-47: a success REPORT that was asked for is waited for.
#[tokio::test]
async fn success_is_reported() {
    let server = Server::start("");
    let room = server.join("alice").await;
    let content = Content::new("text/plain").with_report();
    let delivery = room.sender().send(content, &random_octets(100_000)[..], |_| {}).await.unwrap();
    assert_eq!(delivery.octets, 100_000);
}

/// A file of 5 MiB of any octets comes byte for byte, in pieces, while its sender sees how far it is.
#[tokio::test]
async fn large_file_arrives_byte_for_byte() {
    let server = Server::start("");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Käse \"5\".bin");
    let octets = random_octets(5 * 1024 * 1024);
    std::fs::write(&path, &octets).unwrap();
    let sending = tokio::spawn(async move {
        let mut seen = Vec::new();
        let delivery = alice.send_file(&path, "application/octet-stream", |progress| seen.push(progress)).await;
        (delivery.unwrap(), seen, alice)
    });
    let id = match next(&mut bob).await {
        Event::Start { id, header, size } => {
            assert_eq!(header.file_name.as_deref(), Some("Käse \"5\".bin"));
            assert_eq!((&*header.content_type, size), ("application/octet-stream", Some(octets.len() as u64)));
            id
        }
        other => panic!("{other:?} instead of a start"),
    };
    let mut received = Vec::new();
    loop {
        match next(&mut bob).await {
            Event::Chunk { id: of, bytes } if of == id => received.extend_from_slice(&bytes),
            Event::End { id: of, complete: true } if of == id => break,
            other => panic!("{other:?} within the file"),
        }
    }
    assert!(received == octets, "{} octets differ", received.len());
    let (delivery, seen, _alice) = sending.await.unwrap();
    assert_eq!(delivery.octets, octets.len() as u64);
    assert!(seen.is_sorted_by_key(|progress| progress.sent));
    assert_eq!(seen.last().map(|progress| progress.sent), Some(octets.len() as u64));
}

/// A message whose sender stops waiting is ended for those who had begun to get it (CHAT-65), and the sender's session
/// goes on.
#[tokio::test]
async fn message_given_up_ends_for_all() {
    let server = Server::start("");
    let (alice, mut bob) = (server.join("alice").await, server.join("bob").await);
    let (mut writer, reader) = tokio::io::duplex(64 * 1024);
    let sender = alice.sender();
    let sending = tokio::spawn(async move { sender.send(Content::new("image/png"), reader, |_| {}).await });
    tokio::io::AsyncWriteExt::write_all(&mut writer, &random_octets(200_000)).await.unwrap();
    let Event::Start { id, size: None, .. } = next(&mut bob).await else { panic!("no start") };
    sending.abort();
    loop {
        match next(&mut bob).await {
            Event::Chunk { .. } => {}
            Event::End { id: of, complete: false } if of == id => break,
            other => panic!("{other:?} instead of an incomplete end"),
        }
    }
    alice.send_text("sorry").await.unwrap();
    assert_eq!(next_message(&mut bob).await.text().unwrap(), "sorry");
}

/// What the room refuses is told with its code, before it is sent if the room told its limits.
#[tokio::test]
async fn refusals_are_told() {
    let server = Server::start("[rooms]\nmax_message_bytes = \"10 KiB\"\naccept_wrapped_types = [\"text/plain\"]\n");
    let alice = server.join("alice").await;
    assert_eq!(alice.capabilities().max_size, Some(10 * 1024));
    let too_large = alice.send_text(&"x".repeat(20_000)).await;
    assert!(matches!(too_large, Err(SendError::TooLarge { max: 10_240 })), "{too_large:?}");
    let wrong_type = alice.sender().send(Content::new("image/png"), &b"png"[..], |_| {}).await;
    assert!(matches!(wrong_type, Err(SendError::Type(_))), "{wrong_type:?}");
    let unknown_size = alice.sender().send(Content::new("text/plain"), &[b'x'; 20_000][..], |_| {}).await;
    assert!(matches!(unknown_size, Err(SendError::Refused { code: 413 })), "{unknown_size:?}");
    let to_nobody = Content::new("text/plain").to(parlor_client::Address::new("sip:nobody@127.0.0.1"));
    let unknown = alice.sender().send(to_nobody, &b"psst"[..], |_| {}).await;
    assert!(matches!(unknown, Err(SendError::Refused { code: 403 | 404 })), "{unknown:?}");
    alice.send_text("still here").await.unwrap();
}

/// CHAT-11: a room that does not exist is 404.
#[tokio::test]
async fn unknown_room_is_404() {
    let server = Server::start("[rooms]\non_demand = false\n[[room]]\nname = \"lobby\"\n");
    let joined = Room::join(JoinOptions::new(&server.room("attic")).unwrap().name("alice")).await;
    assert!(matches!(&joined, Err(JoinError::Rejected(why)) if why.code == 404), "{joined:?}");
    let output = chat(&[&server.room("attic"), "--as", "alice"], "hi\n");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("404 Not Found") && told.contains("sip:attic@"), "{told}");
}

/// Leaving, and no longer holding the room, both end the session on the server.
#[tokio::test]
async fn server_sees_that_we_leave() {
    let server = Server::start("[[room]]\nname = \"lobby\"\nwelcome = \"Welcome!\\nBe kind.\"\ntopic = \"Tea\"\n");
    let mut alice = server.join("alice").await;
    match next(&mut alice).await {
        Event::Notice(message) => assert_eq!(message.text().unwrap(), "Welcome!\nBe kind."),
        other => panic!("{other:?} instead of a welcome"),
    }
    assert_eq!(alice.capabilities().topic.as_deref(), Some("Tea"));
    let bob = server.join("bob").await;
    server.await_metric("parlor_participants", 2.0);
    alice.leave().await.unwrap();
    server.await_metric("parlor_participants", 1.0);
    let sender = bob.sender();
    drop(bob);
    tokio::task::spawn_blocking(move || {
        server.await_metric("parlor_participants", 0.0);
        server.await_metric("parlor_msrp_sessions", 0.0);
    })
    .await
    .unwrap();
    let late = sender.send_text("anybody?").await;
    assert!(matches!(late, Err(SendError::Closed)), "{late:?}");
}

/// A server that goes down says BYE, which is told as the last event.
#[tokio::test]
async fn end_of_the_server_is_told() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    server.terminate();
    loop {
        match next(&mut alice).await {
            Event::Notice(_) => {}
            Event::Closed(why) => break assert_eq!(why, Closed::Removed),
            other => panic!("{other:?}"),
        }
    }
    assert!(alice.next_event().await.is_none());
    alice.leave().await.unwrap();
}

/// The same over UDP, and over TLS for SIP and MSRP with the server's certificate checked.
#[tokio::test]
async fn other_transports() {
    let server = Server::start("");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = Arc::new(tls.with_root_certificates(roots).with_no_client_auth());
    let over_tls = JoinOptions::new(&server.room_over_tls("lobby")).unwrap().name("alice");
    let untrusting = Room::join(over_tls.clone()).await;
    assert!(matches!(untrusting, Err(JoinError::NoTls)), "{untrusting:?}");
    let mut alice = Room::join(over_tls.tls(tls)).await.unwrap();
    let bob = JoinOptions::new(&server.room("lobby")).unwrap().transport(Transport::Udp);
    let bob = Room::join(bob.from("sip:bob@example.com".parse().unwrap()).display("Bob B.")).await.unwrap();
    bob.send_text("over UDP").await.unwrap();
    let message = next_message(&mut alice).await;
    assert_eq!(message.header.from.to_string(), "\"Bob B.\" <sip:bob@example.com>");
    alice.send_text(&"long ".repeat(4000)).await.unwrap();
    bob.leave().await.unwrap();
    alice.leave().await.unwrap();
    tokio::task::spawn_blocking(move || server.await_metric("parlor_participants", 0.0)).await.unwrap();
}

/// SIP goes over the transport that the URI names, and over no other.
#[test]
fn transport_of_the_uri() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let room = format!("sip:lobby@{};transport=", server.local_addr().unwrap());
    let over_udp = format!("{room}udp");
    let chatting = std::thread::spawn(move || chat(&[&over_udp, "--as", "alice"], ""));
    let mut datagram = [0; 4096];
    let (len, alice) = server.recv_from(&mut datagram).unwrap();
    let invite = String::from_utf8(datagram[..len].to_vec()).unwrap();
    assert!(invite.starts_with("INVITE ") && invite.contains("SIP/2.0/UDP "), "{invite}");
    let echoed = |name: &str| invite.lines().find(|line| line.starts_with(name)).unwrap();
    let [via, from, to, id, cseq] = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(echoed);
    let refusal = format!(
        "SIP/2.0 486 Busy Here\r\n{via}\r\n{from}\r\n{to};tag=1\r\n{id}\r\n{cseq}\r\nContent-Length: 0\r\n\r\n"
    );
    server.send_to(refusal.as_bytes(), alice).unwrap();
    assert_eq!(chatting.join().unwrap().status.code(), Some(1));
    let told = String::from_utf8(chat(&[&format!("{room}sctp")], "").stderr).unwrap();
    assert!(told.contains("transport"), "{told}");
}

/// What a server gives as its reason cannot drive a terminal.
#[test]
fn reasons_are_harmless() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let room = format!("sip:lobby@{};transport=udp", server.local_addr().unwrap());
    let chatting = std::thread::spawn(move || chat(&[&room, "--as", "alice"], ""));
    let mut datagram = [0; 4096];
    let (len, alice) = server.recv_from(&mut datagram).unwrap();
    let invite = String::from_utf8(datagram[..len].to_vec()).unwrap();
    let echoed = |name: &str| invite.lines().find(|line| line.starts_with(name)).unwrap();
    let [via, from, to, id, cseq] = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(echoed);
    let refusal = format!(
        "SIP/2.0 486 Busy \u{1b}[2J\u{9b}2J\u{202e}\r\n{via}\r\n{from}\r\n{to};tag=1\r\n{id}\r\n{cseq}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    server.send_to(refusal.as_bytes(), alice).unwrap();
    let told = String::from_utf8(chatting.join().unwrap().stderr).unwrap();
    assert!(told.contains("486"), "{told:?}");
    assert!(!told.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{told:?}");
}

/// Nobody listens, nobody answers, nobody of that name: one clear error each.
#[tokio::test]
async fn joining_fails_clearly() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Room::join(JoinOptions::new(&format!("sip:lobby@{closed}")).unwrap()).await;
    assert!(matches!(refused, Err(JoinError::Connect { .. })), "{refused:?}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = JoinOptions::new(&format!("sip:lobby@{}", silent.local_addr().unwrap())).unwrap();
    let unanswered = Room::join(options.timeout(Duration::from_millis(200))).await;
    assert!(matches!(unanswered, Err(JoinError::Timeout(_))), "{unanswered:?}");
    let unknown = Room::join(JoinOptions::new("sip:lobby@nowhere.invalid").unwrap()).await;
    assert!(matches!(unknown, Err(JoinError::Lookup { .. })), "{unknown:?}");
    for (uri, expected) in [(format!("sip:lobby@{closed}"), "refused"), ("lobby".to_owned(), "SIP URI")] {
        let output = chat(&[&uri], "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

/// A script chats: its lines are said in order and in full before it leaves, and it is told of what others say.
#[tokio::test]
async fn piped_chat() {
    let server = Server::start("[[room]]\nname = \"lobby\"\nwelcome = \"Hi there\"\n");
    let mut alice = server.join("alice").await;
    assert!(matches!(next(&mut alice).await, Event::Notice(_)));
    let uri = server.room("lobby");
    let output = tokio::task::spawn_blocking(move || chat(&[&uri, "--as", "bob"], "hi\n\n//me waves\n/quit\nno\n"));
    assert_eq!(next_message(&mut alice).await.text().unwrap(), "hi");
    let message = next_message(&mut alice).await;
    assert_eq!((&*message.text().unwrap(), message.header.from.display.as_deref()), ("/me waves", Some("bob")));
    let output = output.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    tokio::task::spawn_blocking(move || server.await_metric("parlor_participants", 1.0)).await.unwrap();
    drop(alice);
}

/// A file sent by one script is saved by another, small or large; what is shown cannot drive a terminal.
#[tokio::test]
async fn files_between_scripts() {
    let server = Server::start("");
    let directory = tempfile::tempdir().unwrap();
    let (small, large) = (directory.path().join("small.txt"), directory.path().join("large.png"));
    std::fs::write(&small, "small").unwrap();
    std::fs::write(&large, random_octets(300_000)).unwrap();
    let saved = directory.path().join("saved");
    let (uri, save) = (server.room("lobby"), saved.to_str().unwrap().to_owned());
    let mut listener = server::parlor();
    listener.args(["chat", &uri, "--as", "carol", "--save", &save]);
    listener.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut listener = listener.spawn().unwrap();
    let stdin = listener.stdin.take();
    let mut output = BufReader::new(listener.stdout.take().unwrap());
    let mut shown = String::new();
    read_to("you are in", &mut output, &mut shown);
    let input = format!("/send {}\n/send {}\n/send nowhere\nbye \u{1b}[31m\u{7}\n", small.display(), large.display());
    let sent = chat(&[&uri, "--as", "b\u{1b}ob"], &input);
    assert_eq!(sent.status.code(), Some(1), "one file does not exist: {sent:?}");
    read_to("bye", &mut output, &mut shown);
    drop(stdin);
    output.read_to_string(&mut shown).unwrap();
    listener.wait().unwrap();
    assert!(shown.contains("bye ␛[31m␇") && !shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
    assert!(shown.contains("sends \"large.png\", image/png, 292.97 KiB"), "{shown}");
    assert_eq!(files(&saved), ["large.png", "small.txt"], "{shown}");
    assert_eq!(std::fs::read(saved.join("small.txt")).unwrap(), b"small");
    assert!(std::fs::read(saved.join("large.png")).unwrap() == random_octets(300_000));
}

/// Reads on until this is shown.
fn read_to(wanted: &str, output: &mut impl BufRead, shown: &mut String) {
    while !shown.contains(wanted) {
        assert!(output.read_line(shown).unwrap() > 0, "it ended: {shown}");
    }
}

/// Who has a password is let in with it, over each transport, under the address of its account, and stays beyond refreshes
/// and a roster; who has none or a wrong one is told so.
#[tokio::test]
async fn passwords() {
    let server = Server::start("[auth]\nmode = \"digest\"\nfailures_per_address = 1000000");
    server.add_user("alice", "s3cret of alice");
    server.add_user("bob", "s3cret of bob");
    let options = || JoinOptions::new(&server.room("lobby")).unwrap();
    let joined = Room::join(options().name("alice")).await;
    assert!(matches!(joined, Err(JoinError::NoLogin)), "{joined:?}");
    let joined = Room::join(options().login("alice", "s3cret of bob")).await;
    assert!(matches!(joined, Err(JoinError::WrongLogin)), "{joined:?}");
    let until = std::time::Instant::now() + PATIENCE;
    let mut alice = loop {
        match Room::join(options().login("alice", "s3cret of alice").display("Alice")).await {
            Ok(room) => break room,
            Err(JoinError::WrongLogin) => assert!(std::time::Instant::now() < until, "alice is not known"),
            Err(other) => panic!("{other}"),
        }
    };
    for transport in [Transport::Tcp, Transport::Udp] {
        let bob = Room::join(options().transport(transport).login("bob", "s3cret of bob").name("Bob")).await.unwrap();
        bob.send_text("hello").await.unwrap();
        let message = next_message(&mut alice).await;
        assert_eq!((message.text().as_deref(), message.header.from.display.as_deref()), (Some("hello"), Some("Bob")));
        assert_eq!(message.header.from.uri, "sip:bob@127.0.0.1");
        bob.leave().await.unwrap();
    }
    alice.leave().await.unwrap();
}

/// `parlor chat --user` takes the password from the environment and shows it nowhere; without one it says what is missing.
#[test]
fn chat_with_a_password() {
    let server = Server::start("[auth]\nmode = \"digest\"\nfailures_per_address = 1000000");
    server.add_user("alice", "s3cret of alice");
    let room = server.room("lobby");
    let until = std::time::Instant::now() + PATIENCE;
    let right = [("PARLOR_PASSWORD", "s3cret of alice")];
    let output = loop {
        let output = chat_with(&right, &[&room, "--user", "alice"], "hi\n");
        if output.status.success() {
            break output;
        }
        assert!(std::time::Instant::now() < until, "{output:?}");
    };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains("as alice") && !shown.contains("s3cret"), "{shown}");
    for (environment, arguments, told) in [
        (&right[..], &[room.as_str(), "--as", "alice"][..], "write --user NAME"),
        (&[("PARLOR_PASSWORD", "guess")], &[&room, "--user", "alice"], "the user or the password is wrong"),
    ] {
        let output = chat_with(environment, arguments, "hi\n");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(told), "{error}");
    }
}
