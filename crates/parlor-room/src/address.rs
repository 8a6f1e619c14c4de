//! Which URIs are the server's own.

use parlor_sip::Uri;

/// The host names and addresses under which this server is reached: its domain and its listening and advertised
/// addresses, without ports (CHAT-51).
#[derive(Clone, Debug)]
pub struct Hosts {
    domain: Box<str>,
    others: Box<[Box<str>]>,
}

impl Hosts {
    /// `domain` is the one spelling used in everything the server writes; `others` are also taken for it.
    pub fn new(domain: &str, others: impl IntoIterator<Item = String>) -> Self {
        let plain = |host: &str| bare(host).to_ascii_lowercase().into_boxed_str();
        Self { domain: plain(domain), others: others.into_iter().map(|host| plain(&host)).collect() }
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether `host` (a name, an IPv4 or an IPv6 address, with or without brackets) is one of ours.
    pub fn contains(&self, host: &str) -> bool {
        let host = bare(host);
        host.eq_ignore_ascii_case(&self.domain) || self.others.iter().any(|own| host.eq_ignore_ascii_case(own))
    }

    /// The user part of a URI at one of our hosts; `None` when the host is somebody else's or there is no user.
    pub fn local_user<'a>(&self, uri: &'a Uri) -> Option<&'a str> {
        let user = uri.user()?;
        self.contains(uri.host()?).then_some(user)
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_case_and_brackets() {
        let hosts = Hosts::new("Chat.Example.COM", ["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        assert!(hosts.contains("chat.example.com"));
        assert!(hosts.contains("::1") && hosts.contains("[::1]"));
        assert!(!hosts.contains("example.com"));
        assert_eq!(hosts.domain(), "chat.example.com");
    }
}
