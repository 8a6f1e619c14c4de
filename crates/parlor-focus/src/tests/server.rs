//! Requests for no room, and OPTIONS.

use super::*;
use crate::Reject;
use crate::uas::{self, Target};

fn hosts() -> Hosts {
    Hosts::new("chat.example.com", ["192.0.2.1".to_owned(), "::1".to_owned()])
}

fn request(method: &str, uri: &str) -> Request {
    let mut peer = Peer::new("alice");
    peer.uri = uri.into();
    peer.next(method, None)
}

/// SIP-23, 24: whom a Request-URI is for.
#[test]
fn request_uris_find_their_target() {
    let room = |name: &str| Ok(Target::Room(name.into()));
    for (uri, target) in [
        ("sip:lobby@chat.example.com", room("lobby")),
        ("sip:lobby@CHAT.example.com:5070;transport=tcp", room("lobby")),
        ("sips:lobby@192.0.2.1", room("lobby")),
        ("sip:lobby@[::1]:5060", room("lobby")),
        ("sip:chat.example.com", Ok(Target::Server)),
        ("sip:192.0.2.1:5060", Ok(Target::Server)),
        ("sip:lobby@example.org", Ok(Target::NotOurs)),
        ("sip:example.org", Ok(Target::NotOurs)),
        ("tel:+4912345", Err(Reject::Scheme)),
        ("http://chat.example.com/", Err(Reject::Scheme)),
    ] {
        assert_eq!(uas::target(&request("OPTIONS", uri), &hosts()), target, "{uri}");
    }
}

/// SIP-21, 22: the method comes before the headers, these before the Request-URI.
#[test]
fn checks_come_in_order() {
    let mut bare = request("INVITE", "tel:1");
    bare.headers.remove(&HeaderName::Contact);
    assert!(matches!(uas::target(&bare, &hosts()), Err(Reject::Header(_))));
    bare.method = Method::Publish;
    assert_eq!(uas::target(&bare, &hosts()), Err(Reject::MethodNotAllowed));
    bare.method = Method::from("FROB");
    assert_eq!(uas::target(&bare, &hosts()), Err(Reject::UnknownMethod));
}

#[test]
fn the_server_answers_for_itself() {
    // SIP-21, 24, 26, 46, 48
    let settings = Settings::new(Arc::new(hosts()));
    let answer = |request: &Request, target: Target| uas::answer(request, &target, &settings, "t1");
    let options = answer(&request("OPTIONS", "sip:chat.example.com"), Target::Server);
    assert_eq!(options.code, 200);
    for (name, expected) in [
        ("Allow", ALLOW),
        ("Accept", "application/sdp, multipart/mixed"),
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
        ("Allow-Events", "conference, refer"),
        ("Supported", SUPPORTED),
    ] {
        assert_eq!(value(&options, name), Some(expected));
    }
    assert_eq!(options.headers.to_tag().unwrap().as_deref(), Some("t1"));
    for (method, code) in [
        ("REGISTER", 405),
        ("PUBLISH", 405),
        ("MESSAGE", 404),
        ("SUBSCRIBE", 404),
        ("NOTIFY", 481),
        ("BYE", 481),
        ("INVITE", 404),
        ("FROB", 501),
    ] {
        assert_eq!(answer(&request(method, "sip:chat.example.com"), Target::Server).code, code, "{method}");
    }
    assert_eq!(answer(&request("OPTIONS", "sip:x@y"), Target::NotOurs).code, 404);
    assert_eq!(answer(&request("INVITE", "sip:x@y"), Target::Room("x".into())).code, 404);
    let mut picky = request("OPTIONS", "sip:chat.example.com");
    picky.headers.push(HeaderName::Require, "foo");
    assert_eq!(answer(&picky, Target::Server).code, 420);
}

#[test]
fn options_to_a_room_tell_what_it_can_do() {
    // SIP-48
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, outputs) = scene.request(&peer.next("OPTIONS", None), peer.flow);
    assert_eq!(response.code, 200);
    assert!(outputs.is_empty() && scene.focus.is_idle());
    assert!(value(&response, "Contact").unwrap().contains(";isfocus"));
    assert_eq!(value(&response, "Accept"), Some("application/sdp, multipart/mixed"));
    let lines: Vec<&str> = text(&response).lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=message 0 TCP/MSRP *", "m=message 0 TCP/TLS/MSRP *"]);
    assert!(!text(&response).contains("a=path"));

    peer.extra = "Accept: text/plain\r\n".into();
    assert!(scene.request(&peer.next("OPTIONS", None), peer.flow).0.body.is_empty());
    peer.extra = "Require: foo\r\n".into();
    assert_eq!(scene.request(&peer.next("OPTIONS", None), peer.flow).0.code, 420);
    for method in ["INFO", "PUBLISH"] {
        let (response, _) = scene.request(&peer.next(method, None), peer.flow);
        assert_eq!(response.code, 405, "{method}");
        assert!(value(&response, "Allow").is_some());
    }
}
