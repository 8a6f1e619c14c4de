//! Transaction ids and Message-IDs: short identifiers kept in place.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The longest identifier accepted. MSRP-E3: the grammar says 32, peers send up to 64.
const MAX_LEN: usize = 64;

/// The octets of an `ident`, in place, so that copying one allocates nothing.
#[derive(Clone, Copy)]
struct Ident {
    len: u8,
    octets: [u8; MAX_LEN],
}

impl Ident {
    fn parse(text: &[u8]) -> Option<Self> {
        let first = text.first()?;
        if text.len() > MAX_LEN || !first.is_ascii_alphanumeric() || !text.iter().copied().all(is_ident_char) {
            return None;
        }
        let mut octets = [0; MAX_LEN];
        octets[..text.len()].copy_from_slice(text);
        Some(Self { len: text.len() as u8, octets })
    }

    /// 22 characters of base 62 that carry all 128 bits.
    fn from_random(high: u64, low: u64) -> Self {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const LEN: usize = 22;
        let mut octets = [0; MAX_LEN];
        for (half, mut number) in octets[..LEN].chunks_mut(LEN / 2).zip([high, low]) {
            for octet in half {
                *octet = DIGITS[(number % 62) as usize];
                number /= 62;
            }
        }
        Self { len: LEN as u8, octets }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("an ident is ASCII")
    }
}

fn is_ident_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'+' | b'%' | b'=')
}

/// Text that is no `ident` of RFC 4975 §9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 64 characters of a-z A-Z 0-9 . - + % = beginning with a letter or digit")]
pub struct IdentError;

macro_rules! ident {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name(Ident);

        impl $name {
            /// Reads an identifier of 1 to 64 characters.
            pub fn parse(text: &str) -> Result<Self, IdentError> {
                Self::from_bytes(text.as_bytes())
            }

            pub(crate) fn from_bytes(text: &[u8]) -> Result<Self, IdentError> {
                Ident::parse(text).map(Self).ok_or(IdentError)
            }

            /// Makes an identifier of 22 letters and digits out of 128 random bits.
            pub fn from_random(high: u64, low: u64) -> Self {
                Self(Ident::from_random(high, low))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The identifier as octets, all of them ASCII.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_bytes().cmp(other.as_bytes())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_bytes().hash(state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdentError;

            fn from_str(text: &str) -> Result<Self, IdentError> {
                Self::parse(text)
            }
        }
    };
}

ident! {
    /// The transaction id of a request and its response, at most 64 characters kept in place.
    TransactionId
}

ident! {
    /// The Message-ID that all chunks of a message share, at most 64 characters kept in place.
    MessageId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ident_takes_1_to_64_characters_msrp_e3() {
        assert_eq!(TransactionId::parse("a").expect("one").as_str(), "a");
        let longest = "x".repeat(64);
        assert_eq!(TransactionId::parse(&longest).expect("64").as_str(), longest);
        assert!(TransactionId::parse("").is_err());
        assert!(TransactionId::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn ident_refuses_characters_outside_the_grammar() {
        assert!(MessageId::parse("0a.-+%=Z").is_ok());
        for wrong in ["-abc", ".abc", "a b", "a\r\n", "a_b", "a$", "ä"] {
            assert!(MessageId::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn random_id_is_22_alphanumerics_that_differ_msrp_9() {
        let one = TransactionId::from_random(u64::MAX, 1);
        let other = TransactionId::from_random(u64::MAX, 2);
        assert_eq!(one.as_str().len(), 22);
        assert!(one.as_bytes().iter().all(u8::is_ascii_alphanumeric));
        assert_ne!(one, other);
        assert_ne!(TransactionId::from_random(1, 0), TransactionId::from_random(0, 1));
    }
}
