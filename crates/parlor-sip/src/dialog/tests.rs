use bytes::Bytes;

use super::*;
use crate::limits::Limits;
use crate::message::{Message, parse_datagram};

fn received(method: &str, cseq: u32, extra: &str) -> Request {
    let text = format!(
        "{method} sips:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK{cseq}\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=a1\r\nTo: <sip:lobby@example.com>\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\n{extra}\r\n"
    );
    match parse_datagram(&Bytes::from(text), &Limits::default()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

fn values(request: &Request, name: &HeaderName) -> Vec<String> {
    request.headers.all(name).map(str::to_owned).collect()
}

const CONTACT: &str = "Contact: <sip:alice@192.0.2.1:5070;transport=tcp>;isfocus\r\n";

/// RFC 3261 §12.1.1, §12.2.1.1: what the UAS takes from the INVITE and what its own requests carry.
#[test]
fn a_dialog_of_the_uas_sends_to_the_contact() {
    let routes = "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n";
    let invite = received("INVITE", 7, &format!("{CONTACT}{routes}"));
    let mut dialog = Dialog::uas(&invite, "ours", Transport::Tls).unwrap();
    assert!(dialog.is_secure());
    assert_eq!(dialog.next_hop().host(), Some("p1.example"));
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:alice@192.0.2.1:5070;transport=tcp");
    assert_eq!(values(&bye, &HeaderName::Route), ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]);
    assert_eq!(values(&bye, &HeaderName::From), ["<sip:lobby@example.com>;tag=ours"]);
    assert_eq!(values(&bye, &HeaderName::To), ["\"Alice\" <sip:alice@example.com>;tag=a1"]);
    assert_eq!(values(&bye, &HeaderName::CSeq), ["1 BYE"]);
    assert_eq!(dialog.request(Method::Update).headers.cseq().unwrap().seq, 2);
}

/// RFC 3261 §12.2.1.1: a strict router gets itself as Request-URI, the target goes last.
#[test]
fn strict_routers_are_served() {
    let routes = "Record-Route: <sip:proxy1;method=x>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>\r\n";
    let invite = received("INVITE", 1, &format!("Contact: <sip:user@remoteua>\r\n{routes}"));
    let mut dialog = Dialog::uas(&invite, "ours", Transport::Udp).unwrap();
    let request = dialog.request(Method::Info);
    assert_eq!(request.uri.to_string(), "sip:proxy1");
    let expected = ["<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"];
    assert_eq!(values(&request, &HeaderName::Route), expected);
}

/// SIP-43: a lower or repeated CSeq is 500, a gap is fine, an ACK is never out of order.
#[test]
fn requests_come_in_order() {
    let mut dialog = Dialog::uas(&received("INVITE", 7, CONTACT), "ours", Transport::Udp).unwrap();
    assert_eq!(dialog.accept_request(&received("ACK", 7, "")), Ok(()));
    assert_eq!(dialog.accept_request(&received("BYE", 7, "")).map_err(|error| error.status()), Err(500));
    assert_eq!(dialog.accept_request(&received("MESSAGE", 100, "")), Ok(()));
    assert_eq!(dialog.accept_request(&received("BYE", 99, "")), Err(DialogError::OutOfOrder));
}

/// SIP-42: target refreshes move the target, other requests do not, nor does a Contact that is no SIP URI.
#[test]
fn the_target_is_refreshed() {
    let mut dialog = Dialog::uas(&received("INVITE", 1, CONTACT), "ours", Transport::Udp).unwrap();
    let elsewhere = "Contact: <sip:alice@elsewhere.example>\r\n";
    dialog.refresh_target(&received("MESSAGE", 2, elsewhere)).unwrap();
    assert_eq!(dialog.remote_target().host(), Some("192.0.2.1"));
    assert!(dialog.refresh_target(&received("UPDATE", 3, "Contact: <tel:+15551234>\r\n")).is_err());
    assert_eq!(dialog.remote_target().host(), Some("192.0.2.1"));
    dialog.refresh_target(&received("UPDATE", 4, elsewhere)).unwrap();
    assert_eq!(dialog.remote_target().host(), Some("elsewhere.example"));
}

/// RFC 3261 §12.1.2, §13.2.2.4: the UAC reverses Record-Route; its ACK has the INVITE's number.
#[test]
fn a_dialog_of_the_uac_reverses_the_routes() {
    let invite = received("INVITE", 5, "");
    let mut ok = Response::for_request(&invite, 200, "OK");
    ok.set_to_tag("theirs");
    ok.headers.push(HeaderName::RecordRoute, "<sip:p1.example;lr>, <sip:p2.example;lr>");
    assert!(Dialog::uac(&invite, &ok, Transport::Udp).is_err());
    ok.headers.push(HeaderName::Contact, "<sip:bob@192.0.2.4>");
    let mut dialog = Dialog::uac(&invite, &ok, Transport::Udp).unwrap();
    assert_eq!(Some(dialog.id()), DialogId::of_response(&ok).unwrap().as_ref());
    let ack = dialog.ack_for(5);
    assert_eq!(values(&ack, &HeaderName::CSeq), ["5 ACK"]);
    assert_eq!(values(&ack, &HeaderName::Route), ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    assert_eq!(dialog.request(Method::Bye).headers.cseq().unwrap().seq, 6);
    ok.headers.set(HeaderName::Contact, "<sip:bob@192.0.2.5>");
    dialog.accept_response(&ok).unwrap();
    assert_eq!(dialog.remote_target().host(), Some("192.0.2.5"));
}

/// SIP-E5: a request is found by Call-ID and both tags; outside of dialogs it has no id.
#[test]
fn requests_name_their_dialog() {
    let mut request = received("BYE", 2, "");
    assert_eq!(DialogId::of_request(&request), Ok(None));
    request.headers.set(HeaderName::To, "<sip:lobby@example.com>;tag=ours");
    let dialog = Dialog::uas(&received("INVITE", 1, CONTACT), "ours", Transport::Udp).unwrap();
    assert_eq!(DialogId::of_request(&request).unwrap().as_ref(), Some(dialog.id()));
}

/// A dialog is kept for every participant: it stays small.
#[test]
fn dialogs_are_small() {
    assert!(size_of::<Dialog>() <= 200, "{}", size_of::<Dialog>());
    assert!(size_of::<Uri>() <= 48, "{}", size_of::<Uri>());
}

/// RFC 6665 §4.4.1: a NOTIFY forms the dialog of a SUBSCRIBE, whose numbers go on.
#[test]
fn a_notify_forms_a_dialog() {
    let asked = received("SUBSCRIBE", 3, CONTACT);
    let notify = received("NOTIFY", 9, &format!("{CONTACT}Record-Route: <sip:p1.example;lr>\r\n"));
    let mut dialog = Dialog::of_notify(&asked, &notify, Transport::Tcp).unwrap();
    assert_eq!((&*dialog.id().local_tag, &*dialog.id().remote_tag), ("a1", "a1"));
    let refresh = dialog.request(Method::Subscribe);
    assert_eq!(values(&refresh, &HeaderName::CSeq), ["4 SUBSCRIBE"]);
    assert_eq!(values(&refresh, &HeaderName::Route), ["<sip:p1.example;lr>"]);
    assert_eq!(refresh.uri.to_string(), "sip:alice@192.0.2.1:5070;transport=tcp");
    assert_eq!(dialog.accept_request(&received("NOTIFY", 9, "")).map_err(|error| error.status()), Err(500));
}
