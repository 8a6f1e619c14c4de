//! The procedures of RFC 3263, over a domain as it stands in a zone.

use super::super::records::transport_of;
use super::*;

use Transport::{Tcp, Tls, Udp};

/// A zone: what is asked, and what is said.
struct Zone(&'static [(&'static str, &'static str)]);

impl Zone {
    fn all<T>(&self, kind: &str, name: &str, read: impl Fn(&[&str]) -> T) -> Result<Vec<T>, Unresolved> {
        let name = name.trim_end_matches('.');
        let of_kind = self.0.iter().filter_map(|(own, said)| Some((*own, said.strip_prefix(kind)?.strip_prefix(' ')?)));
        let said: Vec<&str> = of_kind.filter(|(own, _)| *own == name).map(|(_, said)| said).collect();
        if said.contains(&"fails") {
            return Err(Unresolved::Silent);
        }
        Ok(said.iter().map(|said| read(&said.split(' ').collect::<Vec<_>>())).collect())
    }
}

impl Names for Zone {
    async fn naptr(&self, domain: &str) -> Result<Vec<Naptr>, Unresolved> {
        self.all("NAPTR", domain, |words| Naptr {
            order: words[0].parse().unwrap(),
            preference: words[1].parse().unwrap(),
            transport: transport_of(words[2]).unwrap(),
            srv: words[3].to_owned(),
        })
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unresolved> {
        self.all("SRV", name, |words| Srv {
            priority: words[0].parse().unwrap(),
            weight: words[1].parse().unwrap(),
            port: words[2].parse().unwrap(),
            host: words[3].to_owned(),
        })
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        self.all("A", host, |words| words[0].parse().unwrap())
    }
}

async fn found(zone: &Zone, uri: &str, ours: &[Transport]) -> Result<Vec<String>, Unresolved> {
    let targets = of(zone, &uri.parse().unwrap(), ours).await?;
    Ok(targets.iter().map(|target| format!("{} {}", target.transport.via_name(), target.address)).collect())
}

async fn is(zone: &Zone, uri: &str, ours: &[Transport], expected: &[&str]) {
    assert_eq!(
        found(zone, uri, ours).await.as_deref(),
        Ok(&expected.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>()[..]),
        "{uri}"
    );
}

const ALL: &[Transport] = &[Tls, Tcp, Udp];

/// The example of RFC 3263 §4.1 with two servers: transport by NAPTR, what the domain likes best first.
const EXAMPLE: Zone = Zone(&[
    ("example.com", "NAPTR 50 50 SIPS+D2T _sips._tcp.example.com"),
    ("example.com", "NAPTR 90 50 SIP+D2T _sip._tcp.example.com"),
    ("example.com", "NAPTR 100 50 SIP+D2U _sip._udp.example.com"),
    ("_sip._tcp.example.com", "SRV 0 1 5060 server1.example.com"),
    ("_sip._tcp.example.com", "SRV 1 2 5070 server2.example.com"),
    ("_sips._tcp.example.com", "SRV 0 1 5061 server1.example.com"),
    ("_sip._udp.example.com", "SRV 0 1 5060 server2.example.com"),
    ("server1.example.com", "A 192.0.2.1"),
    ("server1.example.com", "A 192.0.2.1"),
    ("server2.example.com", "A 192.0.2.2"),
    ("server2.example.com", "A 192.0.2.3"),
]);

#[tokio::test]
async fn as_the_domain_says() {
    is(
        &EXAMPLE,
        "sip:bob@example.com",
        ALL,
        &[
            "TLS 192.0.2.1:5061",
            "TCP 192.0.2.1:5060",
            "TCP 192.0.2.2:5070",
            "TCP 192.0.2.3:5070",
            "UDP 192.0.2.2:5060",
            "UDP 192.0.2.3:5060",
        ],
    )
    .await;
    is(&EXAMPLE, "sip:bob@example.com", &[Udp], &["UDP 192.0.2.2:5060", "UDP 192.0.2.3:5060"]).await;
    is(&EXAMPLE, "sips:bob@example.com", ALL, &["TLS 192.0.2.1:5061"]).await;
}

/// RFC 3263 §§4.1, 4.2: what the URI says goes before what the domain says.
#[tokio::test]
async fn as_the_uri_says() {
    is(&EXAMPLE, "sip:bob@example.com;transport=udp", ALL, &["UDP 192.0.2.2:5060", "UDP 192.0.2.3:5060"]).await;
    is(&EXAMPLE, "sips:bob@example.com;transport=tcp", ALL, &["TLS 192.0.2.1:5061"]).await;
    is(&EXAMPLE, "sip:bob@server1.example.com:5099", ALL, &["UDP 192.0.2.1:5099"]).await;
    is(&EXAMPLE, "sip:bob@server1.example.com:5099;transport=tcp", ALL, &["TCP 192.0.2.1:5099"]).await;
    is(&EXAMPLE, "sip:bob@192.0.2.9", ALL, &["UDP 192.0.2.9:5060"]).await;
    is(&EXAMPLE, "sip:bob@192.0.2.9;transport=tls", ALL, &["TLS 192.0.2.9:5061"]).await;
    is(&EXAMPLE, "sips:bob@[2001:db8::9]:5071", ALL, &["TLS [2001:db8::9]:5071"]).await;
    is(&EXAMPLE, "sip:bob@nowhere.test;maddr=192.0.2.9", ALL, &["UDP 192.0.2.9:5060"]).await;
    is(&EXAMPLE, "sip:bob@192.0.2.9", &[Tls, Tcp], &["TCP 192.0.2.9:5060"]).await;
    for (uri, ours) in [
        ("sips:bob@example.com;transport=udp", ALL),
        ("sips:bob@example.com", &[Tcp, Udp]),
        ("sip:bob@example.com;transport=sctp", ALL),
        ("sip:bob@example.com;transport=tls", &[Udp]),
        ("sip:bob@192.0.2.9", &[Tls]),
    ] {
        assert_eq!(found(&EXAMPLE, uri, ours).await, Err(Unresolved::Transport), "{uri}");
    }
}

/// RFC 3263 §4.1: without NAPTR the SRV of each transport is asked for; without these there are addresses.
#[tokio::test]
async fn where_the_domain_says_less() {
    const SRV: Zone = Zone(&[
        ("example.com", "NAPTR fails"),
        ("_sip._udp.example.com", "SRV 0 0 5062 a.example.com"),
        ("_sip._tcp.example.com", "SRV 0 0 5063 a.example.com"),
        ("a.example.com", "A 192.0.2.1"),
        ("example.com", "A 192.0.2.7"),
        ("plain.test", "A 192.0.2.8"),
        ("_sip._tcp.closed.test", "SRV 0 0 0 ."),
        ("closed.test", "A 192.0.2.9"),
        ("_sip._tcp.broken.test", "SRV 0 0 5060 nowhere.test"),
        ("_sip._tcp.broken.test", "SRV 1 0 5060 a.example.com"),
        ("_sip._udp.silent.test", "SRV fails"),
        ("_sip._tcp.half.test", "SRV 0 0 5060 a.example.com"),
        ("_sip._udp.half.test", "SRV fails"),
        ("_sip._tcp.datagrams.test", "SRV 0 0 0 ."),
        ("_sip._udp.datagrams.test", "SRV 0 0 5060 a.example.com"),
    ]);
    is(&SRV, "sip:bob@example.com", ALL, &["TCP 192.0.2.1:5063", "UDP 192.0.2.1:5062"]).await;
    is(&SRV, "sip:bob@plain.test", ALL, &["UDP 192.0.2.8:5060"]).await;
    is(&SRV, "sips:bob@plain.test", ALL, &["TLS 192.0.2.8:5061"]).await;
    is(&SRV, "sip:bob@broken.test;transport=tcp", ALL, &["TCP 192.0.2.1:5060"]).await;
    is(&SRV, "sip:bob@half.test", ALL, &["TCP 192.0.2.1:5060"]).await;
    is(&SRV, "sip:bob@datagrams.test", ALL, &["UDP 192.0.2.1:5060"]).await;
    for (uri, why) in [
        ("sip:bob@closed.test", Unresolved::Unknown),
        ("sip:bob@closed.test;transport=tcp", Unresolved::Unknown),
        ("sip:bob@nowhere.test", Unresolved::Unknown),
        ("sip:bob@silent.test", Unresolved::Silent),
    ] {
        assert_eq!(found(&SRV, uri, ALL).await, Err(why), "{uri}");
    }
}

/// MSG-14, RFC 3861 §3: im: URIs have SRV records of their own, and else those of SIP.
#[tokio::test]
async fn instant_messages() {
    const IM: Zone = Zone(&[
        ("_im._sip.example.com", "SRV 0 0 5066 im.example.com"),
        ("im.example.com", "A 192.0.2.6"),
        ("_sip._udp.other.test", "SRV 0 0 5062 im.example.com"),
    ]);
    is(&IM, "im:bob@example.com", ALL, &["UDP 192.0.2.6:5066"]).await;
    is(&IM, "im:bob@example.com", &[Tls, Tcp], &["TCP 192.0.2.6:5066"]).await;
    is(&IM, "im:bob@other.test", ALL, &["UDP 192.0.2.6:5062"]).await;
}

/// However many servers a domain has, few are tried.
#[tokio::test]
async fn few_are_tried() {
    const MANY: Zone = Zone(&[
        ("_sip._tcp.many.test", "SRV 0 0 5060 a.test"),
        ("_sip._tcp.many.test", "SRV 0 0 5061 a.test"),
        ("_sip._tcp.many.test", "SRV 0 0 5062 a.test"),
        ("_sip._tcp.many.test", "SRV 0 0 5063 a.test"),
        ("a.test", "A 192.0.2.1"),
        ("a.test", "A 192.0.2.2"),
        ("a.test", "A 192.0.2.3"),
        ("a.test", "A 192.0.2.4"),
        ("a.test", "A 192.0.2.5"),
    ]);
    let targets = found(&MANY, "sip:bob@many.test;transport=tcp", ALL).await.unwrap();
    assert_eq!(targets.len(), MOST);
    assert!(!targets.iter().any(|target| target.contains("192.0.2.5")), "{targets:?}");
}
