//! The side that challenges.

use std::time::{Duration, Instant};

use rand::Rng;
use subtle::ConstantTimeEq as _;

use super::algorithm::{Algorithm, Ha1, Variant, unhex};
use super::challenge::Challenge;
use super::credentials::Credentials;
use super::nonce::{Nonces, State};
use super::param::Qop;
use super::proof::Proof;
use crate::message::Request;

/// Whose passwords are asked for, and how.
#[derive(Clone, Debug)]
pub struct Realm {
    /// SIP-125: the name that the client shows, in the form of a host.
    pub name: Box<str>,
    /// What is accepted.
    pub algorithms: Box<[Algorithm]>,
    /// How long a nonce may be used.
    pub nonce_age: Duration,
    /// Of how many nonces the uses are remembered.
    pub nonces: usize,
}

/// Challenges, and checks what comes back.
#[derive(Debug)]
pub struct Verifier {
    realm: Realm,
    nonces: Nonces,
}

/// Why credentials prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The nonce is not one to use now: with another the same password may do.
    Stale,
    /// They have been used before.
    Replayed,
    /// The password is wrong, or there is no such user.
    Wrong,
    /// They are not what was asked for: without `qop`, or with an algorithm that was not offered.
    Unasked,
}

impl Verifier {
    /// One whose nonces begin now. `rng` makes their key, so it must be unpredictable.
    pub fn new(now: Instant, mut realm: Realm, rng: &mut impl Rng) -> Self {
        // SIP-120: the most preferred first.
        realm.algorithms.sort_unstable();
        let nonces = Nonces::new(now, realm.nonce_age, realm.nonces.max(1), rng);
        Self { realm, nonces }
    }

    /// The realm.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// What to ask whoever is at `peer`: one for each algorithm, the most preferred first (SIP-120, SIP-121). `stale`
    /// says that only the nonce was at fault.
    pub fn challenges(&mut self, now: Instant, peer: &[u8], stale: bool) -> Vec<Challenge> {
        let nonce: Box<str> = self.nonces.issue(now, peer).into();
        let challenge = |algorithm: &Algorithm| Challenge {
            realm: self.realm.name.clone(),
            nonce: nonce.clone(),
            stale,
            variant: Variant { algorithm: *algorithm, session: false },
            opaque: None,
            qop: Box::new([Qop::Auth]),
        };
        self.realm.algorithms.iter().map(challenge).collect()
    }

    /// Checks the credentials of a request that came from `peer`. `ha1` is that of their user and algorithm, if there is
    /// one; a user that does not exist takes as long to refuse as a wrong password.
    ///
    /// # Errors
    /// Why they prove nothing.
    pub fn verify(
        &mut self,
        now: Instant,
        peer: &[u8],
        request: &Request,
        credentials: &Credentials,
        ha1: Option<&Ha1>,
    ) -> Result<(), Denied> {
        let variant = credentials.variant.ok_or(Denied::Unasked)?;
        let protection = credentials.protection.as_ref().ok_or(Denied::Unasked)?; // SIP-121
        if !self.realm.algorithms.contains(&variant.algorithm) {
            return Err(Denied::Unasked);
        }
        let state = self.nonces.state(now, peer, &credentials.nonce);
        if state == State::Foreign {
            // Nothing is checked, so that nothing can be guessed with nonces that cost no question.
            return Err(Denied::Stale);
        }
        let proof = Proof {
            variant,
            nonce: &credentials.nonce,
            protection: Some(protection),
            method: request.method.as_str(),
            uri: &credentials.uri,
            body: &request.body,
        };
        let (nobody, known) = (nobody(variant.algorithm), ha1.filter(|ha1| ha1.algorithm == variant.algorithm));
        let right = is_same(&proof.response(known.unwrap_or(&nobody)), &credentials.response);
        match state {
            _ if !right || known.is_none() => Err(Denied::Wrong),
            State::Fresh(number) if self.nonces.note(number, protection.nc) => Ok(()),
            State::Fresh(_) => Err(Denied::Replayed),
            State::Expired | State::Foreign => Err(Denied::Stale),
        }
    }
}

/// What the password of a user is checked against that does not exist.
fn nobody(algorithm: Algorithm) -> Ha1 {
    Ha1 { algorithm, hex: "0".repeat(2 * algorithm.octets()).into() }
}

/// Whether two hashes are the same, in a time that does not tell how far they are.
fn is_same(own: &str, told: &str) -> bool {
    match (unhex(own), unhex(told)) {
        (Some(own), Some(told)) => bool::from(own.ct_eq(&told)),
        (None, _) | (_, None) => false,
    }
}
