//! A proxy in front of the server says who somebody is (RFC 3325).

use std::net::UdpSocket;

use crate::support::cpim;
use crate::support::digest::challenges;
use crate::support::participant::{Participant, own_path};
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::wire::Wire;

/// Where the proxy is; users are at 127.0.0.1.
const PROXY: &str = "127.0.0.2";

fn setup(mode: &str) -> Setup {
    Setup::default()
        .set("auth.mode", mode)
        .set("auth.trusted_proxies", &format!("[\"{PROXY}\"]"))
        .user("alice", &["tel:+15551234"])
}

/// Somebody behind the proxy.
fn behind_proxy(server: &Server, name: &str) -> SipUser {
    SipUser::udp_from(server, name, UdpSocket::bind((PROXY, 0)).unwrap()).with_address(&format!("sip:{name}@{DOMAIN}"))
}

fn invite(server: &Server, user: &mut SipUser, headers: &str) -> SipMessage {
    let mut call = Call::new(user, &server.room("lobby"));
    let sdp = offer(&own_path(user));
    let response = call.ask_to_join(user, headers, &sdp);
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
    }
    response
}

fn asserting(uri: &str) -> String {
    format!("P-Asserted-Identity: <{uri}>\r\n")
}

/// SIP-110: whom a trusted proxy asserts is in without a password, and only what fits that is believed of its From.
#[test]
fn whom_the_proxy_asserts_is_let_in() {
    let server = setup("\"trusted-proxy\"").start();
    let alice = format!("sip:alice@{DOMAIN}");
    for (from, asserted) in [
        (alice.as_str(), asserting(&alice)),
        (&alice, format!("P-Asserted-Identity: \"Alice\" <{alice};transport=udp>, <tel:+15559999>\r\n")),
        (&alice, asserting("tel:+1-555-1234")),
        ("tel:+15551234", asserting(&alice)),
        ("sip:carol@example.org", asserting("sip:carol@example.org")),
        ("sip:anonymous@anonymous.invalid", asserting(&alice)),
    ] {
        let mut user = behind_proxy(&server, "alice").with_address(from);
        assert_eq!(invite(&server, &mut user, &asserted).code(), 200, "{from} {asserted}");
    }
    for (from, asserted) in [
        (alice.as_str(), asserting("sip:carol@example.org")),
        ("sip:carol@example.org", asserting(&alice)),
        (&alice, String::new()),
        (&alice, "P-Asserted-Identity: nobody\r\n".to_owned()),
    ] {
        let mut user = behind_proxy(&server, "alice").with_address(from);
        assert_eq!(invite(&server, &mut user, &asserted).code(), 403, "{from} {asserted}");
    }
}

/// SIP-110, SIP-113: anybody else may assert what it wants and gains nothing.
#[test]
fn others_assert_in_vain() {
    let alice = format!("sip:alice@{DOMAIN}");
    let server = setup("\"trusted-proxy\"").start();
    for mut user in [SipUser::udp(&server, "alice"), SipUser::tcp(&server, "alice")] {
        let own = asserting(&user.uri());
        assert_eq!(invite(&server, &mut user, &own).code(), 403);
        assert_eq!(invite(&server, &mut user.with_address(&alice), &asserting(&alice)).code(), 403);
    }
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"unproven\"}", 4.0);
    let server = setup("[\"none\", \"trusted-proxy\"]").start();
    let guest = SipUser::tcp(&server, "guest");
    let mut call = Call::new(&guest, &server.room("lobby"));
    let path = own_path(&guest);
    let mut user = guest;
    let answer = call.ask_to_join(&mut user, &asserting(&alice), &offer(&path));
    assert_eq!(answer.code(), 200, "as the guest that From names");
    call.established(&answer);
    user.send(call.ack(""));
    let (session, room) = (answer.attribute("path").to_owned(), server.room("lobby"));
    let msrp = crate::support::msrp::MsrpPeer::over(Wire::connect(server.msrp));
    let joined = crate::support::participant::Joined { user, call, path, session, room, answer };
    let mut guest: Participant = joined.bind(msrp);
    let forged = guest.sending(&cpim::text(&alice, &guest.room, "forged"));
    assert_eq!(guest.ask(&forged), 403);
    guest.say("as myself");
}

/// SIP-125: behind the proxy what follows in a dialog need not be asserted again; from elsewhere it is refused.
#[test]
fn in_a_dialog_the_proxy_need_not_say_it_again() {
    let server = setup("\"trusted-proxy\"").start();
    let alice = format!("sip:alice@{DOMAIN}");
    let mut user = behind_proxy(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let sdp = offer(&own_path(&user));
    let answer = call.ask_to_join(&mut user, &asserting(&alice), &sdp);
    call.established(&answer);
    user.send(call.ack(""));
    assert_eq!(call.ask_once(&mut user, "INVITE", "", &sdp).code(), 200);
    user.send(call.ack(""));
    let mut other = SipUser::udp(&server, "alice").with_address(&alice);
    assert_eq!(call.ask_once(&mut other, "INVITE", &asserting(&alice), &sdp).code(), 403);
    let mut guest = call.clone();
    guest.from = guest.from.replace(&alice, "sip:guest@example.org");
    assert_eq!(guest.ask_once(&mut other, "INVITE", "", &sdp).code(), 403);
    call.cseq = guest.cseq;
    assert_eq!(call.ask_once(&mut user, "BYE", "", "").code(), 200);
}

/// With passwords beside it, either will do: whom the proxy does not assert is asked.
#[test]
fn a_password_will_do_too() {
    let server = setup("[\"digest\", \"trusted-proxy\"]").start();
    let mut asserted = behind_proxy(&server, "alice");
    let uri = asserted.uri();
    assert_eq!(invite(&server, &mut asserted, &asserting(&uri)).code(), 200);
    challenges(&invite(&server, &mut behind_proxy(&server, "alice"), ""));
    assert_eq!(invite(&server, &mut behind_proxy(&server, "alice").with_account(), "").code(), 200);
    assert_eq!(invite(&server, &mut SipUser::tcp(&server, "alice").with_account(), "").code(), 200);
    challenges(&invite(&server, &mut SipUser::tcp(&server, "alice"), &asserting(&uri)));
}
