//! INVITE: how a participant joins, and what it is told when it cannot.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::{cpim, eventually, unique};

/// CHAT-12, CHAT-14, SIP-29, SIP-40, SIP-60, MSRP-110: what a 200 to a join must hold, over each transport.
#[test]
fn answer_to_an_offer() {
    let server = Server::plain();
    for user in [SipUser::udp(&server, "alice"), SipUser::tcp(&server, "bob")] {
        let (name, transport) = (user.name.clone(), user.transport());
        let joined = Joined::invite(&server, user, "lobby", |offer| offer);
        let answer = &joined.answer;
        assert!(answer.header("To").starts_with(&format!("<{}>;tag=", joined.room)), "{answer:#?}");
        assert_eq!(answer.header("From"), joined.call.from, "{name}");
        assert_eq!(answer.header("CSeq"), "1 INVITE");
        let contact = answer.header("Contact");
        let parameter = if transport == "TCP" { ";transport=tcp" } else { "" };
        assert!(contact.contains(&format!("lobby@{}{parameter}>;isfocus", server.sip)), "SIP-70: {contact}");
        for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE"] {
            assert!(answer.header("Allow").split(", ").any(|allowed| allowed == method), "{method}");
        }
        assert!(answer.header("Supported").contains("timer"));
        assert_eq!(answer.header("Content-Type"), "application/sdp");
        assert_eq!(answer.media(), [format!("m=message {} TCP/MSRP *", server.msrp.port())]);
        assert_eq!(answer.attribute("accept-types"), "message/cpim", "CHAT-14");
        assert_eq!(answer.attribute("setup"), "passive");
        assert_eq!(answer.attribute("max-size"), "104857600");
        assert_eq!(answer.attributes("chatroom"), ["nickname private-messages"], "CHAT-19: and one line");
        let wrapped = answer.attribute("accept-wrapped-types");
        assert!(wrapped.contains("message/imdn+xml") && wrapped.contains("application/im-iscomposing+xml"));
        let session = answer.attribute("path");
        let id = session.strip_prefix(&format!("msrp://{}/", server.msrp)).and_then(|rest| rest.strip_suffix(";tcp"));
        assert!(id.is_some_and(|id| id.len() >= 14), "MSRP-82: {session}");
        assert!(answer.body.ends_with("\r\n") && !answer.body.contains("\r\n\r\n"), "{:?}", answer.body);
    }
}

/// SIP-6: a response goes back to where the request came from, and says so, whatever Via claims.
#[test]
fn responses_go_back_where_requests_came_from() {
    let server = Server::plain();
    let mut alice = SipUser::udp(&server, "alice");
    let port = alice.local().port();
    let request = alice.request("OPTIONS", &server.room("lobby"), "", "");
    let claimed = request.replace(&format!("UDP 127.0.0.1:{port}"), "UDP client.example.com:9");
    alice.send(&claimed);
    let response = alice.expect(200);
    let via = response.header("Via");
    assert!(via.contains("client.example.com:9") && via.contains("received=127.0.0.1"), "{via}");
    assert!(via.contains(&format!("rport={port}")), "{via}");
}

/// SIP-41: an INVITE without SDP gets the offer in the 200; the answer comes in the ACK.
#[test]
fn without_an_offer() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut user = SipUser::tcp(&server, "alice");
    let room = server.room("lobby");
    let mut call = Call::new(&user, &room);
    user.send(call.invite("", ""));
    let offered = user.expect(200);
    assert_eq!(offered.attribute("setup"), "actpass", "MSRP-151");
    assert_eq!(offered.attribute("accept-types"), "message/cpim");
    let session = offered.attribute("path").to_owned();
    call.established(&offered);
    let path = own_path(&user);
    let answer = offer(&path).replace("a=setup:actpass", "a=setup:active");
    user.send(call.ack(&answer));
    server.shows("parlor_msrp_sessions", 2.0);
    let joined = Joined { user, call, path, session, room, answer: offered };
    let mut alice = joined.bind(MsrpPeer::connect(server.msrp));
    alice.say("late but here");
    bob.hears("late but here");
}

