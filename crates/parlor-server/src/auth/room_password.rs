//! Rooms that one may join only with a password: a digest realm for each (RFC 3261 §22.4).

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use parlor_room::Hosts;
use parlor_sip::digest::{Algorithm, Challenge, Credentials, Denied, Ha1, Realm, Verifier};
use parlor_sip::{Flow, HeaderError, HeaderName, Method, Request};

use super::algorithms;
use super::failures::Failures;
use super::gate::{Denial, NONCES, binding, is_for_us};
use crate::config::{Config, secret_in};
use crate::metrics::Rejected;

/// At how many ports of a network somebody is known by the password of a room, which many there may know.
const PORTS: usize = 64;

/// Asks for the passwords of rooms.
#[derive(Debug)]
pub(crate) struct RoomPasswords {
    verifier: Verifier,
    domain: Box<str>,
    rooms: HashMap<Box<str>, Option<Secret>>,
    /// For rooms made on demand.
    others: Option<Secret>,
    failures: Failures,
}

/// What is known of a room's password.
enum Secret {
    /// Its hashes with the room's name for the user's.
    Hashed(Vec<Ha1>),
    /// The password: then any user name will do.
    Plain(Box<str>),
}

/// It stays out of logs.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The realm of a room's password: its URI (SIP-125).
fn realm_of(room: &str, domain: &str) -> String {
    format!("sip:{room}@{}", domain.to_ascii_lowercase())
}

/// The hashes of a room's password, as its configuration has them.
pub(crate) fn hashed(config: &Config, room: &str, password: &str) -> Vec<Ha1> {
    let realm = realm_of(room, &config.domain);
    algorithms(config).iter().map(|algorithm| Ha1::new(*algorithm, room, &realm, password)).collect()
}

impl RoomPasswords {
    /// Those of the configuration.
    ///
    /// # Errors
    /// When a file cannot be read that holds one.
    pub(crate) fn load(now: Instant, config: &Config) -> Result<Self> {
        let mut rooms = HashMap::new();
        for room in &config.room {
            let secret = match (&room.password, &room.rules.password_file) {
                (Some(hashed), _) => Some(Secret::Hashed(hashed.hashes().to_vec())),
                (None, Some(file)) => Some(Secret::of_file(file)?),
                (None, None) => None,
            };
            rooms.insert(room.name.as_str().into(), secret);
        }
        // Each challenge names its own realm instead.
        let realm = Realm {
            name: config.realm().into(),
            algorithms: algorithms(config),
            nonce_age: config.auth.nonce_age,
            nonces: NONCES,
        };
        Ok(Self {
            verifier: Verifier::new(now, realm, &mut rand::rng()),
            domain: config.domain.as_str().into(),
            rooms,
            others: config.room_rules.password_file.as_deref().map(Secret::of_file).transpose()?,
            failures: Failures::new(now, config.auth.failures_per_address, PORTS),
        })
    }

    /// Whether a request outside of dialogs may go on to a room. Who would join, learn who is in, say something there or have
    /// others brought in must know the password: where nobody proves who it is, it may be somebody else than a participant.
    /// OPTIONS tells only what a room tells anybody.
    ///
    /// # Errors
    /// What must be proven first. A wrong password is not asked for again: clients would go on to answer with that of
    /// their account.
    pub(super) fn check(
        &mut self,
        now: Instant,
        room: &str,
        request: &Request,
        flow: &Flow,
        hosts: &Hosts,
        trusted: bool,
    ) -> Result<(), Denial> {
        let secret = self.rooms.get(room).unwrap_or(&self.others);
        let asks = matches!(request.method, Method::Invite | Method::Subscribe | Method::Message | Method::Refer);
        let Some(secret) = secret.as_ref().filter(|_| asks) else { return Ok(()) };
        let (address, realm) = (flow.remote.ip(), realm_of(room, &self.domain));
        // A nonce of one room is none of another.
        let peer = [&*binding(address), realm.as_bytes()].concat();
        let Some(credentials) = request.headers.credentials(&HeaderName::Authorization, &realm)? else {
            return Err(Denial::Challenge(challenges(&mut self.verifier, now, &peer, &realm, false), None));
        };
        if !is_for_us(&credentials, request, hosts) {
            return Err(HeaderError::Malformed(HeaderName::Authorization).into());
        }
        if !trusted && self.failures.are_too_many(now, flow.remote, room) {
            return Err(Denial::Forbidden(Rejected::AuthTooManyOfAddress));
        }
        let ha1 = credentials.algorithm().and_then(|algorithm| secret.ha1(algorithm, room, &realm, &credentials));
        match self.verifier.verify(now, &peer, request, &credentials, ha1.as_ref()) {
            Ok(()) => {
                if !trusted {
                    self.failures.note_right(now, flow.remote, room);
                }
                Ok(())
            }
            Err(Denied::Wrong) => {
                if !trusted {
                    self.failures.note_wrong(now, flow.remote, room);
                }
                Err(Denial::Forbidden(counted(Denied::Wrong)))
            }
            Err(denied @ (Denied::Unasked | Denied::Stale | Denied::Replayed)) => {
                let stale = denied != Denied::Unasked;
                let challenges = challenges(&mut self.verifier, now, &peer, &realm, stale);
                Err(Denial::Challenge(challenges, Some(counted(denied))))
            }
        }
    }
}

impl Secret {
    fn of_file(file: &Path) -> Result<Self> {
        let secret = secret_in(file).with_context(|| file.display().to_string())?;
        Ok(Self::Plain(secret.into()))
    }

    fn ha1(&self, algorithm: Algorithm, room: &str, realm: &str, credentials: &Credentials) -> Option<Ha1> {
        match self {
            Self::Hashed(hashes) if *credentials.username == *room => {
                hashes.iter().find(|ha1| ha1.algorithm() == algorithm).cloned()
            }
            Self::Hashed(_) => None,
            Self::Plain(password) => Some(Ha1::new(algorithm, &credentials.username, realm, password)),
        }
    }
}

fn challenges(verifier: &mut Verifier, now: Instant, peer: &[u8], realm: &str, stale: bool) -> Vec<Challenge> {
    let mut challenges = verifier.challenges(now, peer, stale);
    challenges.iter_mut().for_each(|challenge| challenge.realm = realm.into());
    challenges
}

/// How it counts that credentials prove nothing.
pub(super) fn counted(denied: Denied) -> Rejected {
    match denied {
        Denied::Wrong => Rejected::AuthWrong,
        Denied::Unasked => Rejected::AuthUnasked,
        Denied::Stale => Rejected::AuthStale,
        Denied::Replayed => Rejected::AuthReplayed,
    }
}
