//! What happens within a dialog: BYE, re-INVITE, UPDATE, session timers, and what does not belong to any.

use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::{Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};

/// SIP-43, SIP-46: a dialog that is not there, or no longer, gets 481.
#[test]
fn unknown_dialog() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let bye = alice.call.request("BYE", "", "");
    alice.user.send(bye);
    alice.user.expect(200);
    for method in ["BYE", "UPDATE", "OPTIONS", "INVITE"] {
        let request = alice.call.request(method, "", "");
        alice.user.send(request);
        let response = alice.user.expect(481);
        if method == "INVITE" {
            let ack = alice.call.ack_failure(&response);
            alice.user.send(ack);
        }
    }
    // A stray ACK is answered by nobody.
    let ack = alice.call.ack("");
    let options = alice.user.request("OPTIONS", &server.room("lobby"), "", "");
    alice.user.send([ack, options].concat());
    assert!(alice.user.expect(200).header("CSeq").ends_with("OPTIONS"));
}

/// SIP-43: a CSeq that goes backwards gets 500, a gap is fine.
#[test]
fn sequence_numbers() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    alice.call.cseq = 100;
    let options = alice.call.request("OPTIONS", "", "");
    alice.user.send(options);
    alice.user.expect(200);
    alice.call.cseq = 50;
    let back = alice.call.request("UPDATE", "", "");
    alice.user.send(back);
    alice.user.expect(500);
    alice.call.cseq = 200;
    let update = alice.call.request("UPDATE", "", "");
    alice.user.send(update);
    alice.user.expect(200);
}

/// Tags belong to the dialog: with another one nobody can end it.
#[test]
fn forged_bye() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut forged = alice.call.clone();
    forged.to = forged.to.replace(";tag=", ";tag=x");
    let bye = forged.request("BYE", "", "");
    bob.user.send(bye.replace("TCP", bob.user.transport()));
    bob.user.expect(481);
    let mut forged = alice.call.clone();
    forged.from = forged.from.replace(";tag=", ";tag=x");
    let bye = forged.request("BYE", "", "");
    bob.user.send(bye);
    bob.user.expect(481);
    alice.say("still in");
    bob.hears("still in");
}

/// SIP-63, MSRP-119: a re-INVITE with nothing new is answered with the same session, which goes on.
#[test]
fn reinvite_without_change() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let sdp = offer(&alice.path);
    let answer = reinvite(&mut alice, &sdp);
    assert_eq!(answer.attribute("path"), alice.session);
    alice.say("unchanged");
    bob.hears("unchanged");
    bob.say("unchanged here");
    alice.hears("unchanged here");
}

/// MSRP-120, SIP-64: on hold one gets nothing; off hold one is heard again and hears what is said from then on.
#[test]
fn hold() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let held = next_version(&alice, 1) + "a=sendonly\r\n";
    let answer = reinvite(&mut alice, &held);
    assert_eq!(answer.attributes("recvonly"), [""], "{answer:#?}");
    bob.say("nobody listens");
    alice.say("but I can talk");
    bob.hears("but I can talk");
    let resumed = next_version(&alice, 2);
    let answer = reinvite(&mut alice, &resumed);
    assert!(answer.attributes("recvonly").is_empty() && answer.attributes("inactive").is_empty());
    bob.say("welcome back");
    alice.hears("welcome back");
}

/// MSRP-120: who said that it only receives, or neither, is refused when it sends.
#[test]
fn receive_only() {
    let server = Server::plain();
    for (direction, answered, hears) in [("recvonly", "sendonly", true), ("inactive", "inactive", false)] {
        let user = SipUser::tcp(&server, "alice");
        let mut alice = Participant::join_as(&server, user, "lobby", |offer| format!("{offer}a={direction}\r\n"));
        let mut bob = Participant::join(&server, "bob");
        let send = alice.saying("I should not");
        assert_eq!(alice.ask(&send), 403, "{direction}");
        bob.say("hello");
        if hears {
            alice.hears("hello");
        }
        let sdp = next_version(&alice, 1) + &format!("a={direction}\r\n");
        let answer = reinvite(&mut alice, &sdp);
        assert_eq!(answer.attributes(answered), [""], "SIP-64");
        alice.leave();
        bob.leave();
    }
}