/// MSRP-96: the peer's connection may be there before the ACK that holds its answer; it is bound all the same.
#[test]
fn connection_overtakes_the_answer() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let room = server.room("lobby");
    let mut call = Call::new(&user, &room);
    user.send(call.invite("", ""));
    let offered = user.expect(200);
    call.established(&offered);
    let session = offered.attribute("path").to_owned();
    let path = own_path(&user);
    let mut msrp = MsrpPeer::connect(server.msrp);
    let bind = Send::empty(&session, &path);
    msrp.write(bind.bytes());
    server.shows("parlor_msrp_requests_total{method=\"SEND\"}", 1.0);
    user.send(call.ack(&offer(&path).replace("a=setup:actpass", "a=setup:active")));
    assert_eq!(msrp.response(&bind.tid), 200);
}

/// SIP-41: an ACK without the answer that was due, or with one that cannot be, ends the dialog with BYE.
#[test]
fn bad_answer_in_the_ack() {
    let server = Server::plain();
    let bad = [
        "",
        "v=0\r\nnonsense\r\n",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 0 TCP/MSRP *\r\n",
    ];
    for answer in bad {
        let mut user = SipUser::tcp(&server, "alice");
        let mut call = Call::new(&user, &server.room("lobby"));
        user.send(call.invite("", ""));
        let offered = user.expect(200);
        call.established(&offered);
        user.send(call.ack(answer));
        let bye = user.expect_request("BYE");
        user.answer(&bye);
    }
    server.shows("parlor_participants", 0.0);
}

/// MSRP-152: in each direction of a=setup the answer fits the offer.
#[test]
fn setup_of_the_answer() {
    let server = Server::plain();
    for (offered, answered) in [
        ("a=setup:actpass", "passive"),
        ("a=setup:active", "passive"),
        ("a=x:y", "passive"),
        ("a=setup:holdconn", "passive"),
    ] {
        let joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| {
            offer.replace("a=setup:actpass", offered)
        });
        assert_eq!(joined.answer.attribute("setup"), answered, "{offered}");
        assert!(joined.answer.attributes("connection").is_empty(), "MSRP-155");
    }
}

/// MSRP-152, MSRP-154: when the peer insists on being connected to, we do, and send a SEND at once.
#[test]
fn peer_that_insists_on_passive() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let path = format!("msrp://{}/{};tcp", listener.local_addr().unwrap(), unique("s"));
    let mut user = SipUser::tcp(&server, "alice");
    let room = server.room("lobby");
    let mut call = Call::new(&user, &room);
    user.send(call.invite("", &offer(&path).replace("a=setup:actpass", "a=setup:passive")));
    let answer = user.expect(200);
    assert_eq!(answer.attribute("setup"), "active");
    call.established(&answer);
    user.send(call.ack(""));
    let mut msrp = MsrpPeer::accepted(&listener);
    let first = msrp.receive();
    assert_eq!((first.method.as_str(), first.body.as_deref()), ("SEND", None), "{first:?}");
    let session = answer.attribute("path").to_owned();
    assert_eq!((first.header("To-Path"), first.header("From-Path")), (path.as_str(), session.as_str()));
    msrp.write(format!("MSRP {0} 200 OK\r\nTo-Path: {session}\r\nFrom-Path: {path}\r\n-------{0}$\r\n", first.tid));
    let mut alice = Participant { user, call, msrp, path, session, room };
    alice.say("thank you for calling");
    bob.hears("thank you for calling");
    bob.say("any time");
    alice.hears("any time");
}

/// Who is not known is connected to only where its INVITE came from.
#[test]
fn we_connect_nowhere_else() {
    let server = Server::plain();
    // Another address of the same machine, with somebody listening who never asked for anything.
    let victim = TcpListener::bind(("127.0.0.9", 0)).unwrap();
    let path = format!("msrp://{}/{};tcp", victim.local_addr().unwrap(), unique("s"));
    let mut user = SipUser::tcp(&server, "mallory");
    let mut call = Call::new(&user, &server.room("lobby"));
    user.send(call.invite("", &offer(&path).replace("a=setup:actpass", "a=setup:passive")));
    let response = user.final_response();
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
        let bye = user.expect_request("BYE");
        user.answer(&bye);
    } else {
        assert_eq!(response.code(), 488);
    }
    victim.set_nonblocking(true).unwrap();
    assert!(victim.accept().is_err(), "the server connected to a stranger");
}

