//! The 49 messages of RFC 4475: each is read with the values its section names, or refused with the status its section
//! asks for.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use bytes::Bytes;
use parlor_sip::{
    HeaderName, Limits, Message, Method, ParseError, ParseErrorKind, Request, Response, Scheme, parse_datagram,
};

/// The folder of the messages; `None`, and a word about it, where it is missing.
fn corpus() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("../shared/corpora/rfc4475");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no RFC 4475 messages at {}", folder.display());
    None
}

fn read(folder: &str, name: &str) -> Result<Message, ParseError> {
    let path = corpus().expect("checked before").join(folder).join(format!("{name}.dat"));
    parse_datagram(&Bytes::from(std::fs::read(path).unwrap()), &Limits::default())
}

fn request(folder: &str, name: &str) -> Request {
    match read(folder, name) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn response(folder: &str, name: &str) -> Response {
    match read(folder, name) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name}: {other:?}"),
    }
}

/// All of §3.1.1 are read.
#[test]
fn valid_messages_are_read() {
    let Some(folder) = corpus() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("valid")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        let message = parse_datagram(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        let again = parse_datagram(&encoded.into(), &Limits::default()).unwrap();
        assert_eq!(again.body(), message.body(), "{path:?}");
        count += 1;
    }
    assert_eq!(count, 13);
}

