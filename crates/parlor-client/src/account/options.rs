//! Which account.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parlor_sip::{NameAddr, Transport, Uri};

use super::error::AccountError;
use crate::options::Login;
use crate::target::{Reach, transport_of};

/// Which account, and how its server is reached.
#[derive(Clone, Debug)]
pub struct AccountOptions {
    pub(crate) reach: Reach,
    user: String,
    display: Option<String>,
    pub(crate) login: Option<Login>,
    pub(crate) register: bool,
    pub(crate) instance: Option<String>,
    pub(crate) expires: Duration,
    pub(crate) timeout: Duration,
    pub(crate) user_agent: String,
}

impl AccountOptions {
    /// The account of `user` on the server of that URI, such as `sip:example.com`.
    ///
    /// # Errors
    /// [`AccountError::Server`] when it is no `sip:` or `sips:` URI with a host, [`AccountError::Transport`] when it names a
    /// transport that is not spoken here, [`AccountError::Name`] when the user cannot be one.
    pub fn new(server: &str, user: &str) -> Result<Self, AccountError> {
        let uri = server.parse::<Uri>().ok().filter(|uri| uri.is_sip() && uri.host().is_some());
        let uri = uri.ok_or_else(|| AccountError::Server(server.to_owned()))?;
        let options = Self {
            reach: Reach {
                transport: transport_of(&uri).ok_or_else(|| AccountError::Transport(server.to_owned()))?,
                uri,
                server: None,
                tls: None,
            },
            user: user.to_owned(),
            display: None,
            login: None,
            register: true,
            instance: None,
            expires: Duration::from_secs(3600),
            timeout: Duration::from_secs(32),
            user_agent: concat!("parlor-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        options.address().map(|_| options)
    }

    /// Proves to be that user, when asked.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        Self { login: Some(Login { user: self.user.clone(), password: password.to_owned() }), ..self }
    }

    /// The name shown to others.
    #[must_use]
    pub fn display(self, display: &str) -> Self {
        Self { display: Some(display.to_owned()).filter(|display| !display.is_empty()), ..self }
    }

    /// What carries SIP. Unless told: TLS for `sips:`, else the URI's `transport` parameter, else TCP.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self { reach: Reach { transport, ..self.reach }, ..self }
    }

    /// Where SIP goes, whatever the server's URI says.
    #[must_use]
    pub fn server(self, address: SocketAddr) -> Self {
        Self { reach: Reach { server: Some(address), ..self.reach }, ..self }
    }

    /// The certificates to trust, and one to present if wanted; needed for TLS.
    #[must_use]
    pub fn tls(self, config: Arc<rustls::ClientConfig>) -> Self {
        Self { reach: Reach { tls: Some(config), ..self.reach }, ..self }
    }

    /// Whether to register, so that others reach us. We do unless told.
    #[must_use]
    pub fn register(self, register: bool) -> Self {
        Self { register, ..self }
    }

    /// What the server knows this device by, whatever its address: a URN that stays the same over restarts, such as
    /// `urn:uuid:` and a UUID (RFC 5626 §4.1). A new one each time unless told.
    #[must_use]
    pub fn instance(self, urn: &str) -> Self {
        Self { instance: Some(urn.replace(['<', '>', '"', '\r', '\n'], "")), ..self }
    }

    /// For how long to register; an hour unless told. It is done again before that is over.
    #[must_use]
    pub fn expires(self, expires: Duration) -> Self {
        Self { expires, ..self }
    }

    /// How long opening may take; 32 s unless told.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What stands in User-Agent.
    #[must_use]
    pub fn user_agent(self, name: &str) -> Self {
        Self { user_agent: name.to_owned(), ..self }
    }

    /// Who we are: that user at the host of the server.
    pub(crate) fn address(&self) -> Result<NameAddr, AccountError> {
        let host = self.reach.uri.host().unwrap_or_default();
        let name = || AccountError::Name(self.user.clone());
        let user = Some(&*self.user).filter(|user| !user.is_empty()).ok_or_else(name)?;
        let address = NameAddr::new(Uri::sip(Some(user), host, None).map_err(|_| name())?);
        Ok(match &self.display {
            Some(display) => address.with_display(display),
            None => address,
        })
    }

    /// Where to register, if at all (RFC 3261 §10.2: the domain alone).
    pub(crate) fn registrar(&self) -> Option<Uri> {
        let host = self.reach.uri.host().unwrap_or_default();
        Uri::sip(None, host, None).ok().filter(|_| self.register)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sip_uris_with_a_host_are_servers() {
        for wrong in ["", "example.com", "tel:+123", "mailto:a@example.com", "sip:"] {
            assert!(matches!(AccountOptions::new(wrong, "alice"), Err(AccountError::Server(_))), "{wrong}");
        }
        let wrong = AccountOptions::new("sip:example.com;transport=sctp", "alice");
        assert!(matches!(wrong, Err(AccountError::Transport(_))), "{wrong:?}");
        assert!(matches!(AccountOptions::new("sip:example.com", ""), Err(AccountError::Name(_))));
    }

    #[test]
    fn address_is_the_user_at_the_domain() {
        let options = AccountOptions::new("sip:lobby@example.com:5070;transport=tcp", "al ice").unwrap();
        assert_eq!(options.address().unwrap().uri.to_string(), "sip:al%20ice@example.com");
        assert_eq!(options.registrar().unwrap().to_string(), "sip:example.com");
        assert!(options.register(false).registrar().is_none());
    }
}