/// The server connects to no listener of its own, however its address is spelled: it would be a participant of itself.
#[test]
fn we_do_not_connect_to_ourselves() {
    let server = Server::plain();
    for (index, host) in ["127.0.0.1", "[::ffff:127.0.0.1]"].into_iter().enumerate() {
        let mut alice = Waiting::invite(&server, &format!("msrp://{host}:{}/{};tcp", server.msrp.port(), unique("s")));
        let bye = alice.user.expect_request("BYE");
        alice.user.answer(&bye);
        server.shows("parlor_rejected_total{layer=\"msrp\",reason=\"own_listener\"}", index as f64 + 1.0);
    }
    assert_eq!(server.metrics().value("parlor_msrp_requests_total{method=\"SEND\"}"), 0.0);
}

/// No session of the server is another one's peer, whatever host and port it is said to be at and by whom, in an offer or in
/// an answer: what one of them is sent would come back from the other for ever.
#[test]
fn our_own_session_is_nobodys_peer() {
    let server = Server::plain();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    user.send(call.invite("", ""));
    let offered = user.expect(200);
    call.established(&offered);
    let ours = offered.attribute("path").to_owned();
    let detour = ours.replace(&server.msrp.to_string(), &listener.local_addr().unwrap().to_string());
    let relayed = format!("msrp://{}/relay;tcp {ours}", listener.local_addr().unwrap());
    for path in [&ours, &detour, &relayed] {
        let mut second = SipUser::tcp(&server, "alice");
        let mut call = Call::new(&second, &server.room("hall"));
        second.send(call.invite("", &waiting_offer(path)));
        assert_eq!(second.final_response().code(), 488, "{path}");
    }
    server.shows("parlor_rejected_total{layer=\"sdp\",reason=\"not_acceptable\"}", 3.0);
    user.send(call.ack(&offer(&detour).replace("a=setup:actpass", "a=setup:active")));
    let bye = user.expect_request("BYE");
    user.answer(&bye);
    server.shows("parlor_rejected_total{layer=\"sdp\",reason=\"bad_answer\"}", 1.0);
}

/// Who is not known is connected to where its INVITE came from, whatever name it gives: no name is looked up.
#[test]
fn no_name_is_looked_up() {
    let server = Server::plain();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let path = format!("msrp://alice.example.test:{}/{};tcp", listener.local_addr().unwrap().port(), unique("s"));
    let _alice = Waiting::invite(&server, &path);
    assert_eq!(MsrpPeer::accepted(&listener).receive().method, "SEND");
}

/// Connections that we open count like those that come.
#[test]
fn no_connection_beyond_the_limit() {
    let server = Setup::default().set("limits.connections", "1").start();
    let mut bob = Participant::join(&server, "bob");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut alice = Waiting::invite(&server, &format!("msrp://{}/{};tcp", listener.local_addr().unwrap(), unique("s")));
    let bye = alice.user.expect_request("BYE");
    alice.user.answer(&bye);
    server.shows("parlor_rejected_total{layer=\"msrp\",reason=\"too_many_connections\"}", 1.0);
    bob.say("only me");
}

/// A session has one attempt to connect under way: a new path, or the end of the session, ends the one before.
#[test]
fn one_attempt_at_a_time() {
    let server = Setup::default().tls().start();
    let path = |listener: &TcpListener| format!("msrps://{}/{};tcp", listener.local_addr().unwrap(), unique("s"));
    // They take the connection and say nothing, so that TLS waits.
    let silent = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let mut alice = Waiting::invite(&server, &path(&silent[0]));
    let mut first = MsrpPeer::accepted(&silent[0]);
    let started = Instant::now();
    let reinvite = alice.call.invite("", &waiting_offer(&path(&silent[1])));
    alice.user.send(reinvite);
    alice.user.expect(200);
    let ack = alice.call.ack("");
    alice.user.send(ack);
    let mut second = MsrpPeer::accepted(&silent[1]);
    eventually("the first attempt ends", || (!first.wire.fill(Instant::now()) && first.wire.ended()).then_some(()));
    let bye = alice.call.request("BYE", "", "");
    alice.user.send(bye);
    alice.user.expect(200);
    eventually("the second attempt ends", || (!second.wire.fill(Instant::now()) && second.wire.ended()).then_some(()));
    assert!(started.elapsed() < Duration::from_secs(9), "they ended of themselves");
}

