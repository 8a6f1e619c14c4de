//! The hash algorithms, and what they make of a password.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};

/// A hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// MD5, for old clients: NOT RECOMMENDED (RFC 8760 §2.3).
    Md5,
}

impl Algorithm {
    /// The name in `algorithm=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The algorithm of that name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Md5].into_iter().find(|own| own.name().eq_ignore_ascii_case(name))
    }

    /// H(parts joined by colons), in hexadecimal.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Sha256 => hex(&joined(Sha256::new(), parts).finalize()),
            Self::Md5 => hex(&joined(Md5::new(), parts).finalize()),
        }
    }

    /// How many octets a hash has.
    pub(super) fn octets(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Md5 => 16,
        }
    }
}

fn joined<D: Digest>(mut hash: D, parts: &[&[u8]]) -> D {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash
}

/// An algorithm as `algorithm=` names it: perhaps with a key for each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) algorithm: Algorithm,
    /// `-sess`: HA1 is hashed once more, with nonce and cnonce.
    pub(super) session: bool,
}

impl Variant {
    /// SIP-123: without `algorithm` it is MD5.
    pub(super) fn of(name: Option<&str>) -> Option<Self> {
        let name = name.unwrap_or("MD5");
        let split = name.len().checked_sub(SESSION.len()).and_then(|at| name.split_at_checked(at));
        match split {
            Some((name, end)) if end.eq_ignore_ascii_case(SESSION) => {
                Some(Self { algorithm: Algorithm::of(name)?, session: true })
            }
            Some(_) | None => Some(Self { algorithm: Algorithm::of(name)?, session: false }),
        }
    }
}

const SESSION: &str = "-sess";

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        f.write_str(if self.session { SESSION } else { "" })
    }
}

/// H(username:realm:password): what a password is checked against. Who has it can log in as that user.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    pub(super) algorithm: Algorithm,
    pub(super) hex: Box<str>,
}

impl Ha1 {
    /// SIP-123: the HA1 of a password.
    pub fn new(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Self {
        let parts = [username, realm, password].map(str::as_bytes);
        Self { algorithm, hex: algorithm.hash(&parts).into() }
    }

    /// One that was kept; `None` if it is none.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        let fits = unhex(text).is_some_and(|octets| octets.len() == algorithm.octets());
        fits.then(|| Self { algorithm, hex: text.to_ascii_lowercase().into() })
    }

    /// The algorithm it was made with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash in hexadecimal, to be kept.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

/// It stays out of logs.
impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ha1").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

const DIGITS: [u8; 16] = *b"0123456789abcdef";

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
