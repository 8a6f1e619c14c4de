//! Addresses of users, compared by one spelling of each.

use parlor_sip::{Scheme, Uri};

/// The one spelling of an address that somebody may have; `None` when it is nobody's. Two URIs have the same when
/// [`Uri::same_user_and_host`] holds for them.
pub(crate) fn spelling(uri: &Uri) -> Option<String> {
    let scheme = match uri.scheme() {
        Scheme::Sip | Scheme::Sips => "sip",
        Scheme::Im => "im",
        Scheme::Pres => "pres",
        // RFC 3966 §4: visual separators and case do not count.
        Scheme::Tel => return Some(uri.to_string().replace(['-', '.', '(', ')'], "").to_ascii_lowercase()),
        Scheme::Other(_) => return None,
    };
    let host = match uri.host_ip() {
        Some(ip) => ip.to_canonical().to_string(),
        None => uri.host()?.to_ascii_lowercase(),
    };
    Some(format!("{scheme}:{}@{host}", uri.user()?))
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