/// Somebody who has joined and waits for us to connect.
struct Waiting {
    user: SipUser,
    call: Call,
}

impl Waiting {
    fn invite(server: &Server, path: &str) -> Self {
        let mut user =
            if path.starts_with("msrps:") { SipUser::tls(server, "alice") } else { SipUser::tcp(server, "alice") };
        let mut call = Call::new(&user, &server.room("lobby"));
        user.send(call.invite("", &waiting_offer(path)));
        let answer = user.expect(200);
        call.established(&answer);
        user.send(call.ack(""));
        Self { user, call }
    }
}

fn waiting_offer(path: &str) -> String {
    offer(path).replace("a=setup:actpass", "a=setup:passive")
}

/// SIP-61: the first m=message that will do becomes the session; other lines get port 0, in their order.
#[test]
fn several_media_lines() {
    let server = Server::plain();
    let joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| {
        let message = offer.find("m=message").unwrap();
        let (session, message) = offer.split_at(message);
        let before = "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\nm=message 9 TCP/DTLS/MSRP *\r\na=accept-types:message/cpim\r\na=path:msrps://127.0.0.1:9/x;tcp\r\n";
        format!("{session}{before}{message}m=video 4002 RTP/AVP 31\r\n")
    });
    let media = joined.answer.media();
    let ports: Vec<_> = media.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(ports, ["0", "0", &server.msrp.port().to_string(), "0"], "{media:?}");
    assert!(
        media[0].starts_with("m=audio 0 RTP/AVP ") && media[1].starts_with("m=message 0 TCP/DTLS/MSRP"),
        "{media:?}"
    );
    assert!(media[3].starts_with("m=video 0 RTP/AVP "), "{media:?}");
    assert_eq!(joined.answer.attributes("path").len(), 1);
    let mut alice = joined.bind(MsrpPeer::connect(server.msrp));
    alice.say("chat only");
}

/// MSRP-112, MSRP-170: a client behind relays is addressed by its whole path, and its responses go to the nearest hop.
#[test]
fn client_behind_relays() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let user = SipUser::tcp(&server, "alice");
    let relay = format!("msrp://relay.example.com:2855/{};tcp", unique("r"));
    let change = |offer: String| offer.replace("a=path:", &format!("a=path:{relay} "));
    let joined = Joined::invite(&server, user, "lobby", change);
    let path = format!("{relay} {}", joined.path);
    let session = joined.session.clone();
    let mut msrp = MsrpPeer::connect(server.msrp);
    let bind = Send::empty(&session, &path);
    msrp.write(bind.bytes());
    let response = msrp.receive();
    assert_eq!((response.code, response.header("To-Path")), (200, relay.as_str()), "MSRP-60: the nearest hop alone");
    bob.say("through the relay");
    let copy = msrp.next_send();
    assert_eq!(copy.header("To-Path"), path);
    assert_eq!(cpim::content(copy.content()), "through the relay");
    let body = cpim::text(joined.user.uri(), &joined.room, "and back");
    let send = Send::whole(&session, &path, &body).header("Success-Report: yes");
    msrp.write(send.bytes());
    assert_eq!(msrp.response(&send.tid), 200);
    assert_eq!(msrp.next_report().header("To-Path"), path, "MSRP-52: the whole path");
    bob.hears("and back");
}

/// MSRP-95, MSRP-E9: a middlebox that rewrites hosts and ports does not part client and room.
#[test]
fn middlebox_rewrites_hosts() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| offer);
    let rewrite = |uri: &str, host: &str| {
        let id = uri.split("://").nth(1).unwrap().split_once('/').unwrap().1;
        format!("msrp://{host}/{id}")
    };
    let to = rewrite(&joined.session, "192.0.2.1:4000");
    let from = rewrite(&joined.path, "192.0.2.2:5000");
    let mut msrp = MsrpPeer::connect(server.msrp);
    let body = cpim::text(joined.user.uri(), &joined.room, "by another name");
    let send = Send::whole(&to, &from, &body);
    msrp.write(send.bytes());
    assert_eq!(msrp.response(&send.tid), 200);
    bob.hears("by another name");
    assert!(server.metrics().value("parlor_msrp_path_lenient_matches_total") >= 1.0);
}