/// SIP-45: UPDATE with an offer changes the session as a re-INVITE does; without one it refreshes.
#[test]
fn update() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let plain = alice.call.request("UPDATE", "", "");
    alice.user.send(plain);
    assert!(alice.user.expect(200).body.is_empty());
    let held = next_version(&alice, 1) + "a=inactive\r\n";
    let update = alice.call.request("UPDATE", "", &held);
    alice.user.send(update);
    assert_eq!(alice.user.expect(200).attributes("inactive"), [""]);
    bob.say("unheard");
    let resumed = next_version(&alice, 2);
    let update = alice.call.request("UPDATE", "", &resumed);
    alice.user.send(update);
    alice.user.expect(200);
    bob.say("heard");
    alice.hears("heard");
}

/// SIP-44: an offer that cannot be accepted gets 488 and the session stays as it was.
#[test]
fn unacceptable_change() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let bad = next_version(&alice, 1).replace("message/cpim text/plain", "text/plain");
    let invite = alice.call.request("INVITE", "", &bad);
    alice.user.send(invite);
    let refused = alice.user.expect(488);
    let mut ack = alice.call.clone();
    ack.room.clone_from(&ack.target);
    alice.user.send(ack.ack_failure(&refused));
    alice.say("as before");
    bob.hears("as before");
}

/// MSRP-119, MSRP-97: a new path in a re-INVITE is a new session to bind, on a new connection.
#[test]
fn changed_path() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let path = own_path(&alice.user);
    let sdp = next_version(&alice, 1).replace(&alice.path, &path);
    let answer = reinvite(&mut alice, &sdp);
    let session = answer.attribute("path").to_owned();
    let mut msrp = MsrpPeer::connect(server.msrp);
    let bind = Send::empty(&session, &path);
    msrp.write(bind.bytes());
    assert_eq!(msrp.response(&bind.tid), 200);
    (alice.path, alice.session) = (path, session);
    alice.msrp = msrp;
    alice.say("from my new place");
    bob.hears("from my new place");
    bob.say("moved in?");
    alice.hears("moved in?");
    server.shows("parlor_participants", 2.0);
}

/// MSRP-119, SIP-41: the same when it is we who offer, and the new path comes in the answer: our URI stays, and is bound
/// anew from there.
#[test]
fn changed_path_in_the_answer() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let path = own_path(&alice.user);
    let invite = alice.call.request("INVITE", "", "");
    alice.user.send(invite);
    let ours = alice.user.expect(200);
    assert_eq!(ours.attribute("path"), alice.session, "SIP-41");
    let answer = next_version(&alice, 1).replace(&alice.path, &path).replace("actpass", "active");
    let ack = alice.call.ack(&answer);
    // The answer to what follows tells that the ACK is there.
    let update = alice.call.request("UPDATE", "", "");
    alice.user.send(ack + &update);
    alice.user.expect(200);
    bob.say("on the way");
    alice.hears("on the way");
    let mut msrp = MsrpPeer::connect(server.msrp);
    let bind = Send::empty(&alice.session, &path);
    msrp.write(bind.bytes());
    assert_eq!(msrp.response(&bind.tid), 200);
    alice.path = path;
    alice.msrp = msrp;
    bob.say("moved in?");
    alice.hears("moved in?");
    alice.say("from my new place");
    bob.hears("from my new place");
    server.shows("parlor_participants", 2.0);
    alice.leave();
    server.shows("parlor_msrp_sessions", 1.0);
}

/// MSRP-97, CHAT-151: after its connection is lost a participant comes back by re-INVITE, and is still the same one.
#[test]
fn back_after_a_lost_connection() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    alice.msrp = MsrpPeer::connect(server.msrp);
    server.shows("parlor_msrp_connections", 2.0);
    let path = own_path(&alice.user);
    let sdp = next_version(&alice, 1).replace(&alice.path, &path);
    let answer = reinvite(&mut alice, &sdp);
    let session = answer.attribute("path").to_owned();
    let bind = Send::empty(&session, &path);
    alice.msrp.write(bind.bytes());
    assert_eq!(alice.msrp.response(&bind.tid), 200);
    (alice.path, alice.session) = (path, session);
    bob.say("there you are");
    alice.hears("there you are");
    server.shows("parlor_participants", 2.0);
}