/// §3.1.1.1: folding, odd white space, case, compact forms, empty values.
#[test]
fn wsinv_a_short_tortuous_invite() {
    if corpus().is_none() {
        return;
    }
    let request = request("valid", "wsinv");
    let headers = &request.headers;
    assert_eq!(request.uri.to_string(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!((from.display.as_deref(), from.tag()), (Some("J Rosenberg \\\""), Some("98asjd8")));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().seq, 9);
    assert_eq!(headers.subject(), Some(""));
    assert_eq!(
        headers.first(&HeaderName::from("NewFangledHeader")),
        Some("newfangled value continued newfangled value")
    );
    assert_eq!(headers.first(&HeaderName::from("UnknownHeaderWithUnusualValue")), Some(";;,,;;,;"));
    let via = headers.via().unwrap();
    let hops: Vec<_> = via.iter().map(|via| (&*via.transport, &*via.host, via.branch())).collect();
    assert_eq!(
        hops,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    let contact = headers.contact().unwrap();
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!((contact.params.value("newparam"), contact.params.value("q")), (Some("newvalue"), Some("0.33")));
    assert!(contact.params.has("secondparam"));
    let route = headers.route().unwrap();
    assert!(route[0].uri.has_param("lr") && route[0].uri.has_param("unknown-no-value"));
    assert_eq!(route[0].uri.param("unknownwith"), Some("value"));
    assert_eq!(request.body.len(), 150);
}

/// §3.1.1.2: every character a token, a URI, a tag may have.
#[test]
fn intmeth_a_wide_range_of_valid_characters() {
    if corpus().is_none() {
        return;
    }
    let request = request("valid", "intmeth");
    assert_eq!(request.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert!(!request.method.is_known());
    assert_eq!(request.uri.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(request.uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    let to = request.headers.to().unwrap();
    assert_eq!(to.display.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
    let from = request.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("token1~` token2'+_ token3*%!.-"));
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(from.params.unquoted("fromParam''~+*_!.-%").as_deref(), Some("работающий"));
    assert_eq!(request.headers.call_id(), Ok("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    assert_eq!(request.headers.max_forwards(), Ok(Some(255)));
}

/// §3.1.1.3-5: escapes, what they hide and what they do not.
#[test]
fn escapes_are_kept_apart_from_separators() {
    if corpus().is_none() {
        return;
    }
    let esc01 = request("valid", "esc01");
    assert_eq!(esc01.uri.user_decoded().as_deref(), Some("sips:user@example.com"));
    assert_eq!((esc01.uri.scheme(), esc01.uri.host()), (&Scheme::Sip, Some("example.net")));
    assert!(esc01.headers.to().unwrap().uri.equivalent(&"sip:user@example.com".parse().unwrap()));
    assert_eq!(esc01.headers.from().unwrap().uri.user_decoded().as_deref(), Some("I have spaces"));
    let contact = esc01.headers.contact().unwrap();
    assert_eq!(contact.uri.user(), Some("caller"));
    assert!(contact.uri.has_param("lr"));
    assert_eq!(contact.uri.param("name"), Some("value%2541"));

    let esc02 = request("valid", "esc02");
    assert_eq!(esc02.method, Method::Other("RE%47IST%45R".into()));
    assert_eq!(esc02.headers.contacts().unwrap().len(), 2, "C%6Fntact is another header");
    assert_eq!(esc02.headers.to().unwrap().display.as_deref(), Some("%Z%45"));

    let escnull = request("valid", "escnull");
    let users: Vec<_> = escnull.headers.contacts().unwrap();
    let users: Vec<_> = users.iter().filter_map(|contact| contact.uri.user()).collect();
    assert_eq!(users, ["%00", "%00%00"]);
}

/// §3.1.1.6-13.
#[test]
fn the_other_valid_messages_have_their_values() {
    if corpus().is_none() {
        return;
    }
    assert_eq!(request("valid", "lwsdisp").headers.from().unwrap().display.as_deref(), Some("caller"));
    let long = request("valid", "longreq");
    assert_eq!((long.headers.via().unwrap().len(), long.headers.cseq().unwrap().seq), (34, 3_882_340));
    let double = request("valid", "dblreq");
    assert_eq!((double.method, double.body.len()), (Method::Register, 0));
    let semicolon = request("valid", "semiuri");
    assert_eq!(semicolon.uri.user_decoded().as_deref(), Some("user;par=u@example.net"));
    let transports: Vec<_> = request("valid", "transports").headers.via().unwrap();
    let transports: Vec<_> = transports.iter().map(|via| &*via.transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    let parts = request("valid", "mpart01");
    assert!(parts.headers.content_type().unwrap().unwrap().is("multipart/mixed"));
    assert_eq!(parts.body.len(), 553);
    let reason = response("valid", "unreason");
    assert_eq!((reason.code, &*reason.reason), (200, "= 2**3 * 5**2 но сто девяносто девять - простое"));
    let empty = response("valid", "noreason");
    assert_eq!((empty.code, &*empty.reason), (100, ""));
}

/// §3.1.2, §3.3.1, §3.3.8, §3.3.9: broken requests are refused with an answer.
#[test]
fn malformed_requests_are_answered() {
    if corpus().is_none() {
        return;
    }
    for (name, code) in [
        ("badinv01", 400),
        ("clerr", 400),
        ("ncl", 400),
        ("scalar02", 400),
        ("quotbal", 400),
        ("ltgtruri", 400),
        ("lwsruri", 400),
        ("lwsstart", 400),
        ("trws", 400),
        ("escruri", 400),
        ("regbadct", 400),
        ("badaspec", 400),
        ("baddn", 400),
        ("badvers", 505),
        ("mismatch01", 400),
        ("mismatch02", 400),
        ("insuf", 400),
        ("multi01", 400),
        ("mcl01", 400),
    ] {
        let error = read("invalid", name).expect_err(name);
        let (response, _) = error.response().unwrap_or_else(|| panic!("{name}: unanswered {error}"));
        assert_eq!((error.status(), response.code), (code, code), "{name}: {error}");
        assert!(response.headers.has(&HeaderName::Via), "{name}");
    }
}

/// §3.1.2.5, §3.1.2.19: broken responses are dropped.
#[test]
fn malformed_responses_are_dropped() {
    if corpus().is_none() {
        return;
    }
    for name in ["scalarlg", "bigcode"] {
        assert!(read("invalid", name).expect_err(name).response().is_none(), "{name}");
    }
    assert_eq!(read("invalid", "bigcode").unwrap_err().kind, ParseErrorKind::StatusCode);
}

/// §3.1.2.12, §3.2, §3.3, §3.4: well-formed ones whose treatment is the business of the layers above are handed up whole.
#[test]
fn well_formed_requests_reach_the_core() {
    if corpus().is_none() {
        return;
    }
    assert_eq!(request("invalid", "baddate").headers.first(&HeaderName::Date), Some("Fri, 01 Jan 2010 16:00:00 EST"));
    assert_eq!(request("invalid", "badbranch").headers.top_via().unwrap().rfc3261_branch(), None);
    // 416 for both.
    assert_eq!(request("invalid", "unkscm").uri.scheme().as_str(), "nobodyknowsthisscheme");
    assert_eq!(request("invalid", "novelsc").uri.scheme().as_str(), "soap.beep");
    assert!(!request("invalid", "unksm2").headers.to().unwrap().uri.is_sip());
    // 420.
    let extension = request("invalid", "bext01");
    assert_eq!(extension.headers.require().unwrap(), ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(extension.headers.proxy_require().unwrap().len(), 2);
    // 415.
    assert!(request("invalid", "invut").headers.content_type().unwrap().unwrap().is("application/unknownformat"));
    assert!(request("invalid", "regaut01").headers.has(&HeaderName::Authorization));
    assert_eq!(request("invalid", "zeromf").headers.max_forwards(), Ok(Some(0)));
    // 406.
    let accept = request("invalid", "sdp01").headers.accept().unwrap().unwrap();
    assert!(!accept.iter().any(|range| range.accepts("application/sdp")));
    // Discarded for its second Via by the transactions.
    assert_eq!(response("invalid", "bcast").headers.via().unwrap().len(), 2);
}

/// §3.3.12-14: what stands outside of the angle brackets belongs to the Contact, what stands inside to the URI.
#[test]
fn contact_and_uri_parameters_are_told_apart() {
    if corpus().is_none() {
        return;
    }
    let contact = request("invalid", "cparam01").headers.contact().unwrap();
    assert!(contact.params.has("unknownparam") && !contact.uri.has_param("unknownparam"));
    let contact = request("invalid", "cparam02").headers.contact().unwrap();
    assert!(!contact.params.has("unknownparam") && contact.uri.has_param("unknownparam"));
    let contact = request("invalid", "regescrt").headers.contact().unwrap();
    assert_eq!(contact.uri.headers(), Some("Route=%3Csip:sip.example.com%3E"));
}

/// §3.4.1: no branch, no From tag, no Content-Length, no Max-Forwards.
#[test]
fn inv2543_an_invite_of_rfc_2543() {
    if corpus().is_none() {
        return;
    }
    let request = request("invalid", "inv2543");
    assert_eq!(request.headers.from().unwrap().tag(), None);
    assert_eq!(request.headers.top_via().unwrap().branch(), None);
    assert_eq!(request.headers.max_forwards(), Ok(None));
    assert!(request.body.ends_with(b"RTP/AVP 0\r\n"));
}