/// The same is refused when the configuration says so.
#[test]
fn strict_paths() {
    let server = Setup::default().set("msrp.strict_paths", "true").start();
    let joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| offer);
    let mut msrp = MsrpPeer::connect(server.msrp);
    let other = joined.path.replace("127.0.0.1", "192.0.2.2");
    let bind = Send::empty(&joined.session, &other);
    msrp.write(bind.bytes());
    assert_eq!(msrp.response(&bind.tid), 481);
    let mut alice = joined.bind(MsrpPeer::connect(server.msrp));
    alice.say("to the letter");
}

/// What keeps a caller out: each refusal with its code, and with Warning where the offer is the reason.
#[test]
fn refused() {
    let server = Setup::default().set("rooms.on_demand", "false").set("rooms.max_participants", "1").start();
    let change = |from: &'static str, to: &'static str| move |offer: String| offer.replace(from, to);
    let unchanged = change("", "");
    assert_eq!(refusal(&server, "sip:nowhere@chat.example.test", "", unchanged).code(), 404, "CHAT-11");
    assert_eq!(refusal(&server, "sip:lobby@elsewhere.example", "", unchanged).code(), 404, "SIP-24");
    let lobby = server.room("lobby");
    let required = refusal(&server, &lobby, "Require: unknown-tag, timer\r\n", unchanged);
    assert_eq!((required.code(), required.header("Unsupported")), (420, "unknown-tag"), "SIP-26");
    let type_of_body = refusal(&server, &lobby, "Content-Encoding: gzip\r\n", unchanged);
    assert_eq!(type_of_body.code(), 415, "SIP-27");
    let bad_offers = [
        ("message/cpim text/plain", "text/plain", "CHAT-13"),
        ("m=message", "m=audio", "SIP-61"),
        ("TCP/MSRP", "TCP/TLS/MSRP", "an offer of TLS is not answered with less"),
        ("TCP/MSRP", "UDP/MSRP", "SIP-61"),
        ("a=path:", "a=nopath:", "MSRP-111"),
    ];
    for (from, to, why) in bad_offers {
        let response = refusal(&server, &lobby, "", change(from, to));
        assert_eq!(response.code(), 488, "{why}: {response:#?}");
        let warning = response.header("Warning");
        assert!(warning.starts_with("304 ") || warning.starts_with("305 "), "{why}: {warning}");
    }
    let broken = refusal(&server, &lobby, "", |_| "v=0\r\nthis is no SDP\r\n".to_owned());
    assert!([400, 488].contains(&broken.code()), "{broken:#?}");
    let _alice = Participant::join(&server, "alice");
    assert_eq!(refusal(&server, &lobby, "", unchanged).code(), 486, "full");
}

/// CHAT-13, CHAT-15: wildcards cover message/cpim, and attributes are found at the session's level too.
#[test]
fn offers_that_will_do() {
    let server = Server::plain();
    for types in ["*", "message/*", "text/plain message/cpim", "Message/CPIM", "message/cpim;x=y"] {
        let joined = Joined::invite(&server, SipUser::udp(&server, "alice"), "lobby", |offer| {
            offer.replace("message/cpim text/plain", types)
        });
        assert_eq!(joined.answer.attribute("accept-types"), "message/cpim", "{types}");
    }
}

/// SIP-3: over UDP a 200 that is not acknowledged is sent again, the same, and ends with the ACK; an INVITE that comes
/// again is no second join.
#[test]
fn lost_ack() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let invite = call.invite("", &offer(&own_path(&user)));
    user.send(&invite);
    let first = user.expect(200);
    user.send(&invite);
    for _ in 0..3 {
        let again = user.expect(200);
        assert_eq!((again.body, again.headers.find("To")), (first.body.clone(), first.headers.find("To")));
    }
    server.shows("parlor_participants", 1.0);
    call.established(&first);
    user.send(call.ack(""));
    let bye = call.request("BYE", "", "");
    user.send(bye);
    loop {
        let response = user.receive();
        if response.header("CSeq").ends_with("BYE") {
            assert_eq!(response.code(), 200);
            break;
        }
    }
    server.shows("parlor_participants", 0.0);
}

