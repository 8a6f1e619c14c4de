//! Addresses of users, compared by one spelling of each.

use parlor_sip::{Scheme, Uri};

/// The one spelling of an address that somebody may have; `None` when it is nobody's. Two URIs have the same when
/// [`Uri::same_user_and_host`] holds for them.
pub(crate) fn spelling(uri: &Uri) -> Option<String> {
    let is_somebodys = match uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Im | Scheme::Pres => uri.user().is_some(),
        Scheme::Tel => true,
        Scheme::Other(_) => false,
    };
    is_somebodys.then(|| uri.user_key().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spellings are the same where the URIs are the same user at the same host, and only there.
    #[test]
    fn one_spelling_for_each_address() {
        let uris = [
            "sip:alice@example.com",
            "sips:%61lice@EXAMPLE.com:5061;transport=tls",
            "sip:Alice@example.com",
            "im:alice@example.com",
            "pres:alice@example.com",
            "sip:alice@192.0.2.1",
            "sip:alice@[2001:db8::1]",
            "sip:alice@[2001:DB8:0::1]:5060",
            "tel:+1-555-1234",
            "tel:+15551234",
            "tel:5551234;phone-context=example.com",
        ];
        let uris = uris.map(|uri| uri.parse::<Uri>().expect("a URI"));
        for a in &uris {
            for b in &uris {
                assert_eq!(spelling(a) == spelling(b), a.same_user_and_host(b), "{a} {b}");
            }
        }
        for none in ["sip:example.com", "mailto:alice@example.com"] {
            assert_eq!(spelling(&none.parse::<Uri>().expect("a URI")), None, "{none}");
        }
    }
}
