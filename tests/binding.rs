//! Which connection speaks for which session.

use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::{Joined, Participant};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::{eventually, unique};
use std::net::TcpListener;
use std::time::Duration;

/// MSRP-91: one connection carries two sessions, of one room or of two, and each gets its own copies.
#[test]
fn two_sessions_on_one_connection() {
    let server = Server::plain();
    let mut first = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| offer);
    let second = Joined::invite(&server, SipUser::tcp(&server, "bob"), "lobby", |offer| offer);
    let (bob_path, bob_session, bob_uri) = (second.path.clone(), second.session.clone(), second.user.uri());
    let connection = first.connection(&server);
    let mut alice = first.bind(connection);
    let bind = Send::empty(&bob_session, &bob_path);
    assert_eq!(alice.ask(&bind), 200);
    let mut carol = Participant::join(&server, "carol");
    carol.say("to both");
    let copies = [alice.msrp.next_send(), alice.msrp.next_send()];
    let mut paths = copies.each_ref().map(|copy| copy.header("To-Path").to_owned());
    let mut wanted = [alice.path.clone(), bob_path.clone()];
    paths.sort();
    wanted.sort();
    assert_eq!(paths, wanted);
    assert_ne!(copies[0].tid, copies[1].tid, "MSRP-9");
    alice.say("from alice");
    assert_eq!(alice.msrp.next_send().header("To-Path"), bob_path);
    carol.hears("from alice");
    let body = crate::support::cpim::text(&bob_uri, &alice.room, "from bob");
    let send = Send::whole(&bob_session, &bob_path, &body);
    assert_eq!(alice.ask(&send), 200);
    alice.hears("from bob");
    carol.hears("from bob");
    // CHAT-32: the session says who speaks, not the connection.
    let send = Send::whole(&alice.session, &alice.path, &body);
    assert_eq!(alice.ask(&send), 403);
    server.shows("parlor_msrp_connections", 2.0);
    server.shows("parlor_msrp_sessions", 3.0);
}

/// A connection carries so many sessions and no more: the next gets 506, and its place on a connection of its own or, once
/// another has left, on this one.
#[test]
fn too_many_sessions_on_one_connection() {
    let server = Setup::default().set("limits.sessions_per_connection", "2").start();
    let mut alice = Participant::join(&server, "alice");
    let invite = |name| Joined::invite(&server, SipUser::tcp(&server, name), "lobby", |offer| offer);
    let (mut bob, mut carol, dave) = (invite("bob"), invite("carol"), invite("dave"));
    let ask = |alice: &mut Participant, joined: &Joined| alice.ask(&Send::empty(&joined.session, &joined.path));
    assert_eq!([ask(&mut alice, &bob), ask(&mut alice, &carol)], [200, 506]);
    let own = carol.connection(&server);
    let mut carol = carol.bind(own);
    alice.say("one connection for two");
    carol.hears("one connection for two");
    let bye = bob.call.request("BYE", "", "");
    bob.user.send(bye);
    bob.user.expect(200);
    assert_eq!(ask(&mut alice, &dave), 200);
}

/// MSRP-93: a session that nobody has gets 481, and so does one that is somebody else's and not bound yet.
#[test]
fn guessed_session() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let uri = format!("msrp://{}/{};tcp", server.msrp, unique("guess"));
    let guess = Send::empty(&uri, &alice.path);
    assert_eq!(alice.ask(&guess), 481);
    let bob = Joined::invite(&server, SipUser::tcp(&server, "bob"), "lobby", |offer| offer);
    let wrong = Send::empty(&bob.session, &alice.path);
    assert_eq!(alice.ask(&wrong), 481, "MSRP-95: the From-Path is not the one that was offered");
    // MSRP-82: other spellings of the same id are other ids.
    let (host, id) = alice.session.strip_suffix(";tcp").and_then(|uri| uri.rsplit_once('/')).unwrap();
    let swapped = format!("{host}/{};tcp", swap_case(id));
    let other = Send::empty(&swapped, &alice.path);
    assert_eq!(alice.ask(&other), 481);
    alice.say("still bound");
}

/// MSRP-93: a session that is bound gets 506 on another connection, and stays where it is.
#[test]
fn second_connection() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut thief = MsrpPeer::connect(server.msrp);
    let bind = Send::empty(&alice.session, &alice.path);
    thief.write(bind.bytes());
    assert_eq!(thief.response(&bind.tid), 506);
    bob.say("to alice");
    alice.hears("to alice");
    let body = alice.saying("stolen voice");
    bob.msrp.write(body.bytes());
    assert_eq!(bob.msrp.response(&body.tid), 506);
    alice.say("my own voice");
    bob.hears("my own voice");
}

