//! At a terminal no line waits for what another has asked for.

use std::net::UdpSocket;

use super::terminal::Terminal;
use super::*;

/// A phone that rings, and nobody takes the call.
fn phone() -> UdpSocket {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    phone
}

/// The next text, however it was typed.
async fn next_said(room: &mut Room) -> String {
    loop {
        match next(room).await {
            Event::Message(message) => break message.text().unwrap().into_owned(),
            Event::Composing { .. } => {}
            other => panic!("{other:?} instead of a message"),
        }
    }
}

/// RFC 4579 §5.5: while somebody is being called, lines go out; Ctrl-C drops the line, then the call; `/quit` waits for no call.
#[tokio::test(flavor = "multi_thread")]
async fn calls_hold_up_nothing() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    let mut bob = Terminal::chat(&server.room("lobby"), "bob");
    let phone = phone();
    let carol = format!("sip:carol@{}", phone.local_addr().unwrap());
    let call = |bob: &mut Terminal| {
        bob.types(format!("/invite {carol}\r"));
        bob.shows("calling sip:carol");
        assert!(phone.recv(&mut [0; 65_536]).unwrap() > 0);
    };
    call(&mut bob);
    bob.types("hello\r");
    assert_eq!(next_said(&mut alice).await, "hello");
    bob.shows("> ");
    bob.types("never mind\x03");
    bob.shows("never mind");
    bob.shows("> ");
    bob.types("\x03");
    bob.shows("no longer waiting for sip:carol");
    call(&mut bob);
    bob.types("bye\r/quit\r");
    assert_eq!(next_said(&mut alice).await, "bye");
    bob.ends();
}

/// A private message is being written to its recipient alone, and a command to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn whom_typing_is_told() {
    let server = Server::start("");
    let (mut alice, mut carol) = (server.join("alice").await, server.join("carol").await);
    let mut bob = Terminal::chat(&server.room("lobby"), "bob");
    for key in "/msg sip:alice@127.0.0.1 psst".chars() {
        bob.types(key.to_string());
    }
    match next(&mut alice).await {
        Event::Composing { who, private: true, active: true } => assert_eq!(who.uri, "sip:bob@127.0.0.1"),
        other => panic!("{other:?} instead of typing"),
    }
    alice.send_text("nobody types").await.unwrap();
    assert_eq!(next_message(&mut carol).await.text().unwrap(), "nobody types");
    bob.types("\r");
    assert!(matches!(next(&mut alice).await, Event::Composing { private: true, active: false, .. }));
    assert_eq!(next_message(&mut alice).await.text().unwrap(), "psst");
}

/// What a busy room says while somebody types fast freezes nothing, and all lines arrive in order.
#[tokio::test(flavor = "multi_thread")]
async fn typing_fast_in_a_busy_room() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    let sender = alice.sender();
    let mut bob = Terminal::chat(&server.room("lobby"), "bob");
    let flood = tokio::spawn(async move {
        for n in 0.. {
            if sender.send_text(&format!("flood {n}")).await.is_err() {
                return;
            }
        }
    });
    for n in 0..LINES {
        bob.types(format!("{n}\r"));
    }
    for n in 0..LINES {
        assert_eq!(next_said(&mut alice).await, n.to_string());
    }
    bob.types("/quit\r");
    bob.ends();
    flood.abort();
}

/// Keys of another encoding end nothing.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_no_text() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    let mut bob = Terminal::chat(&server.room("lobby"), "bob");
    bob.types(b"caf\xe9\r");
    // Another line begins.
    bob.shows("\x1b[?2004l");
    bob.shows("> ");
    bob.types("still here\r");
    assert_eq!(next_said(&mut alice).await, "still here");
}

const LINES: usize = 500;
