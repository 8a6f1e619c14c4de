use std::fmt;
use std::net::{IpAddr, SocketAddr};

use nom::combinator::opt;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::grammar::{lws, number, params, separator, token};
use crate::flow::SentBy;
use crate::params::Params;
use crate::uri::{grammar::host, host_ip};

/// One Via value: where a request came by and where its response goes (RFC 3261 §20.42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `2.0` of `SIP/2.0`.
    pub version: Box<str>,
    /// `UDP`, `TCP`, `TLS` or another.
    pub transport: Box<str>,
    /// The host of sent-by: a name or an address, IPv6 in brackets.
    pub host: Box<str>,
    /// The port of sent-by if one is written.
    pub port: Option<u16>,
    /// branch, received, rport and others.
    pub params: Params,
}

/// What branches made by RFC 3261 begin with (§8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

impl Via {
    /// A Via of our own that asks for `rport`. Its branch is the random part, and behind it the mark if there is one.
    pub(crate) fn new(transport: &str, sent_by: &SentBy, random: u64, mark: Option<u64>) -> Self {
        let mut params = Params::default();
        let mark = mark.map(|mark| format!(".{mark:016x}")).unwrap_or_default();
        params.set("branch", &format!("{MAGIC_COOKIE}{random:016x}{mark}"));
        // RFC 3581 §3: the request asks for symmetric response routing.
        params.set_flag("rport");
        Self {
            version: "2.0".into(),
            transport: transport.into(),
            host: sent_by.host.clone(),
            port: sent_by.port,
            params,
        }
    }

    /// The branch as written.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// The branch if it is one of RFC 3261 and more than the cookie (RFC 3261 §17.2.3).
    pub fn rfc3261_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        let cookie = branch.get(..MAGIC_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && branch.len() > cookie.len()).then_some(branch)
    }

    /// The port of sent-by, or the transport's default.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.transport.eq_ignore_ascii_case("TLS") { 5061 } else { 5060 })
    }

    /// The mark that a proxy of ours put there, if it is one of ours (RFC 3261 §16.6 step 8, RFC 5393 §4.2.1).
    pub fn mark(&self) -> Option<u64> {
        hex(self.branch()?.strip_prefix(MAGIC_COOKIE)?.get(16..)?.strip_prefix('.')?)
    }

    /// The random part of a branch of ours.
    pub(crate) fn random(&self) -> Option<u64> {
        let rest = self.branch()?.strip_prefix(MAGIC_COOKIE)?;
        let is_ours = rest.len() == 16 || self.mark().is_some();
        hex(rest.get(..16)?).filter(|_| is_ours)
    }

    /// The source address that the next hop saw. It may stand in brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        host_ip(self.params.value("received")?)
    }

    /// The source port that the next hop saw.
    pub fn rport(&self) -> Option<u16> {
        self.params.value("rport")?.parse().ok()
    }

    /// Notes where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn stamp(&mut self, source: SocketAddr) {
        let ip = source.ip().to_canonical();
        // SIP-6: rport is filled in only where it was asked for; then received is there even if it is the same.
        let asked = self.params.has("rport");
        if asked {
            self.params.set("rport", &source.port().to_string());
        }
        if asked || host_ip(&self.host).map(|host| host.to_canonical()) != Some(ip) {
            self.params.set("received", &ip.to_string());
        } else {
            self.params.remove("received");
        }
    }
}

/// Sixteen digits.
fn hex(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok())?
}

/// via-parm = sent-protocol LWS sent-by *( SEMI via-params )
pub(crate) fn via_parm(input: &str) -> IResult<&str, Via> {
    let (rest, (version, transport)) = sent_protocol(input)?;
    let (rest, (host, port)) = preceded(lws, sent_by).parse(rest)?;
    let (rest, params) = params(rest)?;
    Ok((rest, Via { version: version.into(), transport: transport.into(), host, port, params }))
}

/// sent-protocol = protocol-name SLASH protocol-version SLASH transport
fn sent_protocol(input: &str) -> IResult<&str, (&str, &str)> {
    let (rest, _) = nom::bytes::complete::tag_no_case("SIP").parse(input)?;
    (preceded(separator('/'), token), preceded(separator('/'), token)).parse(rest)
}

/// sent-by = host [ COLON port ]
fn sent_by(input: &str) -> IResult<&str, (Box<str>, Option<u16>)> {
    (host, opt(preceded(separator(':'), number))).parse(input)
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in ["SIP/", &self.version, "/", &self.transport, " ", &self.host] {
            f.write_str(text)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    fn via(text: &str) -> Via {
        whole(text, via_parm).unwrap()
    }

    #[test]
    fn spaces_may_stand_around_separators() {
        let via = via("SIP  / 2.0  / TCP     spindle.example.com : 99  ;  branch  =   z9hG4bK9ikj8");
        assert_eq!(via.to_string(), "SIP/2.0/TCP spindle.example.com:99;branch=z9hG4bK9ikj8");
        assert_eq!(via.rfc3261_branch(), Some("z9hG4bK9ikj8"));
    }

    /// SIP-6: received for names and other addresses, rport only if asked for.
    #[test]
    fn the_source_is_noted() {
        let source: SocketAddr = "192.0.2.7:4321".parse().unwrap();
        let stamped = |text: &str| {
            let mut via = via(text);
            via.stamp(source);
            via.to_string()
        };
        assert_eq!(stamped("SIP/2.0/UDP 192.0.2.7;branch=x"), "SIP/2.0/UDP 192.0.2.7;branch=x");
        assert_eq!(stamped("SIP/2.0/UDP h;branch=x"), "SIP/2.0/UDP h;branch=x;received=192.0.2.7");
        assert_eq!(stamped("SIP/2.0/UDP 192.0.2.7;rport"), "SIP/2.0/UDP 192.0.2.7;rport=4321;received=192.0.2.7");
        assert_eq!(stamped("SIP/2.0/UDP 192.0.2.7;received=203.0.113.9"), "SIP/2.0/UDP 192.0.2.7");
    }

    #[test]
    fn received_may_stand_in_brackets() {
        assert_eq!(via("SIP/2.0/UDP [::1]:5060;received=[2001:db8::9]").received(), "2001:db8::9".parse().ok());
        assert_eq!(via("SIP/2.0/UDP [::1];received=2001:db8::9").received(), "2001:db8::9".parse().ok());
    }

    #[test]
    fn our_branches_are_read_as_written() {
        let sent_by = SentBy { host: "h".into(), port: None };
        for mark in [None, Some(0), Some(u64::MAX)] {
            let via = Via::new("UDP", &sent_by, 7, mark);
            assert_eq!((via.random(), via.mark()), (Some(7), mark), "{via}");
        }
        for branch in ["z9hG4bK", "z9hG4bK+000000000000007", "z9hG4bK0000000000000007x", "z9hG4bK0000000000000007.7"] {
            let via = via(&format!("SIP/2.0/UDP h;branch={branch}"));
            assert_eq!((via.random(), via.mark()), (None, None), "{branch}");
        }
    }

    #[test]
    fn the_cookie_alone_is_no_branch() {
        assert_eq!(via("SIP/2.0/UDP h;branch=z9hG4bK").rfc3261_branch(), None);
        assert_eq!(via("SIP/2.0/UDP h;branch=390skdjuw").rfc3261_branch(), None);
    }
}