/// MSRP-93, §4: neither 481 nor 506 is told to who wants no answers.
#[test]
fn refused_in_silence() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let uri = format!("msrp://{}/{};tcp", server.msrp, unique("guess"));
    let guess = Send::empty(&uri, &alice.path).header("Failure-Report: no");
    alice.msrp.write(guess.bytes());
    let next = alice.saying("next");
    alice.msrp.write(next.bytes());
    assert_eq!(alice.msrp.receive().tid, next.tid);
}

/// CHAT-150: after BYE the session is gone: 481.
#[test]
fn session_after_bye() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let bye = alice.call.request("BYE", "", "");
    alice.user.send(bye);
    alice.user.expect(200);
    server.shows("parlor_participants", 0.0);
    let mut again = MsrpPeer::connect(server.msrp);
    let send = alice.saying("one more thing");
    again.write(send.bytes());
    assert_eq!(again.response(&send.tid), 481);
}

/// MSRP-98b, MSRP-98: a session that nobody binds ends with BYE, a connection that binds none is closed.
#[test]
fn never_bound() {
    let server = Setup::default().set("msrp.bind_timeout", "\"1s\"").start();
    let mut idle = MsrpPeer::connect(server.msrp);
    let mut joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| offer);
    let bye = joined.user.expect_request("BYE");
    joined.user.answer(&bye);
    idle.expect_closed();
    server.shows("parlor_participants", 0.0);
    server.shows("parlor_msrp_connections", 0.0);
    assert!(server.metrics().value("parlor_msrp_bind_timeouts_total") >= 1.0);
}

/// MSRP-98b, MSRP-59: a participant that we connect to is bound once it has answered our SEND. Until then its time runs, also
/// if it takes the connection or sends something itself; and it does again when it moves to where nobody answers.
#[test]
fn never_answered() {
    let server = Setup::default().set("msrp.bind_timeout", "\"1s\"").start();
    let mut prompt = Waiting::invite(&server);
    let mut bound = prompt.accepted();
    bound.answer_next(200);
    let mut silent = Waiting::invite(&server);
    let _silence = silent.accepted();
    silent.expect_bye();
    let mut sender = Waiting::invite(&server);
    let mut connection = sender.accepted();
    let first = connection.receive();
    let own = Send::empty(first.header("From-Path"), first.header("To-Path"));
    connection.write(own.bytes());
    assert_eq!(connection.response(&own.tid), 200);
    sender.expect_bye();
    server.shows("parlor_msrp_bind_timeouts_total", 2.0);
    let mut mover = Waiting::invite(&server);
    let mut connection = mover.accepted();
    connection.answer_next(200);
    let moved = mover.call.invite("", &mover.moved_offer());
    mover.user.send(moved);
    mover.user.expect(200);
    let ack = mover.call.ack("");
    mover.user.send(ack);
    let _second = mover.accepted();
    mover.expect_bye();
    server.shows("parlor_msrp_bind_timeouts_total", 3.0);
    server.shows("parlor_participants", 1.0);
    let bye = prompt.call.request("BYE", "", "");
    prompt.user.send(bye);
    prompt.user.expect(200);
}

/// MSRP-154: whatever is answered to the SEND that binds, only 200 binds: the session ends.
#[test]
fn binding_refused() {
    let server = Server::plain();
    for code in [400, 403, 408, 413, 423, 481, 501, 506] {
        let mut alice = Waiting::invite(&server);
        alice.accepted().answer_next(code);
        alice.expect_bye();
    }
    server.shows("parlor_sessions_closed_total{reason=\"lost\"}", 8.0);
    server.shows("parlor_participants", 0.0);
}

/// Somebody who has joined and waits for us to connect.
struct Waiting {
    user: SipUser,
    call: Call,
    listener: TcpListener,
}

impl Waiting {
    fn invite(server: &Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let user = SipUser::tcp(server, "alice");
        let call = Call::new(&user, &server.room("lobby"));
        let mut waiting = Self { user, call, listener };
        let invite = waiting.call.invite("", &waiting.moved_offer());
        waiting.user.send(invite);
        let answer = waiting.user.expect(200);
        waiting.call.established(&answer);
        let ack = waiting.call.ack("");
        waiting.user.send(ack);
        waiting
    }

