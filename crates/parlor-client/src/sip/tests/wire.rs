//! A connection and its lines, over real sockets.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::sip::wire::{Incoming, Line, Pace, Wire};

const PATIENCE: Duration = Duration::from_secs(30);

async fn opened(pace: Pace) -> (Wire, TcpListener, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = [listener.local_addr().unwrap()];
    let wire = Wire::open_at_pace(Transport::Tcp, &address, None, Limits::default(), pace).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    (wire, listener, peer)
}

async fn next(line: &mut Line) -> Incoming {
    timeout(PATIENCE, line.receive()).await.expect("something in time")
}

/// Reads until that has come.
async fn read_to(peer: &mut TcpStream, wanted: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(wanted) {
        let count = timeout(PATIENCE, peer.read_buf(&mut read)).await.expect("octets in time").unwrap();
        assert!(count > 0, "it ended after {:?}", String::from_utf8_lossy(&read));
    }
}

fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{call_id}\r\nFrom: <sip:x@y>;tag=1\r\n\
         To: <sip:a@b>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

async fn call_id(line: &mut Line) -> String {
    match next(line).await {
        Incoming::Message(message) => message.headers().call_id().unwrap().to_owned(),
        other => panic!("{other:?} instead of a message"),
    }
}

/// What comes goes to the line whose number its Call-ID begins with, and what is nobody's to the first; keepalives are answered.
#[tokio::test]
async fn each_line_gets_its_own() {
    let (wire, _listener, mut peer) = opened(Pace::default()).await;
    let (mut first, mut second) = (wire.line().await, wire.line().await);
    let third = wire.line().await;
    assert_eq!((first.number(), second.number(), third.number()), (0, 1, 2));
    drop(third);
    for id in ["1-a", "0-b", "c", "9-d", "2-e", "-f"] {
        peer.write_all(options(id).as_bytes()).await.unwrap();
    }
    assert_eq!(call_id(&mut second).await, "1-a");
    for id in ["0-b", "c", "9-d", "2-e", "-f"] {
        assert_eq!(call_id(&mut first).await, id);
    }
    first.send(Bytes::from_static(b"one")).await;
    second.send(Bytes::from_static(b"two")).await;
    read_to(&mut peer, "onetwo").await;
    peer.write_all(b"\r\n\r\n").await.unwrap();
    read_to(&mut peer, "\r\n").await;
}

/// RFC 3261 §18.1.1: a lost connection is told to all, and opened again, which is told too, when one of them sends.
#[tokio::test]
async fn lost_and_opened_again() {
    let (wire, listener, peer) = opened(Pace::default()).await;
    let (mut first, mut second) = (wire.line().await, wire.line().await);
    drop(peer);
    assert!(matches!(next(&mut first).await, Incoming::Lost) && matches!(next(&mut second).await, Incoming::Lost));
    second.send(Bytes::from_static(b"here")).await;
    let (mut peer, from) = listener.accept().await.unwrap();
    read_to(&mut peer, "here").await;
    for line in [&mut first, &mut second] {
        let Incoming::Connected(flow) = next(line).await else { panic!("not connected") };
        assert_eq!((flow.local, flow.connection), (from, Some(ConnectionId(2))));
        assert_eq!(wire.line().await.flow(), flow);
    }
    let address = listener.local_addr().unwrap();
    drop((listener, peer));
    assert!(matches!(next(&mut first).await, Incoming::Lost));
    first.send(Bytes::from_static(b"nobody")).await;
    assert!(matches!(next(&mut first).await, Incoming::Lost), "nobody listens");
    let listener = TcpListener::bind(address).await.unwrap();
    let mut tries = 1;
    let (mut peer, _) = loop {
        first.send(Bytes::from_static(b"again")).await;
        tokio::select! {
            accepted = listener.accept() => break accepted.unwrap(),
            incoming = next(&mut first) => if matches!(incoming, Incoming::Lost) { tries += 1 },
        }
    };
    assert!(tries > 2, "not at once");
    read_to(&mut peer, "again").await;
}

/// RFC 5626 §4.4.1: where the peer answers keepalives, one that it does not answer is the end of the connection.
#[tokio::test]
async fn keepalives_are_answered_or_not() {
    let pace = Pace { interval: Duration::from_millis(20), patience: Duration::from_millis(20) };
    let (wire, _listener, mut peer) = opened(pace).await;
    let mut line = wire.line().await;
    for _ in 0..3 {
        read_to(&mut peer, "\r\n\r\n").await;
    }
    line.expect_answers().await;
    assert!(matches!(next(&mut line).await, Incoming::Lost));
}
