//! Digest against the examples of the standards, and both sides of it against each other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::algorithm::{Variant, hex, unhex};
use super::credentials::Protection;
use super::param::Qop;
use super::proof::Proof;
use super::*;
use crate::{HeaderName, Headers, Method, Request, Response};

const AGE: Duration = Duration::from_secs(300);

/// The examples of RFC 7616 §3.9.1.
const RFC_7616: Proof<'_> = Proof {
    variant: Variant { algorithm: Algorithm::Md5, session: false },
    nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    protection: None,
    method: "GET",
    uri: "/dir/index.html",
    body: b"",
};

fn protection(qop: Qop, cnonce: &str) -> Protection {
    Protection { qop, cnonce: cnonce.into(), nc: 1 }
}

/// SIP-123: the examples of RFC 7616 §3.9.1, and one for SIP.
#[test]
fn responses_are_those_of_the_examples() {
    let given = protection(Qop::Auth, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    for (algorithm, response) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let ha1 = Ha1::new(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
        let variant = Variant { algorithm, session: false };
        assert_eq!(Proof { variant, protection: Some(&given), ..RFC_7616 }.response(&ha1), response);
    }
    let given = protection(Qop::Auth, "c0ffee");
    for (algorithm, response) in [
        (Algorithm::Md5, "9da08b0a6d3d87766489e4aae462038e"),
        (Algorithm::Sha256, "d438cb64c2b76115b6021f9b82f764b884bc39ec4704a61b958b7bfc2a3a2f91"),
    ] {
        let ha1 = Ha1::new(algorithm, "alice", "chat.example.com", "s3cret");
        let proof = Proof {
            variant: Variant { algorithm, session: false },
            nonce: "n0nce42",
            protection: Some(&given),
            method: "INVITE",
            uri: "sip:lobby@chat.example.com",
            body: b"",
        };
        assert_eq!(proof.response(&ha1), response);
    }
}

/// SIP-123: the example of RFC 2617 §3.5, its form without qop, with a key for the session, and with the body in it;
/// those were computed apart from this.
#[test]
fn every_variant_is_computed() {
    let ha1 = Ha1::new(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(ha1.hex(), "939e7578ed9e3c518a452acee763bce9");
    let old = Proof { nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", ..RFC_7616 };
    assert_eq!(old.response(&ha1), "670fd8c2df070c60b045671b8b24ff02");
    let given = protection(Qop::Auth, "0a4f113b");
    assert_eq!(Proof { protection: Some(&given), ..old }.response(&ha1), "6629fae49393a05397450978507c4ef1");
    let session = Variant { algorithm: Algorithm::Md5, session: true };
    let with_session = Proof { variant: session, protection: Some(&given), ..old };
    assert_eq!(with_session.response(&ha1), SESSION);
    let given = protection(Qop::AuthInt, "0a4f113b");
    let with_body = |body| Proof { protection: Some(&given), body, ..old }.response(&ha1);
    assert_eq!(with_body(b""), NO_BODY);
    assert_eq!(with_body(b"v=0"), BODY);
}

const SESSION: &str = "8e3825c57e897f5a0dec6c2d4e5059d0";
const NO_BODY: &str = "5e6610ecf9ba3017a4870ad48e3ad30b";
const BODY: &str = "5db8f67ee86f54b921ff197961aee76e";

#[test]
fn hexadecimal_is_read_back() {
    assert_eq!(hex(&[0x00, 0xff, 0x1a]), "00ff1a");
    assert_eq!(unhex("00FF1a"), Some(vec![0x00, 0xff, 0x1a]));
    for none in ["0", "0g", "é0", "+1"] {
        assert_eq!(unhex(none), None, "{none}");
    }
}

/// A name that ends within a character, one that is short, and those with `-sess` in any case.
#[test]
fn algorithms_are_found_by_name() {
    let session = |algorithm| Some(Variant { algorithm, session: true });
    assert_eq!(Variant::of(None), Some(Variant { algorithm: Algorithm::Md5, session: false }));
    assert_eq!(Variant::of(Some("sha-256-SESS")), session(Algorithm::Sha256));
    assert_eq!(Variant::of(Some("md5-sess")), session(Algorithm::Md5));
    for unknown in ["", "MD", "-sess", "SHA-512-256", "éééé", "aé-ses", "token"] {
        assert_eq!(Variant::of(Some(unknown)), None, "{unknown}");
    }
}

fn headers(name: &HeaderName, values: &[&str]) -> Headers {
    let mut headers = Headers::new();
    values.iter().for_each(|value| headers.push(name.clone(), value));
    headers
}

const CREDENTIALS: &str = "Digest username=\"alice\", realm=\"here\", nonce=\"n\", uri=\"sip:lobby@here\", \
    response=\"00\", algorithm=SHA-256, cnonce=\"c\", qop=auth, nc=0000001f";

/// SIP-122, SIP-123: credentials are found among those of other realms and schemes, and what is quoted or not, in which
/// order and case, does not matter.
#[test]
fn credentials_are_read_as_clients_write_them() {
    let read =
        |value: &str| headers(&HeaderName::Authorization, &[value]).credentials(&HeaderName::Authorization, "here");
    let usual = read(CREDENTIALS).unwrap().unwrap();
    assert_eq!(usual.to_string(), CREDENTIALS);
    let odd = "digest  nc=\"0000001F\" ,qop=\"auth\",CNONCE=\"c\" , algorithm=\"sha-256\",response=\"00\"\
        ,uri=\"sip:lobby@here\",nonce=n, realm=here,username=\"al\\ice\"";
    assert_eq!(read(odd).unwrap().unwrap(), usual);
    let others = ["Basic YWxpY2U6eA==", &CREDENTIALS.replace("here", "there"), CREDENTIALS];
    let several = headers(&HeaderName::Authorization, &others);
    assert_eq!(several.credentials(&HeaderName::Authorization, "here"), Ok(Some(usual)));
    assert_eq!(several.credentials(&HeaderName::ProxyAuthorization, "here"), Ok(None));
    for broken in [
        "",
        "Digest",
        "Digest username",
        "Digest username=\"alice",
        &CREDENTIALS.replace("username=\"alice\", ", ""),
        &CREDENTIALS.replace(", cnonce=\"c\"", ""),
        &CREDENTIALS.replace("0000001f", "1f"),
        &CREDENTIALS.replace("0000001f", "+000001f"),
        &CREDENTIALS.replace("qop=auth", "qop=auth-conf"),
        &format!("{CREDENTIALS}, Username=\"bob\""),
        &format!("{CREDENTIALS},"),
    ] {
        assert!(read(broken).is_err(), "{broken}");
    }
}

/// RFC 8760 §2.4: challenges in their order, without those of unknown schemes, algorithms and kinds of protection.
#[test]
fn challenges_are_read_in_their_order() {
    let values = [
        "Bearer realm=\"x\"",
        "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256, qop=\"auth\"",
        "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=\"auth-conf\"",
        "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256-sess, qop=\"auth-int, auth\", opaque=\"o\", stale=TRUE",
        "Digest realm=\"a\"",
        "Digest nonce=\"2\",realm=\"b\"",
    ];
    let found = headers(&HeaderName::WwwAuthenticate, &values).challenges(&HeaderName::WwwAuthenticate);
    let shown: Vec<_> = found.iter().map(Challenge::to_string).collect();
    assert_eq!(
        shown,
        [
            "Digest realm=\"a\", nonce=\"1\", opaque=\"o\", stale=true, algorithm=SHA-256-sess, qop=\"auth-int,auth\"",
            "Digest realm=\"b\", nonce=\"2\", algorithm=MD5",
        ]
    );
}

struct Scene {
    verifier: Verifier,
    now: Instant,
    rng: StdRng,
}

impl Scene {
    #[allow(clippy::disallowed_methods, reason = "any instant will do as the beginning of time")]
    fn new() -> Self {
        let (now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
        let algorithms = Box::new([Algorithm::Md5, Algorithm::Sha256]);
        let realm = Realm { name: "here".into(), algorithms, nonce_age: AGE, nonces: 100 };
        Self { verifier: Verifier::new(now, realm, &mut rng), now, rng }
    }

    /// What comes of a request of somebody whose password is `secret`.
    fn verify(&mut self, request: &Request) -> Result<(), Denied> {
        let credentials = request.headers.credentials(&HeaderName::Authorization, "here").unwrap().unwrap();
        let ha1 = credentials.algorithm().map(|algorithm| Ha1::new(algorithm, "alice", "here", "secret"));
        self.verifier.verify(self.now, b"peer", request, &credentials, ha1.as_ref())
    }

    fn challenge(&mut self) -> Response {
        let mut response = Response::new(401, "Unauthorized");
        for challenge in self.verifier.challenges(self.now, b"peer", false) {
            response.headers.push(HeaderName::WwwAuthenticate, challenge);
        }
        response
    }

    /// A request as it is sent after the challenge was answered.
    fn answered(&mut self, responder: &mut Responder, challenge: &Response) -> Request {
        let mut request = request();
        assert!(responder.challenged(&request, challenge));
        responder.authorize(&mut request, &mut self.rng);
        request
    }
}

fn request() -> Request {
    let mut request = Request::new(Method::Invite, "sip:lobby@here".parse().unwrap());
    request.body = Bytes::from_static(b"v=0");
    request
}

/// SIP-120, SIP-121, SIP-124: who knows the password is let in, each count once, as long as the nonce is young.
#[test]
fn both_sides_fit() {
    let mut scene = Scene::new();
    let mut alice = Responder::new("alice", "secret");
    let challenge = scene.challenge();
    let algorithms: Vec<_> = challenge.headers.all(&HeaderName::WwwAuthenticate).map(str::to_owned).collect();
    assert!(algorithms[0].contains("algorithm=SHA-256, qop=\"auth\""), "{algorithms:?}");
    assert!(algorithms[1].contains("algorithm=MD5, qop=\"auth\""), "{algorithms:?}");
    let mut request = scene.answered(&mut alice, &challenge);
    assert!(request.headers.first(&HeaderName::Authorization).unwrap().contains("algorithm=SHA-256"));
    assert_eq!(scene.verify(&request), Ok(()));
    assert_eq!(scene.verify(&request), Err(Denied::Replayed));
    alice.authorize(&mut request, &mut scene.rng);
    assert_eq!(scene.verify(&request), Ok(()), "the next count");
    alice.authorize(&mut request, &mut scene.rng);
    scene.now += AGE + Duration::from_secs(1);
    assert_eq!(scene.verify(&request), Err(Denied::Stale));
}

/// SIP-123: another password, user, method, URI or nonce proves nothing; another body only where it is protected.
#[test]
fn nothing_can_be_changed() {
    let mut scene = Scene::new();
    let challenge = scene.challenge();
    let wrong = scene.answered(&mut Responder::new("alice", "Secret"), &challenge);
    assert_eq!(scene.verify(&wrong), Err(Denied::Wrong));
    let right = scene.answered(&mut Responder::new("alice", "secret"), &challenge);
    let changed = |from: &str, to: &str| {
        let mut request = right.clone();
        let value = right.headers.first(&HeaderName::Authorization).unwrap().replace(from, to);
        assert_ne!(value, right.headers.first(&HeaderName::Authorization).unwrap(), "{from}");
        request.headers.set(HeaderName::Authorization, value);
        request
    };
    let with_nonce = |scene: &mut Scene| scene.verifier.challenges(scene.now, b"peer", false)[0].nonce.clone();
    let other_nonce = with_nonce(&mut scene);
    let own_nonce = challenge.headers.challenges(&HeaderName::WwwAuthenticate)[0].nonce.clone();
    assert_eq!(scene.verify(&changed("lobby", "other")), Err(Denied::Wrong));
    assert_eq!(scene.verify(&changed("SHA-256", "SHA-256-sess")), Err(Denied::Wrong));
    assert_eq!(scene.verify(&changed("nc=00000001", "nc=00000002")), Err(Denied::Wrong));
    assert_eq!(scene.verify(&changed(&own_nonce, &other_nonce)), Err(Denied::Wrong));
    assert_eq!(scene.verify(&changed(&own_nonce, "made up")), Err(Denied::Stale));
    assert_eq!(scene.verify(&changed("SHA-256", "SHA-512-256")), Err(Denied::Unasked));
    assert_eq!(scene.verify(&changed("qop=auth, ", "")), Err(Denied::Unasked), "SIP-121");
    assert_eq!(scene.verify(&Request { method: Method::Message, ..right.clone() }), Err(Denied::Wrong));
    assert_eq!(scene.verify(&Request { body: Bytes::new(), ..right.clone() }), Ok(()), "not protected");
    let credentials = right.headers.credentials(&HeaderName::Authorization, "here").unwrap().unwrap();
    let verifier = &mut scene.verifier;
    assert_eq!(verifier.verify(scene.now, b"peer", &right, &credentials, None), Err(Denied::Wrong));
    assert_eq!(verifier.verify(scene.now, b"else", &right, &credentials, None), Err(Denied::Stale));
}

/// RFC 8760 §2.4, RFC 7616: one that is asked for `auth-int`, for a key for the session or by a proxy does that.
#[test]
fn a_responder_does_as_it_is_asked() {
    let mut scene = Scene::new();
    let asked = |code, name, value: String| {
        let mut response = Response::new(code, "Unauthorized");
        response.headers.push(name, value);
        response
    };
    for form in ["algorithm=MD5, qop=\"auth-int\"", "algorithm=SHA-256-sess, qop=\"auth,auth-int\"", "qop=auth"] {
        let nonce = scene.verifier.challenges(scene.now, b"peer", false)[0].nonce.clone();
        let value = format!("Digest realm=\"here\", nonce=\"{nonce}\", opaque=\"o\", {form}");
        let challenge = asked(401, HeaderName::WwwAuthenticate, value);
        let mut request = scene.answered(&mut Responder::new("alice", "secret"), &challenge);
        let told = request.headers.first(&HeaderName::Authorization).unwrap();
        assert!(told.ends_with("opaque=\"o\""), "{told}");
        if form.contains("\"auth-int\"") {
            let original = std::mem::replace(&mut request.body, Bytes::from_static(b"v=1"));
            assert_eq!(scene.verify(&request), Err(Denied::Wrong), "the body is protected");
            request.body = original;
        }
        assert_eq!(scene.verify(&request), Ok(()), "{form}");
    }
    let mut alice = Responder::new("alice", "secret");
    let of_proxy = asked(407, HeaderName::ProxyAuthenticate, "Digest realm=\"p\", nonce=\"1\"".to_owned());
    let request = scene.answered(&mut alice, &of_proxy);
    assert!(request.headers.has(&HeaderName::ProxyAuthorization) && !request.headers.has(&HeaderName::Authorization));
    assert!(!alice.challenged(&request, &of_proxy), "the password is wrong");
    let stale = asked(407, HeaderName::ProxyAuthenticate, "Digest realm=\"p\", nonce=\"2\", stale=true".to_owned());
    assert!(alice.challenged(&request, &stale));
    assert!(!alice.challenged(&request, &Response::new(401, "Unauthorized")), "nothing to answer");
    assert!(!alice.challenged(&request, &Response::new(403, "Forbidden")));
    let shown = format!("{alice:?}{:?}", Ha1::new(Algorithm::Md5, "alice", "here", "secret"));
    assert!(!shown.contains("secret") && !shown.contains("hex"), "{shown}");
}

/// RFC 3261 §22.3: credentials for our realm go no further, those for others do.
#[test]
fn credentials_of_a_realm_are_taken_away() {
    let digest = |realm: &str| {
        format!(
            "Digest username=\"alice\", realm=\"{realm}\", nonce=\"n\", uri=\"sip:example.com\", \
             response=\"00000000000000000000000000000000\""
        )
    };
    let mut headers = crate::header::Headers::new();
    headers.push(HeaderName::Authorization, digest("here"));
    headers.push(HeaderName::ProxyAuthorization, digest("there"));
    headers.push(HeaderName::ProxyAuthorization, digest("here"));
    headers.push(HeaderName::Authorization, "Bearer x");
    headers.push(HeaderName::Subject, digest("here"));
    headers.remove_credentials("here");
    let left: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["Proxy-Authorization", "Authorization", "Subject"]);
}
