//! What the gate lets through, by what it is configured for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_focus::Caller;
use parlor_room::Hosts;
use parlor_sip::digest::Responder;
use parlor_sip::{Flow, HeaderName, Limits, Message, Request, Response, Transport, parse_datagram};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::directory::tests::directory;
use super::{Denial, Directory, Gate, Role};
use crate::config::Config;
use crate::metrics::Rejected;

const PHONE: &str = "192.0.2.9:5060";
const PROXY: &str = "192.0.2.5:5060";

struct Scene {
    gate: Gate,
    now: Instant,
    rng: StdRng,
    _users: watch::Sender<Arc<Directory>>,
}

impl Scene {
    /// With `[auth]` as written, and the users alice and bob, each with its name for password.
    fn new(auth: &str) -> Self {
        let text = format!("domain = \"example.com\"\n[auth]\n{auth}\n");
        let config = Config::parse(&text).expect("correct");
        let users = directory(&config, &[("alice", &["tel:+15551234", "sip:ally@example.net"]), ("bob", &[])]);
        let (tell, users) = watch::channel(Arc::new(users));
        let now = Instant::now();
        let hosts = Arc::new(Hosts::new("example.com", ["192.0.2.1".to_owned()]));
        let gate = Gate::new(now, &config, hosts, users);
        Self { gate, now, rng: StdRng::seed_from_u64(1), _users: tell }
    }

    fn admit(&mut self, request: &Request, from: &str) -> Result<Caller, Denial> {
        let local = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local, remote: from.parse().unwrap(), connection: None };
        let mut request = request.clone();
        request.headers.push(HeaderName::PPreferredIdentity, "<sip:bob@example.com>");
        let admitted = self.gate.admit(self.now, &mut request, &flow, Role::Server);
        assert!(!request.headers.has(&HeaderName::PAssertedIdentity), "SIP-110");
        assert!(!request.headers.has(&HeaderName::PPreferredIdentity), "SIP-113");
        admitted
    }

    /// The code of what is answered; 200 when it goes on.
    fn code(&mut self, request: &Request, from: &str) -> u16 {
        match self.admit(request, from) {
            Ok(_) => 200,
            Err(Denial::Challenge(challenges, _)) => {
                assert!(!challenges.is_empty());
                401
            }
            Err(Denial::Forbidden(_)) => 403,
            Err(Denial::Malformed(_)) => 400,
        }
    }

    /// Who the caller is found to be: nobody if nothing is proven.
    fn who(&mut self, request: &Request, from: &str) -> String {
        let caller = self.admit(request, from).expect("it goes on");
        caller.verified.map(|account| account.aor.to_string()).unwrap_or_default()
    }

    /// The request with the right answer to a challenge.
    fn answered(&mut self, request: &Request, from: &str, name: &str, password: &str) -> Request {
        let Err(Denial::Challenge(challenges, _)) = self.admit(request, from) else { panic!("no challenge") };
        let mut response = Response::new(401, "Unauthorized");
        challenges.iter().for_each(|challenge| response.headers.push(HeaderName::WwwAuthenticate, challenge));
        let mut responder = Responder::new(name, password);
        let mut request = request.clone();
        assert!(responder.challenged(&request, &response));
        responder.authorize(&mut request, &mut self.rng);
        request
    }

    fn counted(&mut self, request: &Request, from: &str) -> Rejected {
        match self.admit(request, from) {
            Err(Denial::Challenge(_, Some(counted)) | Denial::Forbidden(counted)) => counted,
            other => panic!("{other:?}"),
        }
    }
}

