//! As what we ask for a password (RFC 3261 §§22.2, 22.3).

use parlor_sip::HeaderName;

/// Whether a request is for us, or is to be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is for us.
    Server,
    /// It is to be passed on.
    Proxy,
}

impl Role {
    /// The code that asks.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Server => 401,
            Self::Proxy => 407,
        }
    }

    /// Where we ask.
    pub(crate) fn challenge(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// Where the answer stands.
    pub(super) fn credentials(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}
