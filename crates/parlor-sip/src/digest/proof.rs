//! The `response` of credentials.

use super::algorithm::{Ha1, Variant};
use super::credentials::Protection;
use super::param::Qop;

/// What is hashed into a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) variant: Variant,
    pub(super) nonce: &'a str,
    pub(super) protection: Option<&'a Protection>,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) body: &'a [u8],
}

impl Proof<'_> {
    /// SIP-123 (RFC 7616 §3.4.1): the response of whoever knows the password.
    pub(super) fn response(&self, ha1: &Ha1) -> String {
        let hash = |parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
            self.variant.algorithm.hash(&parts)
        };
        let ha2 = self.ha2();
        let Some(Protection { qop, cnonce, nc }) = self.protection else {
            // RFC 2069 §2.1.2
            return hash(&[&ha1.hex, self.nonce, &ha2]);
        };
        let ha1 = if self.variant.session { hash(&[&ha1.hex, self.nonce, cnonce]).into() } else { ha1.hex.clone() };
        hash(&[&ha1, self.nonce, &format!("{nc:08x}"), cnonce, qop.name(), &ha2])
    }

    /// RFC 7616 §3.4.3: of a request without body the hash is that of nothing.
    fn ha2(&self) -> String {
        let algorithm = self.variant.algorithm;
        let request = [self.method.as_bytes(), self.uri.as_bytes()];
        match self.protection.map(|protection| protection.qop) {
            Some(Qop::AuthInt) => {
                let body = algorithm.hash(&[self.body]);
                algorithm.hash(&[request[0], request[1], body.as_bytes()])
            }
            Some(Qop::Auth) | None => algorithm.hash(&request),
        }
    }
}