/// However many ask at once, there are as many sessions as the configuration allows; one that ends, or a join that
/// fails, makes space.
#[test]
fn sessions_are_limited() {
    let server = Setup::default().set("limits.sessions", "3").start();
    let refused = |server: &Server| {
        let mut user = SipUser::udp(server, "nobody");
        let mut call = Call::new(&user, &server.room("lobby"));
        user.send(call.invite("", &offer(&own_path(&user)).replace("message/cpim", "text/html")));
        let response = user.expect(488);
        user.send(call.ack_failure(&response));
    };
    (0..4).for_each(|_| refused(&server));
    let mut users: Vec<_> = (0..30).map(|n| SipUser::udp(&server, &format!("u{n}"))).collect();
    let mut calls: Vec<_> =
        users.iter().enumerate().map(|(n, user)| Call::new(user, &server.room(&format!("room{n}")))).collect();
    for (user, call) in users.iter_mut().zip(&mut calls) {
        let sdp = offer(&own_path(user));
        user.send(call.invite("", &sdp));
    }
    let mut joined = Vec::new();
    for (user, mut call) in users.into_iter().zip(calls) {
        let mut user = user;
        let response = user.final_response();
        if response.code() == 200 {
            call.established(&response);
            user.send(call.ack(""));
            joined.push((user, call));
        } else {
            assert_eq!(response.code(), 503, "{response:#?}");
            response.header("Retry-After");
            user.send(call.ack_failure(&response));
        }
    }
    assert_eq!(joined.len(), 3);
    let (mut user, mut call) = joined.pop().unwrap();
    user.send(call.request("BYE", "", ""));
    user.expect(200);
    Participant::join(&server, "alice");
}

/// SIP-25: the same request by another way gets 482, not a second seat.
#[test]
fn merged_request() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let invite = call.invite("", &offer(&own_path(&user)));
    user.send(&invite);
    let first = user.expect(200);
    user.send(invite.replace(&call.branch, &unique("z9hG4bK")));
    loop {
        let response = user.final_response();
        if response.code() != 200 {
            assert_eq!(response.code(), 482);
            break;
        }
    }
    call.established(&first);
    user.send(call.ack(""));
    server.shows("parlor_participants", 1.0);
}

/// SIP-47: CANCEL of what is not there gets 481; of an INVITE that is answered, 200 and nothing changes.
#[test]
fn cancel() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let invite = call.invite("", &offer(&own_path(&user)));
    user.send(call.cancel());
    assert_eq!(user.expect(481).header("CSeq"), "1 CANCEL");
    user.send([invite, call.cancel()].concat());
    let (mut invited, mut cancelled) = (None, None);
    while invited.is_none() || cancelled.is_none() {
        let response = user.final_response();
        let slot = if response.header("CSeq").ends_with("CANCEL") { &mut cancelled } else { &mut invited };
        *slot = Some(response);
    }
    assert_eq!(cancelled.unwrap().code(), 200);
    // Whichever was first: a 487, or the 200 on which the CANCEL has no effect.
    let invited: SipMessage = invited.unwrap();
    if invited.code() == 200 {
        call.established(&invited);
        user.send(call.ack(""));
        server.shows("parlor_participants", 1.0);
    } else {
        assert_eq!(invited.code(), 487);
        user.send(call.ack_failure(&invited));
        server.shows("parlor_participants", 0.0);
    }
}

/// RFC 3261 §17.2.1: a refusal is repeated over UDP until it is acknowledged, and no longer.
#[test]
fn refusal_is_repeated() {
    let server = Setup::default().set("rooms.on_demand", "false").start();
    let mut user = SipUser::udp(&server, "alice");
    let mut call = Call::new(&user, &server.room("nowhere"));
    user.send(call.invite("", &offer(&own_path(&user))));
    let refused = user.expect(404);
    user.expect(404);
    user.send(call.ack_failure(&refused));
    let options = user.request("OPTIONS", &server.room("lobby"), "", "");
    user.send(options);
    loop {
        let response = user.final_response();
        if response.code() == 200 {
            break;
        }
        assert_eq!(response.code(), 404);
    }
}

/// The final response to an INVITE with the offer changed; acknowledged.
fn refusal(server: &Server, room: &str, headers: &str, change: impl FnOnce(String) -> String) -> SipMessage {
    let mut user = SipUser::tcp(server, "zoe");
    let mut call = Call::new(&user, room);
    let offer = change(offer(&own_path(&user)));
    user.send(call.invite(headers, &offer));
    let response = user.final_response();
    user.send(call.ack_failure(&response));
    response
}
