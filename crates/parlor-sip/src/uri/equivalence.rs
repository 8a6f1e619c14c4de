//! Comparison of URIs (RFC 3261 §19.1.4; RFC 3966 §4 for `tel`).

use std::borrow::Cow;
use std::net::IpAddr;

use super::escape::normalise;
use super::{Address, Part, Scheme, Uri, host_ip, without_root};
use crate::params::Params;

/// Parameters that must be on both sides or neither; the examples of §19.1.4 treat `transport` as one of them.
const SIGNIFICANT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

pub(super) fn equivalent(a: &Uri, b: &Uri) -> bool {
    if a == b {
        return true;
    }
    if a.scheme != b.scheme {
        return false;
    }
    match (&a.part, &b.part) {
        (Part::Address(a), Part::Address(b)) => {
            same_user(a, b)
                && same_host(&a.host, &b.host)
                && a.port == b.port
                && same_params(&a.params, &b.params)
                && same_headers(a.headers.as_deref(), b.headers.as_deref())
        }
        (Part::Opaque(x), Part::Opaque(y)) => same_opaque(&a.scheme, x, y),
        (Part::Address(_), Part::Opaque(_)) | (Part::Opaque(_), Part::Address(_)) => false,
    }
}

pub(super) fn same_user_and_host(a: &Uri, b: &Uri) -> bool {
    match (&a.part, &b.part) {
        (Part::Address(x), Part::Address(y)) => {
            (a.scheme == b.scheme || a.is_sip() && b.is_sip()) && x.user == y.user && same_host(&x.host, &y.host)
        }
        (Part::Opaque(_), _) | (_, Part::Opaque(_)) => equivalent(a, b),
    }
}

pub(super) fn user_key(uri: &Uri) -> Box<str> {
    let scheme = if uri.is_sip() { Scheme::Sip.as_str() } else { uri.scheme.as_str() };
    match &uri.part {
        Part::Address(address) => {
            let host = match host_ip(&address.host) {
                Some(ip) => ip.to_canonical().to_string(),
                None => without_root(&address.host).to_ascii_lowercase(),
            };
            // A user may be empty, which is not the same as none.
            let user = address.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            format!("{scheme}:{user}{host}").into()
        }
        Part::Opaque(text) => format!("{scheme}:{}", opaque_key(&uri.scheme, text)).into(),
    }
}

fn same_user(a: &Address, b: &Address) -> bool {
    a.user == b.user && a.password == b.password
}

fn same_host(a: &str, b: &str) -> bool {
    let ip = |host| host_ip(host).map(|ip: IpAddr| ip.to_canonical());
    match (ip(a), ip(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => without_root(a).eq_ignore_ascii_case(without_root(b)),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_params(a: &Params, b: &Params) -> bool {
    let agree = a.iter().all(|param| {
        let name = normalise(&param.name);
        let value = |text: Option<&str>| text.map(|text| normalise(text).to_ascii_lowercase());
        !b.has(&name) || value(param.value.as_deref()) == value(b.value(&name))
    });
    agree && SIGNIFICANT.iter().all(|name| a.has(name) == b.has(name))
}

fn same_headers(a: Option<&str>, b: Option<&str>) -> bool {
    let sorted = |text: Option<&str>| {
        let mut headers: Vec<(String, String)> = text
            .unwrap_or_default()
            .split('&')
            .filter(|header| !header.is_empty())
            .map(|header| {
                let (name, value) = header.split_once('=').unwrap_or((header, ""));
                (normalise(name).to_ascii_lowercase(), normalise(value).into_owned())
            })
            .collect();
        headers.sort();
        headers
    };
    sorted(a) == sorted(b)
}

fn same_opaque(scheme: &Scheme, a: &str, b: &str) -> bool {
    opaque_key(scheme, a) == opaque_key(scheme, b)
}

fn opaque_key<'a>(scheme: &Scheme, text: &'a str) -> Cow<'a, str> {
    match scheme {
        // RFC 3966 §4: visual separators do not count, nor does case.
        Scheme::Tel => text.replace(['-', '.', '(', ')'], "").to_ascii_lowercase().into(),
        Scheme::Sip | Scheme::Sips | Scheme::Im | Scheme::Pres | Scheme::Other(_) => normalise(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    /// The pairs that RFC 3261 §19.1.4 lists as equivalent are.
    #[test]
    fn listed_pairs_are_equivalent() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
        ] {
            assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
        }
    }

    /// The pairs that RFC 3261 §19.1.4 lists as different are.
    #[test]
    fn listed_pairs_differ() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@b", "sips:a@b"),
        ] {
            assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
        }
    }

    /// A key is the same where user and host are, and only there.
    #[test]
    fn keys_are_of_users() {
        let uris = [
            "sip:alice@example.com",
            "sips:%61lice@EXAMPLE.com:5061;transport=tls;gr=x",
            "sip:Alice@example.com",
            "im:alice@example.com",
            "pres:alice@example.com",
            "sip:example.com",
            "sip:alice@192.0.2.1",
            "sip:alice@[::ffff:192.0.2.1]",
            "sip:alice@[2001:db8::1]",
            "sip:alice@[2001:DB8:0::1]:5060",
            "tel:+1-555-1234",
            "tel:+15551234",
            "mailto:alice@example.com",
            "mailto:Alice@example.com",
        ];
        for a in uris.map(uri) {
            for b in uris.map(uri) {
                assert_eq!(a.user_key() == b.user_key(), a.same_user_and_host(&b), "{a} {b}");
            }
        }
    }

    /// CHAT-51: port, transport and `gr` do not make another user.
    #[test]
    fn user_and_host_are_compared_alone() {
        let plain = uri("sip:alice@example.com");
        assert!(plain.same_user_and_host(&uri("sips:%61lice@EXAMPLE.com:5061;transport=tls;gr=x")));
        assert!(!plain.same_user_and_host(&uri("sip:Alice@example.com")));
        assert!(!plain.same_user_and_host(&uri("im:alice@example.com")));
    }
}