    /// An offer with a path of its own each time.
    fn moved_offer(&self) -> String {
        let path = format!("msrp://{}/{};tcp", self.listener.local_addr().unwrap(), unique("s"));
        offer(&path).replace("a=setup:actpass", "a=setup:passive")
    }

    fn accepted(&self) -> MsrpPeer {
        MsrpPeer::accepted(&self.listener)
    }

    fn expect_bye(&mut self) {
        let bye = self.user.expect_request("BYE");
        self.user.answer(&bye);
    }
}

/// MSRP-101: requests that bind nothing, each answered, do not keep a connection: its time counts from when it came.
#[test]
fn requests_for_nobody_keep_no_connection() {
    let server = Setup::default().set("msrp.bind_timeout", "\"1s\"").start();
    let mut stranger = MsrpPeer::connect(server.msrp);
    let uri = format!("msrp://{}/{};tcp", server.msrp, unique("guess"));
    eventually("the stranger is closed", || {
        let guess = Send::empty(&uri, "msrp://127.0.0.1:2/me;tcp");
        let _ = stranger.wire.try_write(&guess.bytes());
        if let Some(answer) = stranger.receive_within(Duration::from_millis(200)) {
            assert_eq!(answer.code, 481);
        }
        stranger.wire.ended().then_some(())
    });
    server.shows("parlor_msrp_connections", 0.0);
    server.shows("parlor_msrp_bind_timeouts_total", 1.0);
}

/// MSRP-98: the same once the last session has ended.
#[test]
fn requests_for_nobody_keep_no_connection_after_bye() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let bye = alice.call.request("BYE", "", "");
    alice.user.send(bye);
    alice.user.expect(200);
    eventually("the connection is closed", || {
        let late = alice.saying("one more thing");
        let _ = alice.msrp.wire.try_write(&late.bytes());
        if let Some(answer) = alice.msrp.receive_within(Duration::from_millis(200)) {
            assert_eq!(answer.code, 481);
        }
        alice.msrp.wire.ended().then_some(())
    });
    server.shows("parlor_msrp_connections", 0.0);
}

/// CHAT-151: a lost connection ends the session; what the others say is lost on it, and nobody else notices.
#[test]
fn connection_lost() {
    let server = Server::plain();
    let alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    drop(alice.msrp);
    server.shows("parlor_msrp_connections", 2.0);
    bob.say("who is there?");
    carol.hears("who is there?");
}

/// MSRP-97, RFC 4975 §5.4: with its connection a session has failed: another connection gets 481 until SDP has been exchanged
/// anew, and then has the session, by the same URIs.
#[test]
fn back_by_reinvite() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut alice = Participant::join(&server, "alice");
    alice.msrp = MsrpPeer::connect(server.msrp);
    // Until the loss is noticed the session is bound elsewhere.
    eventually("the session has failed", || {
        let again = Send::empty(&alice.session, &alice.path);
        let code = alice.ask(&again);
        assert!([481, 506].contains(&code), "{code}");
        (code == 481).then_some(())
    });
    reinvite(&mut alice);
    let again = Send::empty(&alice.session, &alice.path);
    assert_eq!(alice.ask(&again), 200);
    alice.say("here I am again");
    bob.hears("here I am again");
    bob.say("welcome back");
    alice.hears("welcome back");
}

/// The same if the re-INVITE overtakes the news that the connection is lost.
#[test]
fn back_by_an_early_reinvite() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut alice = Participant::join(&server, "alice");
    reinvite(&mut alice);
    alice.msrp = MsrpPeer::connect(server.msrp);
    eventually("the session is bound again", || {
        let again = Send::empty(&alice.session, &alice.path);
        let code = alice.ask(&again);
        assert!([200, 506].contains(&code), "{code}");
        (code == 200).then_some(())
    });
    bob.say("welcome back");
    alice.hears("welcome back");
}

/// The offer that it joined with, once more.
fn reinvite(participant: &mut Participant) {
    let again = participant.call.invite("", &offer(&participant.path));
    participant.user.send(again);
    let answer = participant.user.expect(200);
    assert_eq!(answer.attribute("path"), participant.session);
    let ack = participant.call.ack("");
    participant.user.send(ack);
}

fn swap_case(text: &str) -> String {
    let swap =
        |letter: char| if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}
