//! The same over IPv6.

use std::net::{Ipv6Addr, TcpListener};

use crate::support::participant::Participant;
use crate::support::server::Setup;
use crate::support::sip::SipUser;

/// MSRP-E13: SIP over UDP and TCP, SDP with IP6, and paths with brackets.
#[test]
fn chat_over_ipv6() {
    let loopback = Ipv6Addr::LOCALHOST;
    if TcpListener::bind((loopback, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let server = Setup::default().address(loopback.into()).start();
    let mut alice = Participant::join(&server, "alice");
    assert!(alice.session.starts_with(&format!("msrp://[::1]:{}/", server.msrp.port())), "{}", alice.session);
    let mut bob = Participant::join_as(&server, SipUser::udp(&server, "bob"), "lobby", |offer| offer);
    alice.say("hello over there");
    bob.hears("hello over there");
    bob.say("hello");
    alice.hears("hello");
    let by_address =
        alice.sending(&crate::support::cpim::text(alice.user.uri(), format!("sip:lobby@{}", server.sip), "by address"));
    assert_eq!(alice.ask(&by_address), 200);
    bob.hears("by address");
    bob.leave();
    alice.leave();
}
