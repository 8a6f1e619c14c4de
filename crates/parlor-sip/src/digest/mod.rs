//! Digest authentication (RFC 3261 §22, RFC 8760, RFC 7616).
//!
//! A [`Verifier`] challenges and checks: it knows its realm and its nonces, whoever drives it knows the users. A
//! [`Responder`] answers the challenges of others with one name and password. Neither reads a clock or a file.

mod algorithm;
mod challenge;
mod credentials;
mod nonce;
mod param;
mod proof;
mod responder;
#[cfg(test)]
mod tests;
mod verifier;

pub use algorithm::{Algorithm, Ha1};
pub use challenge::Challenge;
pub use credentials::Credentials;
pub use responder::Responder;
pub use verifier::{Denied, Realm, Verifier};
