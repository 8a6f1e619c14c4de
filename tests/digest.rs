//! Passwords: who knows one is let in, and nobody else (RFC 3261 §22, RFC 8760, RFC 7616).

use crate::support::cpim;
use crate::support::digest::{Credentials, challenges, parameter};
use crate::support::msrp::MsrpPeer;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::unique;

fn setup() -> Setup {
    let aliases = &["tel:+15551234", "sip:ally@example.net"];
    Setup::default().set("auth.mode", "\"digest\"").user("alice", aliases).user("bob", &[])
}

fn alice(server: &Server) -> SipUser {
    SipUser::tcp(server, "alice").with_account()
}

/// What comes of an INVITE: 200 is acknowledged too.
fn invite(server: &Server, user: &mut SipUser) -> SipMessage {
    let mut call = Call::new(user, &server.room("lobby"));
    let sdp = offer(&own_path(user));
    let response = call.ask_to_join(user, "", &sdp);
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
    }
    response
}

/// SIP-120, SIP-121: SHA-256 is asked for first, MD5 after it where that is configured, each with `qop`; who answers
/// either is in, over UDP and TCP.
#[test]
fn the_right_password_joins() {
    let server = setup().set("auth.algorithms", "[\"MD5\", \"SHA-256\"]").start();
    for udp in [true, false] {
        let user = |name| if udp { SipUser::udp(&server, name) } else { SipUser::tcp(&server, name) };
        let asked = Call::new(&user("alice"), &server.room("lobby")).ask_once(&mut user("alice"), "INVITE", "", "");
        let asked = challenges(&asked);
        let named: Vec<_> = asked.iter().map(|asked| parameter(asked, "algorithm")).collect();
        assert_eq!(named, ["SHA-256", "MD5"]);
        for challenge in &asked {
            assert_eq!(parameter(challenge, "realm"), DOMAIN);
            assert!(challenge.contains("qop=\"auth\""), "{challenge}");
            assert_eq!(parameter(challenge, "stale"), "");
        }
        for algorithm in ["SHA-256", "MD5"] {
            let mut login = user("alice").with_account();
            login.login.as_mut().unwrap().algorithm = algorithm;
            let mut alice = Participant::join_as(&server, login, "lobby", |offer| offer);
            alice.say("I am in");
            alice.leave();
        }
    }
}

/// SIP-123: a wrong password, that of another, and a user that does not exist are refused alike, and counted.
#[test]
fn the_wrong_password_does_not() {
    let server = setup().start();
    for udp in [true, false] {
        for (name, password) in [("alice", "guess"), ("alice", "s3cret of bob"), ("carol", "s3cret of carol")] {
            let user = if udp { SipUser::udp(&server, name) } else { SipUser::tcp(&server, name) };
            let refused = invite(&server, &mut user.with_account().with_password(password));
            let asked = challenges(&refused);
            assert_eq!(parameter(&asked[0], "stale"), "", "not to be tried again with the same");
        }
    }
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"wrong\"}", 6.0);
    server.shows("parlor_participants", 0.0);
}

/// Sends an INVITE with credentials that were changed, and returns what comes of it.
fn with_changed(server: &Server, user: &mut SipUser, change: impl FnOnce(&mut Credentials)) -> SipMessage {
    let mut call = Call::new(user, &server.room("lobby"));
    let sdp = offer(&own_path(user));
    let asked = call.ask_once(user, "INVITE", "", &sdp);
    let login = user.login.clone().unwrap();
    let mut credentials = login.credentials(&asked, "INVITE", &call.target, &sdp);
    change(&mut credentials);
    let response = call.ask_once(user, "INVITE", &credentials.header(), &sdp);
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
    }
    response
}

