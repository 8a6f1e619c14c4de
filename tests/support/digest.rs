//! Digest authentication as a client does it (RFC 7616 §3.4).

use md5::Md5;
use sha2::{Digest, Sha256};

use super::sip::SipMessage;
use super::unique;

/// The password that a test's user has unless told.
pub(crate) fn password(name: &str) -> String {
    format!("s3cret of {name}")
}

/// The name and the password that somebody answers with.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    name: String,
    password: String,
    /// Which algorithm it takes of those that it is asked for.
    pub(crate) algorithm: &'static str,
}

/// What credentials consist of; a test may change each before they are written.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) algorithm: String,
    pub(crate) nc: u32,
    /// `auth`, `auth-int`, or nothing in the style of RFC 2069.
    pub(crate) qop: &'static str,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) body: String,
}

impl Login {
    /// Somebody who takes the algorithm that is preferred.
    pub(crate) fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned(), algorithm: "SHA-256" }
    }

    /// The header that answers a challenge.
    pub(crate) fn answer(&self, challenge: &SipMessage, method: &str, uri: &str, body: &str) -> String {
        self.credentials(challenge, method, uri, body).header()
    }

    /// What answers a challenge.
    pub(crate) fn credentials(&self, challenge: &SipMessage, method: &str, uri: &str, body: &str) -> Credentials {
        let asked = challenges(challenge);
        let fitting = asked.iter().find(|asked| parameter(asked, "algorithm") == self.algorithm);
        let asked = fitting.unwrap_or_else(|| panic!("no challenge for {} in {challenge:#?}", self.algorithm));
        Credentials {
            name: self.name.clone(),
            password: self.password.clone(),
            realm: parameter(asked, "realm").to_owned(),
            nonce: parameter(asked, "nonce").to_owned(),
            algorithm: self.algorithm.to_owned(),
            nc: 1,
            qop: "auth",
            method: method.to_owned(),
            uri: uri.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl Credentials {
    /// An Authorization header.
    pub(crate) fn header(&self) -> String {
        let Self { name, password, realm, nonce, algorithm, nc, qop, method, uri, body } = self;
        let (hash, session): (fn(&str) -> String, bool) = match algorithm.as_str() {
            "SHA-256" => (sha256, false),
            "SHA-256-sess" => (sha256, true),
            "MD5" => (md5, false),
            "MD5-sess" => (md5, true),
            other => panic!("{other}"),
        };
        let cnonce = unique("c");
        let mut ha1 = hash(&format!("{name}:{realm}:{password}"));
        if session {
            ha1 = hash(&format!("{ha1}:{nonce}:{cnonce}"));
        }
        let ha2 = match *qop {
            "auth-int" => hash(&format!("{method}:{uri}:{}", hash(body))),
            _ => hash(&format!("{method}:{uri}")),
        };
        let fixed = format!("username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\"");
        if qop.is_empty() {
            let response = hash(&format!("{ha1}:{nonce}:{ha2}"));
            return format!("Authorization: Digest {fixed}, response=\"{response}\", algorithm={algorithm}\r\n");
        }
        let response = hash(&format!("{ha1}:{nonce}:{nc:08x}:{cnonce}:{qop}:{ha2}"));
        format!(
            "Authorization: Digest {fixed}, response=\"{response}\", algorithm={algorithm}, cnonce=\"{cnonce}\", \
             qop={qop}, nc={nc:08x}\r\n"
        )
    }
}

/// The challenges of a 401, as they stand there.
pub(crate) fn challenges(response: &SipMessage) -> Vec<String> {
    assert_eq!(response.code(), 401, "{response:#?}");
    let all = response.headers.all("WWW-Authenticate");
    assert!(!all.is_empty(), "{response:#?}");
    all.into_iter().map(|value| value.strip_prefix("Digest ").expect("digest").to_owned()).collect()
}

/// The value of a parameter of a challenge, without quotes; nothing if it is not there.
pub(crate) fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let found = challenge.split(", ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_default().trim_matches('"')
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