fn request(method: &str, from: &str, more: &str) -> Request {
    let text = format!(
        "{method} sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCall-ID: c\r\n\
         From: <{from}>;tag=1\r\nTo: <sip:lobby@example.com>\r\nCSeq: 1 {method}\r\n{more}\r\n"
    );
    match parse_datagram(&Bytes::from(text), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn invite(from: &str) -> Request {
    request("INVITE", from, "")
}

fn in_dialog(mut request: Request) -> Request {
    request.headers.set(HeaderName::To, "<sip:lobby@example.com>;tag=2");
    request
}

const ALICE: &str = "sip:alice@example.com";
const GUEST: &str = "sip:guest@example.org";
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// SIP-110: where nothing is to be proven, all goes on, with From alone.
#[test]
fn without_proof_it_is_whom_from_names() {
    let mut scene = Scene::new("mode = \"none\"");
    let asserting = request("INVITE", GUEST, "P-Asserted-Identity: <sip:alice@example.com>\r\n");
    for request in [invite(ALICE), asserting, invite(NOBODY), invite("tel:+15551234")] {
        assert_eq!(scene.who(&request, PHONE), "");
    }
}

/// SIP-125: those methods are challenged that begin or change something, in dialogs and outside; those that only live
/// in a dialog are not.
#[test]
fn what_is_challenged() {
    let mut scene = Scene::new("mode = \"digest\"");
    for method in ["INVITE", "SUBSCRIBE", "REFER", "MESSAGE", "REGISTER", "PUBLISH"] {
        let request = request(method, ALICE, "");
        assert_eq!(scene.code(&request, PHONE), 401, "{method}");
        assert_eq!(scene.code(&in_dialog(request), PHONE), 401, "{method} in a dialog");
    }
    for method in ["BYE", "UPDATE", "OPTIONS", "INFO", "NOTIFY", "PRACK"] {
        assert_eq!(scene.code(&in_dialog(request(method, ALICE, "")), PHONE), 200, "{method}");
    }
    assert_eq!(scene.code(&invite(GUEST), PHONE), 401);
    assert_eq!(scene.code(&invite(NOBODY), PHONE), 401);
    // Whose dialog it is, its room knows: nothing is proven by getting there.
    assert_eq!(scene.who(&in_dialog(invite(GUEST)), PHONE), "");
    assert_eq!(scene.code(&in_dialog(invite(NOBODY)), PHONE), 401);
}

/// SIP-111: From is an address of the user, at any host of ours, or hides; CHAT-22: what From names is the user's too.
#[test]
fn from_must_be_an_address_of_the_user() {
    let mut scene = Scene::new("mode = \"digest\"");
    for own in
        [ALICE, "sips:alice@192.0.2.1:5061", "im:alice@example.com", "tel:+1-555-1234", "sip:ally@example.net", NOBODY]
    {
        let request = scene.answered(&invite(own), PHONE, "alice", "alice");
        let account = scene.admit(&request, PHONE).expect("it goes on").verified.expect("verified");
        assert_eq!(account.aor.to_string(), ALICE, "{own}");
        let from = own.parse().unwrap();
        let is_own = |uri: &parlor_sip::Uri| uri.same_user_and_host(&from);
        assert!(own == NOBODY || is_own(&account.aor) || account.aliases.iter().any(is_own), "{own}");
    }
    for other in
        ["sip:bob@example.com", "sip:bob@192.0.2.1", GUEST, "sip:alice@example.org", "tel:+15551235", "sip:example.com"]
    {
        let request = scene.answered(&invite(other), PHONE, "alice", "alice");
        assert_eq!(scene.counted(&request, PHONE), Rejected::AuthForeignFrom, "{other}");
    }
}

/// SIP-121 … 124: what proves nothing is challenged again, and says why to those who count.
#[test]
fn what_proves_nothing() {
    let mut scene = Scene::new("mode = \"digest\"\nnonce_age = \"10s\"");
    for (name, password) in [("alice", "bob"), ("carol", "carol"), ("Alice", "alice"), ("alice", "")] {
        let request = scene.answered(&invite(ALICE), PHONE, name, password);
        assert_eq!(scene.counted(&request, PHONE), Rejected::AuthWrong, "{name}");
    }
    let right = scene.answered(&invite(ALICE), PHONE, "alice", "alice");
    assert_eq!(scene.counted(&right, "192.0.2.10:5060"), Rejected::AuthStale, "from elsewhere");
    assert_eq!(scene.code(&right, PHONE), 200);
    assert_eq!(scene.counted(&right, PHONE), Rejected::AuthReplayed);
    scene.now += Duration::from_secs(11);
    assert_eq!(scene.counted(&right, PHONE), Rejected::AuthStale);
    let changed = |from: &str, to: &str| {
        let mut request = right.clone();
        let value = right.headers.first(&HeaderName::Authorization).unwrap().replace(from, to);
        request.headers.set(HeaderName::Authorization, value);
        request
    };
    assert_eq!(scene.counted(&changed("qop=auth, ", ""), PHONE), Rejected::AuthUnasked);
    assert_eq!(scene.counted(&changed("algorithm=SHA-256", "algorithm=MD5"), PHONE), Rejected::AuthUnasked);
    assert_eq!(scene.code(&changed("sip:lobby@example.com", "sip:lobby@example.org"), PHONE), 400, "SIP-122");
    assert_eq!(scene.code(&changed("sip:lobby@example.com", "/"), PHONE), 400, "SIP-122");
    assert_eq!(scene.code(&changed("username", "user"), PHONE), 400);
    assert_eq!(scene.code(&changed("Digest", "Basic"), PHONE), 401, "SIP-122");
}

/// Wrong passwords of one address are limited, and no others suffer for it; so are those of one IPv6 network.
#[test]
fn passwords_cannot_be_tried_for_ever() {
    let mut scene = Scene::new("mode = \"digest\"\nfailures_per_address = 3");
    for (address, other) in [(PHONE, "192.0.2.10:5060"), ("[2001:db8::1]:5060", "[2001:db8:0:1::1]:5060")] {
        for _ in 0..3 {
            let wrong = scene.answered(&invite(ALICE), address, "alice", "guess");
            assert_eq!(scene.counted(&wrong, address), Rejected::AuthWrong);
        }
        let right = scene.answered(&invite(ALICE), address, "alice", "alice");
        assert_eq!(scene.counted(&right, address), Rejected::AuthTooManyOfAddress);
        let right = scene.answered(&invite(ALICE), other, "alice", "alice");
        assert_eq!(scene.code(&right, other), 200);
    }
    scene.now += Duration::from_secs(180);
    let right = scene.answered(&invite(ALICE), PHONE, "alice", "alice");
    assert_eq!(scene.code(&right, PHONE), 200);
}

/// Whatever neighbours behind one's address guess, who has shown its password there goes on, in its dialogs and outside.
#[test]
fn neighbours_do_not_shut_each_other_out() {
    let mut scene = Scene::new("mode = \"digest\"\nfailures_per_address = 3");
    let right = scene.answered(&invite(ALICE), PHONE, "alice", "alice");
    assert_eq!(scene.who(&right, PHONE), ALICE);
    let neighbour = "192.0.2.9:40000";
    for name in ["bob", "alice"] {
        let mut guess = || {
            let wrong = scene.answered(&invite(ALICE), neighbour, name, "guess");
            scene.code(&wrong, neighbour)
        };
        while guess() == 401 {}
        for request in [invite(ALICE), in_dialog(invite(ALICE)), in_dialog(request("SUBSCRIBE", ALICE, ""))] {
            let right = scene.answered(&request, PHONE, "alice", "alice");
            assert_eq!(scene.who(&right, PHONE), ALICE, "while {name} is guessed");
        }
    }
    let stranger = scene.answered(&invite("sip:bob@example.com"), PHONE, "bob", "bob");
    assert_eq!(scene.counted(&stranger, PHONE), Rejected::AuthTooManyOfAddress, "nobody has seen bob there");
}

/// Guests are whom their From names, but nobody of ours.
#[test]
fn guests() {
    let mut scene = Scene::new("mode = [\"none\", \"digest\"]");
    assert_eq!(scene.who(&invite(GUEST), PHONE), "");
    assert_eq!(scene.who(&invite(NOBODY), PHONE), "");
    for ours in [
        ALICE,
        "sip:nobody@example.com",
        "sip:x@192.0.2.1",
        "tel:+15551234",
        "sip:ally@example.net",
        "im:alice@example.com",
        "im:ally@example.net",
    ] {
        assert_eq!(scene.code(&invite(ours), PHONE), 401, "{ours}");
        assert_eq!(scene.code(&in_dialog(invite(ours)), PHONE), 401, "{ours}");
    }
    let mut scene = Scene::new("mode = [\"none\", \"trusted-proxy\"]\ntrusted_proxies = [\"192.0.2.5\"]");
    assert_eq!(scene.who(&invite(GUEST), PHONE), "");
    assert_eq!(scene.counted(&invite(ALICE), PHONE), Rejected::AuthUnproven);
}

/// SIP-110, SIP-111 (RFC 3325 §§5, 9.1): a trusted proxy says who it is, and nobody else does.
#[test]
fn trusted_proxies() {
    let mut scene = Scene::new("mode = \"trusted-proxy\"\ntrusted_proxies = [\"192.0.2.0/29\"]");
    let asserting = |from: &str, lines: &str| request("INVITE", from, lines);
    let alice = "P-Asserted-Identity: \"A\" <sip:alice@192.0.2.1:5060;transport=udp>\r\n";
    let guest = "P-Asserted-Identity: <sip:guest@example.org:5070>, <tel:+15559999>\r\n";
    assert_eq!(scene.who(&asserting(ALICE, alice), PROXY), ALICE);
    assert_eq!(scene.who(&asserting("tel:+15551234", alice), PROXY), ALICE, "its aliases are known");
    assert_eq!(scene.who(&asserting(NOBODY, alice), PROXY), ALICE);
    assert_eq!(scene.who(&asserting(GUEST, guest), PROXY), GUEST);
    assert_eq!(scene.who(&asserting("tel:+15559999", guest), PROXY), GUEST);
    let tel = "P-Asserted-Identity: <tel:+1-555-1234>\r\n";
    assert_eq!(scene.who(&asserting(ALICE, tel), PROXY), ALICE);
    let tel = "P-Asserted-Identity: <tel:+15559999>\r\n";
    assert_eq!(scene.who(&asserting("tel:+15559999", tel), PROXY), "tel:+15559999");
    assert_eq!(scene.counted(&asserting("sip:bob@example.com", alice), PROXY), Rejected::AuthForeignFrom);
    for (asserted, from) in
        [(alice, PHONE), ("", PROXY), ("", PHONE), ("P-Asserted-Identity: <sip:x@a.invalid>\r\n", PROXY)]
    {
        assert_eq!(scene.counted(&asserting(ALICE, asserted), from), Rejected::AuthUnproven, "{asserted} {from}");
    }
    let later = scene.admit(&in_dialog(invite(ALICE)), PROXY).expect("it goes on");
    assert!(later.through_trusted && later.verified.is_none());
    assert_eq!(scene.code(&in_dialog(invite(ALICE)), PHONE), 403);
    assert_eq!(scene.who(&in_dialog(request("UPDATE", ALICE, alice)), PROXY), ALICE);
}

/// With a proxy and passwords either will do; through the proxy there is no limit of failures.
#[test]
fn a_proxy_or_a_password() {
    let auth = "mode = [\"digest\", \"trusted-proxy\"]\ntrusted_proxies = [\"192.0.2.5\"]\nfailures_per_address = 1";
    let mut scene = Scene::new(auth);
    assert_eq!(scene.who(&request("INVITE", ALICE, "P-Asserted-Identity: <sip:alice@example.com>\r\n"), PROXY), ALICE);
    for from in [PROXY, PHONE] {
        let right = scene.answered(&invite(ALICE), from, "alice", "alice");
        assert_eq!(scene.who(&right, from), ALICE);
    }
    for _ in 0..3 {
        let wrong = scene.answered(&invite(ALICE), PROXY, "alice", "guess");
        assert_eq!(scene.counted(&wrong, PROXY), Rejected::AuthWrong);
    }
    assert_eq!(scene.code(&request("OPTIONS", ALICE, ""), PHONE), 200);
}