/// SIP-121, SIP-122, SIP-123: without `qop`, with a method, URI, nonce or algorithm that is not that of the request,
/// nothing is proven; the variants that were not offered but fit are.
#[test]
fn what_is_proven_is_this_request() {
    let server = setup().start();
    let changed = |change: fn(&mut Credentials)| with_changed(&server, &mut alice(&server), change).code();
    assert_eq!(changed(|credentials| credentials.qop = ""), 401);
    assert_eq!(changed(|credentials| credentials.method = "MESSAGE".to_owned()), 401);
    assert_eq!(changed(|credentials| credentials.uri = "sip:lobby@example.org".to_owned()), 400);
    assert_eq!(changed(|credentials| credentials.algorithm = "MD5".to_owned()), 401);
    assert_eq!(changed(|credentials| credentials.name = "bob".to_owned()), 401);
    assert_eq!(changed(|credentials| credentials.realm = "example.org".to_owned()), 401);
    assert_eq!(changed(|credentials| credentials.body = "v=1".to_owned()), 200, "auth does not protect it");
    let other_body = |credentials: &mut Credentials| {
        credentials.qop = "auth-int";
        credentials.body = "v=1".to_owned();
    };
    assert_eq!(changed(other_body), 401);
    assert_eq!(changed(|credentials| credentials.qop = "auth-int"), 200);
    assert_eq!(changed(|credentials| credentials.algorithm = "SHA-256-sess".to_owned()), 200);
}

/// SIP-124: a nonce that is not ours, too old, or of another time of the server gets `stale=true`, so that clients try
/// again by themselves; no password is wrong by that.
#[test]
fn stale_nonces() {
    let mut server = setup().start();
    let stale = |response: &SipMessage| parameter(&challenges(response)[0], "stale").to_owned();
    let made_up = with_changed(&server, &mut alice(&server), |credentials| credentials.nonce = "0".repeat(64));
    assert_eq!(stale(&made_up), "true");
    let mut user = SipUser::udp(&server, "alice").with_account();
    let mut call = Call::new(&user, &server.room("lobby"));
    let sdp = offer(&own_path(&user));
    let asked = call.ask_once(&mut user, "INVITE", "", &sdp);
    let answer = user.login.as_ref().unwrap().answer(&asked, "INVITE", &call.target, &sdp);
    server.kill_and_restart();
    let after = call.ask_once(&mut user, "INVITE", &answer, &sdp);
    assert_eq!(stale(&after), "true");
    let answer = user.login.as_ref().unwrap().answer(&after, "INVITE", &call.target, &sdp);
    assert_eq!(call.ask_once(&mut user, "INVITE", &answer, &sdp).code(), 200);
    let rejected = server.metrics();
    assert_eq!(rejected.value("parlor_rejected_total{layer=\"auth\",reason=\"wrong\"}"), 0.0);
    assert_eq!(rejected.value("parlor_rejected_total{layer=\"auth\",reason=\"stale\"}"), 1.0);
}

/// SIP-124 (RFC 7616 §5.5): what was proven once is not proven by repeating it; the next count is.
#[test]
fn replayed_credentials() {
    let server = setup().start();
    let mut user = alice(&server);
    let mut call = Call::new(&user, &server.room("lobby"));
    let sdp = offer(&own_path(&user));
    let asked = call.ask_once(&mut user, "INVITE", "", &sdp);
    let mut credentials = user.login.as_ref().unwrap().credentials(&asked, "INVITE", &call.target, &sdp);
    assert_eq!(call.ask_once(&mut user, "INVITE", &credentials.header(), &sdp).code(), 200);
    // The same again, as somebody would send it who has seen it go by.
    let mut again = Call::new(&user, &server.room("lobby"));
    let replayed = again.ask_once(&mut user, "INVITE", &credentials.header(), &sdp);
    assert_eq!(parameter(&challenges(&replayed)[0], "stale"), "true");
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"replayed\"}", 1.0);
    credentials.nc = 3;
    assert_eq!(again.ask_once(&mut user, "INVITE", &credentials.header(), &sdp).code(), 200);
    credentials.nc = 2;
    let mut overtaken = Call::new(&user, &server.room("lobby"));
    assert_eq!(overtaken.ask_once(&mut user, "INVITE", &credentials.header(), &sdp).code(), 200);
}

/// SIP-111: From is one of the user's own addresses, or hides it; with another it is 403, whatever the password.
#[test]
fn forged_from() {
    let server = setup().start();
    for own in ["tel:+1-555-1234", "sip:ally@example.net", "sip:anonymous@anonymous.invalid"] {
        assert_eq!(invite(&server, &mut alice(&server).with_address(own)).code(), 200, "{own}");
    }
    for other in [&format!("sip:bob@{DOMAIN}"), "sip:alice@example.org", "tel:+15551235"] {
        assert_eq!(invite(&server, &mut alice(&server).with_address(other)).code(), 403, "{other}");
    }
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"foreign_from\"}", 3.0);
}

