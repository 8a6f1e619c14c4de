//! WWW-Authenticate and Proxy-Authenticate.

use std::fmt;

use super::algorithm::Variant;
use super::param::{DigestParams, DigestWriter, Malformed, Qop};
use crate::header::{HeaderName, Headers};

/// What a server wants to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose users are asked for.
    pub realm: Box<str>,
    /// To be hashed into the answer.
    pub nonce: Box<str>,
    /// Whether only the nonce of the last answer was at fault.
    pub stale: bool,
    pub(super) variant: Variant,
    pub(super) opaque: Option<Box<str>>,
    /// The kinds of protection that are known here; none in the style of RFC 2069.
    pub(super) qop: Box<[Qop]>,
}

impl Headers {
    /// The digest challenges that can be answered, in the order of preference (RFC 8760 §2.4). Others, those of unknown
    /// algorithms among them, are passed over.
    pub fn challenges(&self, name: &HeaderName) -> Vec<Challenge> {
        self.all(name).filter_map(|value| Challenge::read(value).ok().flatten()).collect()
    }
}

impl Challenge {
    fn read(value: &str) -> Result<Option<Self>, Malformed> {
        let Some(params) = DigestParams::read(value)? else { return Ok(None) };
        let Some(variant) = Variant::of(params.value("algorithm")) else { return Ok(None) };
        let qop: Option<Box<[Qop]>> =
            params.value("qop").map(|list| list.split(',').filter_map(|word| Qop::of(word.trim())).collect());
        if qop.as_ref().is_some_and(|known| known.is_empty()) {
            return Ok(None);
        }
        Ok(Some(Self {
            realm: params.boxed("realm").ok_or(Malformed)?,
            nonce: params.boxed("nonce").ok_or(Malformed)?,
            stale: params.value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            variant,
            opaque: params.boxed("opaque"),
            qop: qop.unwrap_or_default(),
        }))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut params = DigestWriter::new(f);
        params.quoted("realm", &self.realm)?;
        params.quoted("nonce", &self.nonce)?;
        if let Some(opaque) = &self.opaque {
            params.quoted("opaque", opaque)?;
        }
        if self.stale {
            params.plain("stale", "true")?;
        }
        params.plain("algorithm", self.variant)?;
        if !self.qop.is_empty() {
            let names: Vec<_> = self.qop.iter().map(|qop| qop.name()).collect();
            params.quoted("qop", &names.join(","))?;
        }
        Ok(())
    }
}
