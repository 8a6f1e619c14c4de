//! Authorization and Proxy-Authorization.

use std::fmt;

use super::algorithm::{Algorithm, Variant};
use super::param::{DigestParams, DigestWriter, Malformed, Qop};
use crate::header::{HeaderError, HeaderName, Headers};

/// What a client proves with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who it says it is.
    pub username: Box<str>,
    /// Among whose users.
    pub realm: Box<str>,
    /// What it asks for: the Request-URI as it was sent.
    pub uri: Box<str>,
    pub(super) nonce: Box<str>,
    pub(super) response: Box<str>,
    /// `None` for an algorithm that is not known here.
    pub(super) variant: Option<Variant>,
    pub(super) opaque: Option<Box<str>>,
    pub(super) protection: Option<Protection>,
}

/// What stands in credentials that are not in the style of RFC 2069.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protection {
    pub(super) qop: Qop,
    pub(super) cnonce: Box<str>,
    /// How often the nonce has been used, this time included.
    pub(super) nc: u32,
}

impl Headers {
    /// The first digest credentials for a realm; other schemes are passed over (SIP-122).
    ///
    /// # Errors
    /// When they break the grammar or miss something.
    pub fn credentials(&self, name: &HeaderName, realm: &str) -> Result<Option<Credentials>, HeaderError> {
        for value in self.all(name) {
            let read = Credentials::read(value).map_err(|_| HeaderError::Malformed(name.clone()))?;
            if let Some(credentials) = read.filter(|credentials| *credentials.realm == *realm) {
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }

    /// Takes away the digest credentials for a realm: they are for nobody behind it (RFC 3261 §22.3).
    pub fn remove_credentials(&mut self, realm: &str) {
        self.retain(|name, value| match name {
            HeaderName::Authorization | HeaderName::ProxyAuthorization => {
                !matches!(Credentials::read(value), Ok(Some(credentials)) if *credentials.realm == *realm)
            }
            _ => true,
        });
    }
}

impl Credentials {
    /// The algorithm they were made with; `None` if it is not known here.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.variant.map(|variant| variant.algorithm)
    }

    fn read(value: &str) -> Result<Option<Self>, Malformed> {
        let Some(params) = DigestParams::read(value)? else { return Ok(None) };
        let needed = |name| params.boxed(name).ok_or(Malformed);
        let protection = match params.value("qop") {
            Some(qop) => Some(Protection {
                qop: Qop::of(qop).ok_or(Malformed)?,
                cnonce: needed("cnonce")?,
                nc: params.value("nc").and_then(nonce_count).ok_or(Malformed)?,
            }),
            None => None,
        };
        Ok(Some(Self {
            username: needed("username")?,
            realm: needed("realm")?,
            uri: needed("uri")?,
            nonce: needed("nonce")?,
            response: needed("response")?,
            variant: Variant::of(params.value("algorithm")),
            opaque: params.boxed("opaque"),
            protection,
        }))
    }
}

/// nc-value = 8LHEX
fn nonce_count(text: &str) -> Option<u32> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(text, 16).ok().filter(|_| digits)
}

impl fmt::Display for Credentials {
    /// SIP-123: what is quoted and what is not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut params = DigestWriter::new(f);
        params.quoted("username", &self.username)?;
        params.quoted("realm", &self.realm)?;
        params.quoted("nonce", &self.nonce)?;
        params.quoted("uri", &self.uri)?;
        params.quoted("response", &self.response)?;
        if let Some(variant) = self.variant {
            params.plain("algorithm", variant)?;
        }
        if let Some(Protection { qop, cnonce, nc }) = &self.protection {
            params.quoted("cnonce", cnonce)?;
            params.plain("qop", qop.name())?;
            params.plain("nc", format_args!("{nc:08x}"))?;
        }
        if let Some(opaque) = &self.opaque {
            params.quoted("opaque", opaque)?;
        }
        Ok(())
    }
}