/// CHAT-22, CHAT-24: what a message says that it is from fits the account: its address and its aliases, and no others.
#[test]
fn the_sender_of_a_message_is_the_account() {
    let server = setup().start();
    let mut alice = Participant::join_as(&server, alice(&server), "lobby", |offer| offer);
    let bob = SipUser::tcp(&server, "bob").with_account();
    let mut bob = Participant::join_as(&server, bob, "lobby", |offer| offer);
    let own =
        [alice.user.uri(), "tel:+15551234".to_owned(), format!("im:alice@{DOMAIN}"), "sip:ally@example.net".to_owned()];
    for from in own {
        let send = alice.sending(&cpim::text(&from, &alice.room, &from));
        assert_eq!(alice.ask(&send), 200, "{from}");
        bob.hears(&from);
    }
    for from in
        [bob.user.uri(), "tel:+15551235".to_owned(), format!("im:bob@{DOMAIN}"), "sip:alice@example.com".to_owned()]
    {
        let send = alice.sending(&cpim::text(&from, &alice.room, "forged"));
        assert_eq!(alice.ask(&send), 403, "{from}");
    }
}

/// SIP-125: in a dialog too, what changes something is asked for a password, and it must be that of who began it; what
/// only lives in the dialog is not.
#[test]
fn a_dialog_belongs_to_its_user() {
    let server = setup().start();
    let Joined { mut user, mut call, path, .. } = Joined::invite(&server, alice(&server), "lobby", |offer| offer);
    let sdp = offer(&path);
    assert_eq!(call.ask_once(&mut user, "INVITE", "", &sdp).code(), 401);
    let own = user.login.clone();
    // Somebody else's password, under its own address.
    let mut stolen = call.clone();
    stolen.from = stolen.from.replace("sip:alice@", "sip:bob@");
    user.login = SipUser::tcp(&server, "bob").with_account().login;
    assert_eq!(stolen.ask(&mut user, "INVITE", "", &sdp).code(), 403);
    // A guest, who is asked for nothing.
    let mut guest = stolen.clone();
    guest.from = guest.from.replace(DOMAIN, "example.org");
    assert_eq!(guest.ask_once(&mut user, "INVITE", "", &sdp).code(), 403);
    user.login = own;
    call.cseq = guest.cseq;
    assert_eq!(call.ask(&mut user, "INVITE", "", &sdp).code(), 200);
    user.send(call.ack(""));
    assert_eq!(call.ask_once(&mut user, "UPDATE", "", "").code(), 200);
    assert_eq!(call.ask_once(&mut user, "BYE", "", "").code(), 200);
}

/// SIP-31: CANCEL and ACK are asked for no password, of an INVITE that was asked for one or of none.
#[test]
fn what_is_never_challenged() {
    let server = setup().start();
    for udp in [true, false] {
        let mut user = if udp { SipUser::udp(&server, "alice") } else { SipUser::tcp(&server, "alice") };
        let mut never_sent = Call::new(&user, &server.room("lobby"));
        never_sent.invite("", "");
        user.send(never_sent.cancel());
        user.expect(481);
        let mut call = Call::new(&user, &server.room("lobby"));
        user.send(call.invite("", &offer(&own_path(&user))));
        let asked = user.expect(401);
        user.send(call.cancel());
        let cancelled = user.final_response();
        assert_eq!((cancelled.code(), cancelled.header("CSeq")), (200, "1 CANCEL"));
        user.send(call.ack_failure(&asked));
        assert!(user.unread(&server.room("lobby")).is_empty());
    }
}

/// MSRP-84, MSRP-152: whoever has proven who it is is connected to under a name as well.
#[test]
fn connected_to_by_name() {
    let server = setup().start();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let path = format!("msrp://localhost:{}/{};tcp", listener.local_addr().unwrap().port(), unique("s"));
    let passive = offer(&path).replace("a=setup:actpass", "a=setup:passive");
    let mut user = alice(&server);
    let mut call = Call::new(&user, &server.room("lobby"));
    let answer = call.ask_to_join(&mut user, "", &passive);
    assert_eq!((answer.code(), answer.attribute("setup")), (200, "active"));
    call.established(&answer);
    user.send(call.ack(""));
    let mut msrp = MsrpPeer::accepted(&listener);
    assert_eq!(msrp.receive().header("To-Path"), path);
}

