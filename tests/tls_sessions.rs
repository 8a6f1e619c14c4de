//! SIP over TLS and MSRP over TLS, with a certificate made by `parlor certificate`.

use std::net::TcpListener;

use crate::support::msrp::MsrpPeer;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::{eventually, tls, unique};

/// One who joins by TLS, and sends its messages inside TLS, talks with one who does not.
#[test]
fn secure_and_plain_together() {
    let server = Setup::default().tls().start();
    let joined = Joined::invite(&server, SipUser::tls(&server, "alice"), "lobby", |offer| offer);
    assert!(joined.session.starts_with(&format!("msrps://{}/", server.msrps)), "{}", joined.session);
    assert_eq!(joined.answer.media(), [format!("m=message {} TCP/TLS/MSRP *", server.msrps.port())]);
    assert!(joined.answer.header("Contact").contains(&format!("@{};transport=tls>;isfocus", server.sips)));
    let mut joined = joined;
    let connection = joined.connection(&server);
    let mut alice = joined.bind(connection);
    let mut bob = Participant::join(&server, "bob");
    alice.say("in secret");
    bob.hears("in secret");
    bob.say("in the open");
    alice.hears("in the open");
    let large = alice.sending(&[alice.saying("").body, vec![b'x'; 300_000]].concat());
    assert_eq!(alice.ask(&large), 200);
    assert_eq!(bob.hear(), large.body);
    let large = bob.sending(&[bob.saying("").body, vec![b'y'; 300_000]].concat());
    assert_eq!(bob.ask(&large), 200);
    assert_eq!(alice.hear(), large.body);
    alice.leave();
}

/// One that stops reading inside TLS is closed in the end like any other: its session with BYE, then its connection.
#[test]
fn stopped_reader_inside_tls() {
    let server = Setup::default().tls().set("limits.close_stalled_after", "\"2s\"").start();
    let (mut alice, mut bob) = (Participant::join(&server, "alice"), Participant::join(&server, "bob"));
    let mut carol = Participant::join_as(&server, SipUser::tls(&server, "carol"), "lobby", |offer| offer);
    talk_until_congested(&server, &mut alice, &mut bob);
    let bye = carol.user.expect_request("BYE");
    carol.user.answer(&bye);
    server.shows("parlor_msrp_connections", 2.0);
    server.shows("parlor_sessions_closed_total{reason=\"stalled\"}", 1.0);
    alice.say("without carol");
    bob.hears("without carol");
}

/// MSRP-98: once its session has ended, a connection that does not take what TLS still holds is closed all the same.
#[test]
fn leaving_without_reading_inside_tls() {
    let server = Setup::default().tls().set("limits.close_stalled_after", "\"1h\"").start();
    let (mut alice, mut bob) = (Participant::join(&server, "alice"), Participant::join(&server, "bob"));
    let mut carol = Participant::join_as(&server, SipUser::tls(&server, "carol"), "lobby", |offer| offer);
    talk_until_congested(&server, &mut alice, &mut bob);
    let bye = carol.call.request("BYE", "", "");
    carol.user.send(bye);
    carol.user.expect(200);
    server.shows("parlor_msrp_connections", 2.0);
}

/// Says what fits into the buffers of TLS, one message at a time, until one of the listeners has taken nothing for long.
fn talk_until_congested(server: &Server, alice: &mut Participant, bob: &mut Participant) {
    let body = [alice.saying("").body, vec![b'x'; 20_000]].concat();
    eventually("somebody is congested", || {
        let send = alice.sending(&body);
        assert_eq!(alice.ask(&send), 200);
        assert_eq!(bob.hear(), body);
        (server.metrics().value("parlor_congested_sessions") == 1.0).then_some(())
    });
}

/// An offer of TLS is answered with TLS or not at all.
#[test]
fn no_downgrade() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    user.send(call.invite("", &offer(&format!("msrps://{}/{};tcp", user.local(), unique("s")))));
    let refused = user.expect(488);
    user.send(call.ack_failure(&refused));
}

/// A room may want TLS: then plain MSRP is refused and TLS is taken, by whatever transport SIP comes.
#[test]
fn room_that_wants_tls() {
    let server = Setup::default().tls().room("vault", "require_tls = true").start();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("vault"));
    user.send(call.invite("", &offer(&own_path(&user))));
    let refused = user.expect(488);
    assert!(refused.headers.find("Warning").is_some());
    user.send(call.ack_failure(&refused));
    let path = format!("msrps://{}/{};tcp", user.local(), unique("s"));
    let mut call = Call::new(&user, &server.room("vault"));
    user.send(call.invite("", &offer(&path)));
    let answer = user.expect(200);
    assert!(answer.attribute("path").starts_with("msrps:"));
    call.established(&answer);
    user.send(call.ack(""));
}

/// A session of TLS is not to be had without TLS: its URI on the plain port is nobody's.
#[test]
fn secure_session_over_plain_tcp() {
    let server = Setup::default().tls().start();
    let joined = Joined::invite(&server, SipUser::tls(&server, "alice"), "lobby", |offer| offer);
    let mut plain = MsrpPeer::connect(server.msrp);
    let bind = crate::support::msrp::Send::empty(&joined.session, &joined.path);
    plain.write(bind.bytes());
    let refused = plain.receive_within(crate::support::PATIENCE).map(|response| response.code);
    assert!(refused.is_none_or(|code| code == 481), "{refused:?}");
}

/// MSRP-141: when it is we who connect over TLS, the peer's certificate must go back to one that is trusted.
#[test]
fn we_connect_over_tls() {
    let server = Setup::default().tls().set("tls.trusted", "\"certificate.pem\"").start();
    let mut bob = Participant::join(&server, "bob");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let path = format!("msrps://{}/{};tcp", listener.local_addr().unwrap(), unique("s"));
    let mut user = SipUser::tls(&server, "alice");
    let room = server.room("lobby");
    let mut call = Call::new(&user, &room);
    user.send(call.invite("", &offer(&path).replace("a=setup:actpass", "a=setup:passive")));
    let answer = user.expect(200);
    call.established(&answer);
    user.send(call.ack(""));
    listener.set_nonblocking(true).unwrap();
    let stream = eventually("the server connects", || listener.accept().ok()).0;
    stream.set_nonblocking(false).unwrap();
    let mut msrp = MsrpPeer::over(tls::accept(stream, &server.certificate(), &server.key()));
    let first = msrp.receive();
    let session = answer.attribute("path").to_owned();
    msrp.write(format!("MSRP {0} 200 OK\r\nTo-Path: {session}\r\nFrom-Path: {path}\r\n-------{0}$\r\n", first.tid));
    let mut alice = Participant { user, call, msrp, path, session, room };
    alice.say("you reached me");
    bob.hears("you reached me");
}

/// `parlor certificate` writes no second certificate over the first.
#[test]
fn certificate_is_kept() {
    let server = Setup::default().tls().start();
    let directory = server.certificate();
    let before = std::fs::read(&directory).unwrap();
    let again = std::process::Command::new(crate::support::server::PROGRAM)
        .args(["certificate", "--self-signed", "--out"])
        .arg(directory.parent().unwrap())
        .output()
        .unwrap();
    assert!(!again.status.success());
    assert_eq!(std::fs::read(&directory).unwrap(), before);
}