/// SIP-65: without its message line a participant has no chat any more, and its session is gone.
#[test]
fn removed_line() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let (_, port) = crate::support::sip::host_and_port(&alice.path);
    let sdp = next_version(&alice, 1).replace(&format!("m=message {port}"), "m=message 0");
    let invite = alice.call.request("INVITE", "", &sdp);
    alice.user.send(invite);
    let response = alice.user.final_response();
    if response.code() == 200 {
        assert!(response.media()[0].starts_with("m=message 0 "), "SIP-62");
        let ack = alice.call.ack("");
        alice.user.send(ack);
        let send = alice.saying("am I here?");
        let mut again = MsrpPeer::connect(server.msrp);
        again.write(send.bytes());
        assert_eq!(again.response(&send.tid), 481);
    } else {
        assert_eq!(response.code(), 488);
    }
    bob.say("alone or not");
}

/// SIP-100, SIP-102: too short an interval gets 422 with the least that may be; what is agreed is in the 200.
#[test]
fn session_timers() {
    let server = Setup::default().set("sip.min_se", "\"120s\"").start();
    let mut user = SipUser::tcp(&server, "alice");
    let room = server.room("lobby");
    let sdp = offer(&own_path(&user));
    let mut call = Call::new(&user, &room);
    user.send(call.invite("Supported: timer\r\nSession-Expires: 90\r\n", &sdp));
    let refused = user.expect(422);
    assert_eq!(refused.header("Min-SE"), "120");
    user.send(call.ack_failure(&refused));
    user.send(call.invite("Supported: timer\r\nSession-Expires: 300\r\nMin-SE: 120\r\n", &sdp));
    let answer = user.expect(200);
    let agreed = answer.header("Session-Expires");
    let (seconds, refresher) = agreed.split_once(";refresher=").expect("a refresher");
    assert!((120..=300).contains(&seconds.parse::<u32>().unwrap()), "SIP-101: {agreed}");
    assert_eq!(refresher, "uac");
    assert!(answer.header("Require").contains("timer"), "SIP-102");
    assert!(answer.headers.find("Min-SE").is_none(), "SIP-104");
    call.established(&answer);
    user.send(call.ack(""));
    let refresh = call.request("UPDATE", "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n", "");
    user.send(refresh);
    assert!(user.expect(200).headers.find("Session-Expires").is_some());
    // One that knows no timers: if there is one at all, it is ours to refresh.
    let mut plain = Call::new(&user, &room);
    user.send(plain.invite("", &offer(&own_path(&user))));
    let answer = user.expect(200);
    plain.established(&answer);
    user.send(plain.ack(""));
    if let Some(agreed) = answer.headers.find("Session-Expires") {
        assert!(agreed.ends_with("refresher=uas"), "{agreed}");
        assert!(answer.headers.find("Require").is_none(), "{answer:#?}");
    }
}

/// SIP-42: requests of ours go where the last Contact said.
#[test]
fn target_refresh() {
    let mut server = Server::plain();
    let mut alice = Participant::join_as(&server, SipUser::udp(&server, "alice"), "lobby", |offer| offer);
    let mut elsewhere = SipUser::udp(&server, "alice");
    let moved = format!("Contact: <{}>", elsewhere.contact());
    let stays = format!("Contact: <{}>", alice.user.contact());
    let update = alice.call.request("UPDATE", "", "").replace(&stays, &moved);
    alice.user.send(update);
    alice.user.expect(200);
    server.signal("TERM");
    let bye = elsewhere.expect_request("BYE");
    elsewhere.answer(&bye);
    server.wait();
}

/// Re-INVITE, 200, ACK.
fn reinvite(participant: &mut Participant, sdp: &str) -> SipMessage {
    let invite = participant.call.request("INVITE", "", sdp);
    participant.user.send(invite);
    let answer = participant.user.expect(200);
    let ack = participant.call.ack("");
    participant.user.send(ack);
    answer
}

/// The participant's offer with a later version.
fn next_version(participant: &Participant, later: u32) -> String {
    offer(&participant.path).replace("3724394400 IN", &format!("{} IN", 3_724_394_400_u32 + later))
}