/// Every method that SIP-125 names is challenged outside of dialogs, known room or not; OPTIONS is not.
#[test]
fn each_method_that_changes_something_is_challenged() {
    let server = setup().start();
    let mut user = alice(&server);
    for uri in [server.room("lobby"), server.room("nowhere"), format!("sip:{DOMAIN}")] {
        for method in ["SUBSCRIBE", "REFER", "MESSAGE", "REGISTER", "PUBLISH"] {
            user.send(user.request(method, &uri, "", ""));
            challenges(&user.expect(401));
        }
        user.send(user.request("OPTIONS", &uri, "", ""));
        user.expect(200);
    }
}

/// However often passwords are tried from one address, so many are looked at in a minute, the right one included.
#[test]
fn passwords_cannot_be_tried_for_ever() {
    let server = setup().set("auth.failures_per_address", "3").start();
    for _ in 0..3 {
        assert_eq!(invite(&server, &mut alice(&server).with_password("guess")).code(), 401);
    }
    for password in ["guess", "s3cret of alice"] {
        assert_eq!(invite(&server, &mut alice(&server).with_password(password)).code(), 403);
    }
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"too_many_of_address\"}", 2.0);
}

/// Who is in stays in and may come back, however many wrong passwords its neighbours send from the same address, its own
/// name's among them.
#[test]
fn neighbours_guess() {
    let server = setup().set("auth.failures_per_address", "3").start();
    let Joined { mut user, mut call, path, .. } = Joined::invite(&server, alice(&server), "lobby", |offer| offer);
    for name in ["bob", "alice"] {
        let guess = || SipUser::tcp(&server, name).with_account().with_password("guess");
        while invite(&server, &mut guess()).code() == 401 {}
        assert_eq!(invite(&server, &mut guess()).code(), 403);
        if name == "bob" {
            assert_eq!(invite(&server, &mut alice(&server)).code(), 200, "another device of hers");
        }
        assert_eq!(call.ask(&mut user, "INVITE", "", &offer(&path)).code(), 200, "while {name} is guessed");
        user.send(call.ack(""));
    }
    assert_eq!(invite(&server, &mut user).code(), 200);
}

/// What is written where credentials stand may break every rule, and costs a 400 or 401 and nothing else.
#[test]
fn credentials_that_are_none() {
    let mut server = setup().start();
    for value in [
        "",
        "Digest",
        "Digest ,",
        "Basic YWxpY2U6eA==",
        "Digest username=\"alice\"",
        "Digest username=\"alice",
        &format!("Digest realm=\"{DOMAIN}\", {}", "a=b, ".repeat(500)),
        &format!("Digest realm=\"{DOMAIN}\", username=\"{}\"", "\\\"".repeat(1000)),
        &format!(
            "Digest username=\"{}\", realm=\"{DOMAIN}\", nonce=\"\", uri=\"sip:{DOMAIN}\", response=\"\u{e9}\", \
             qop=auth, cnonce=\"\", nc=ffffffff",
            "x".repeat(2000)
        ),
    ] {
        let mut user = alice(&server);
        let mut call = Call::new(&user, &server.room("lobby"));
        let sdp = offer(&own_path(&user));
        let refused = call.ask_once(&mut user, "INVITE", &format!("Authorization: {value}\r\n"), &sdp);
        assert!([400, 401].contains(&refused.code()), "{value}: {refused:#?}");
    }
    assert_eq!(invite(&server, &mut alice(&server)).code(), 200);
    assert!(server.is_alive());
}

/// With `"none"` beside it guests join as whom they say, but not as anybody of ours.
#[test]
fn guests() {
    let server = setup().set("auth.mode", "[\"digest\", \"none\"]").start();
    let mut guest = Participant::join(&server, "guest");
    guest.say("hello");
    for ours in
        [&format!("sip:alice@{DOMAIN}"), &format!("sip:nobody@{DOMAIN}"), "tel:+15551234", "sip:ally@example.net"]
    {
        let mut user = SipUser::tcp(&server, "guest").with_address(ours);
        challenges(&invite(&server, &mut user));
    }
    let mut alice = Participant::join_as(&server, alice(&server), "lobby", |offer| offer);
    alice.say("hello guest");
    guest.hears("hello guest");
}
