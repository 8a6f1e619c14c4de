//! The user agent against a scripted room.

mod login;
mod refer;
mod roster;
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_sip::{
    ConnectionId, Flow, HeaderName, Limits, Message, Method, NameAddr, Request, Response, Transport, parse_datagram,
    reason_phrase,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::agent::{Ended, Output, Profile, UserAgent};
use super::core::Identity;
use crate::options::Login;
use crate::sdp::Offer;

const ANSWER: &str = "v=0\r\no=- 1 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=message 2855 TCP/MSRP *\r\na=accept-types:message/cpim\r\na=path:msrp://127.0.0.1:2855/abc;tcp\r\n";

/// A user agent, the time, and what the room knows of the dialog.
struct Scene {
    agent: UserAgent,
    now: Instant,
    invite: Request,
    serial: u32,
}

fn profile() -> Profile {
    Profile {
        room: "sip:lobby@127.0.0.1".parse().unwrap(),
        offer: Offer::new("127.0.0.1".parse().unwrap(), false, "own", 1, "*"),
        follow_roster: false,
        roster_octets: 2000,
    }
}

fn identity() -> Identity {
    Identity {
        from: NameAddr::new("sip:alice@127.0.0.1".parse().unwrap()).with_display("Alice"),
        login: Some(Login { user: "alice".to_owned(), password: "s3cret".to_owned() }),
        user_agent: "test".to_owned(),
    }
}

impl Scene {
    /// The INVITE is sent.
    fn inviting(transport: Transport) -> Self {
        Self::inviting_as(transport, profile())
    }

    fn inviting_as(transport: Transport, profile: Profile) -> Self {
        let flow = Flow {
            transport,
            local: "127.0.0.1:40000".parse().unwrap(),
            remote: "127.0.0.1:5060".parse().unwrap(),
            connection: transport.is_reliable().then_some(ConnectionId(1)),
        };
        let mut agent = UserAgent::new(profile, identity(), flow, 0, StdRng::seed_from_u64(1));
        let now = Instant::now();
        agent.invite(now);
        let invite = request(&mut agent);
        Self { agent, now, invite, serial: 0 }
    }

    /// The INVITE is accepted with these header fields beside the usual ones.
    fn joined(fields: &[(HeaderName, &str)]) -> Self {
        let mut scene = Self::inviting(Transport::Tcp);
        scene.accept("room", fields);
        assert_eq!(scene.request().method, Method::Ack);
        assert!(matches!(scene.agent.poll_output(), Some(Output::Admitted { body, .. }) if body == ANSWER));
        scene
    }

    fn accept(&mut self, tag: &str, fields: &[(HeaderName, &str)]) {
        let mut response = Response::for_request(&self.invite, 200, "OK");
        response.set_to_tag(tag);
        response.headers.push(HeaderName::Contact, "<sip:lobby@127.0.0.1:5060;transport=tcp>;isfocus");
        response.headers.push(HeaderName::ContentType, "application/sdp");
        fields.iter().for_each(|(name, value)| response.headers.push(name.clone(), value));
        response.body = Bytes::from_static(ANSWER.as_bytes());
        self.agent.handle_message(self.now, Message::Response(response));
    }

    fn answer(&mut self, request: &Request, code: u16, fields: &[(HeaderName, &str)]) {
        let mut response = Response::for_request(request, code, reason_phrase(code));
        response.set_to_tag("room");
        fields.iter().for_each(|(name, value)| response.headers.push(name.clone(), value));
        self.agent.handle_message(self.now, Message::Response(response));
    }

    /// A request of the room's; what we answer.
    fn ask(&mut self, method: &str, fields: &str, body: &str) -> Response {
        self.tell(method, fields, body);
        self.response()
    }

    fn tell(&mut self, method: &str, fields: &str, body: &str) {
        let fields = format!("Content-Type: application/sdp\r\n{fields}");
        self.tell_in(&self.invite.clone(), method, &fields, body);
    }

    /// A request in the dialog that a request of ours has begun.
    fn tell_in(&mut self, ours: &Request, method: &str, fields: &str, body: &str) {
        self.serial += 1;
        let own_tag = ours.headers.from_tag().unwrap().unwrap();
        let call_id = ours.headers.call_id().unwrap();
        let text = format!(
            "{method} sip:alice@127.0.0.1:40000 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{serial}\r\n\
             From: <sip:lobby@127.0.0.1>;tag=room\r\nTo: <sip:alice@127.0.0.1>;tag={own_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {serial} {method}\r\nContact: <sip:lobby@127.0.0.1:5060>\r\n\
             {fields}Content-Length: {length}\r\n\r\n{body}",
            serial = self.serial,
            length = body.len(),
        );
        self.agent.handle_message(self.now, parse_datagram(&text.into(), &Limits::default()).unwrap());
    }

    /// The next request of ours.
    fn request(&mut self) -> Request {
        request(&mut self.agent)
    }

    fn response(&mut self) -> Response {
        match sent(&mut self.agent).expect("a response") {
            Message::Response(response) => response,
            Message::Request(request) => panic!("{} instead of a response", request.method),
        }
    }

    /// Lets the time of the next timer come; how long that took.
    fn wait(&mut self) -> Duration {
        let due = self.agent.poll_timeout().expect("a timer").max(self.now);
        let waited = due - self.now;
        self.now = due;
        self.agent.handle_timeout(due);
        waited
    }

    /// Lets time pass until we ask something; how long that took.
    fn wait_for_request(&mut self) -> (Duration, Request) {
        let start = self.now;
        loop {
            self.wait();
            match sent(&mut self.agent) {
                Some(Message::Request(request)) => return (self.now - start, request),
                Some(Message::Response(_)) | None => {}
            }
        }
    }

    fn ended(&mut self) -> Option<Ended> {
        self.agent.poll_output().map(|output| match output {
            Output::Ended(why) => why,
            Output::Admitted { .. } | Output::Rejected(_) => panic!("{output:?}"),
        })
    }
}

fn sent(agent: &mut UserAgent) -> Option<Message> {
    agent.poll_transmit().map(|transmit| parse_datagram(&transmit.bytes, &Limits::default()).unwrap())
}

fn request(agent: &mut UserAgent) -> Request {
    match sent(agent).expect("a request") {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{} instead of a request", response.code),
    }
}

#[test]
fn joining_and_leaving() {
    let mut scene = Scene::joined(&[]);
    let invite = &scene.invite;
    assert_eq!(invite.uri.to_string(), "sip:lobby@127.0.0.1");
    assert_eq!(invite.headers.from().unwrap().display.as_deref(), Some("Alice"));
    assert_eq!(invite.headers.contact().unwrap().uri.to_string(), "sip:alice@127.0.0.1:40000;transport=tcp");
    assert!(invite.headers.supports("timer") && invite.headers.max_forwards() == Ok(Some(70)));
    assert_eq!(invite.body, profile().offer.text);
    scene.agent.leave(scene.now);
    let bye = scene.request();
    assert_eq!((&bye.method, bye.uri.to_string()), (&Method::Bye, "sip:lobby@127.0.0.1:5060;transport=tcp".to_owned()));
    scene.answer(&bye, 200, &[]);
    assert_eq!(scene.ended(), Some(Ended::Left));
    assert!(scene.agent.is_over());
}

#[test]
fn rejection_is_told_with_its_reasons() {
    let mut scene = Scene::inviting(Transport::Tcp);
    let invite = scene.invite.clone();
    let why = [(HeaderName::Warning, "304 here \"no TLS\""), (HeaderName::RetryAfter, "7 (busy)")];
    scene.answer(&invite, 488, &why);
    assert_eq!(scene.request().method, Method::Ack);
    let Some(Output::Rejected(rejection)) = scene.agent.poll_output() else { panic!("not rejected") };
    assert_eq!(rejection.to_string(), "488 Not Acceptable Here (no TLS), try again in 7 s");
}

/// RFC 3261 §9.1: a CANCEL waits for a provisional response; who is admitted all the same says BYE.
#[test]
fn invitation_is_taken_back() {
    for admitted in [false, true] {
        let mut scene = Scene::inviting(Transport::Tcp);
        scene.agent.leave(scene.now);
        assert!(sent(&mut scene.agent).is_none());
        let invite = scene.invite.clone();
        scene.answer(&invite, 180, &[]);
        assert_eq!(scene.request().method, Method::Cancel);
        if admitted {
            scene.accept("room", &[]);
            assert_eq!(scene.request().method, Method::Ack);
            let bye = scene.request();
            scene.answer(&bye, 200, &[]);
        } else {
            scene.answer(&invite, 487, &[]);
        }
        assert_eq!(scene.ended(), Some(Ended::Left));
    }
}

/// RFC 3261 §13.2.2.4, SIP-50: a 2xx that comes again is acknowledged again; one of another room is left.
#[test]
fn further_2xx_are_acknowledged() {
    let mut scene = Scene::joined(&[]);
    scene.accept("room", &[]);
    assert_eq!(scene.request().method, Method::Ack);
    assert!(sent(&mut scene.agent).is_none());
    scene.accept("fork", &[]);
    let (ack, bye) = (scene.request(), scene.request());
    assert_eq!((ack.method, bye.method.clone()), (Method::Ack, Method::Bye));
    assert_eq!(bye.headers.to_tag().unwrap().as_deref(), Some("fork"));
    scene.answer(&bye, 200, &[]);
    assert!(scene.ended().is_none() && !scene.agent.is_over());
}

/// SIP-103: half the interval, by UPDATE; who knows none is asked by INVITE with the same SDP.
#[test]
fn we_refresh() {
    let timer = (HeaderName::SessionExpires, "100;refresher=uac");
    let mut scene = Scene::joined(&[timer.clone(), (HeaderName::Allow, "INVITE, UPDATE")]);
    let (waited, update) = scene.wait_for_request();
    assert_eq!(waited, Duration::from_secs(50));
    assert_eq!((&update.method, update.body.len()), (&Method::Update, 0));
    assert_eq!(update.headers.session_expires().unwrap().unwrap().to_string(), "100;refresher=uac");
    scene.answer(&update, 501, &[]);
    let invite = scene.request();
    assert_eq!((&invite.method, &*invite.body), (&Method::Invite, profile().offer.text.as_bytes()));
    let contact = (HeaderName::Contact, "<sip:moved@127.0.0.1>");
    scene.answer(&invite, 200, &[timer, contact]);
    let ack = scene.request();
    assert_eq!((ack.method, ack.uri.user()), (Method::Ack, Some("moved")));
    let (waited, next) = scene.wait_for_request();
    assert_eq!((waited, next.method), (Duration::from_secs(50), Method::Invite));
}

/// RFC 4028 §7.4, §10; SIP-44.
#[test]
fn refresh_that_fails() {
    for (code, again) in [(491, true), (500, true), (422, true), (408, false), (481, false)] {
        let timer = [(HeaderName::SessionExpires, "100;refresher=uac"), (HeaderName::Allow, "UPDATE")];
        let mut scene = Scene::joined(&timer);
        let (_, update) = scene.wait_for_request();
        scene.answer(&update, code, &[(HeaderName::MinSe, "200")]);
        if again {
            let (waited, update) = scene.wait_for_request();
            assert!((2.1..=4.0).contains(&waited.as_secs_f64()), "{code}: {waited:?}");
            let seconds = update.headers.session_expires().unwrap().unwrap().seconds;
            assert_eq!((update.method, seconds), (Method::Update, if code == 422 { 200 } else { 100 }));
        } else {
            let bye = scene.request();
            assert_eq!(bye.method, Method::Bye);
            scene.answer(&bye, 481, &[]);
            assert_eq!(scene.ended(), Some(Ended::Expired));
        }
    }
}

/// SIP-103: who waits in vain for the other's refresh says BYE a little before the end.
#[test]
fn refresh_of_the_room_does_not_come() {
    let mut scene = Scene::joined(&[(HeaderName::SessionExpires, "90;refresher=uas")]);
    let update = scene.ask("UPDATE", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", "");
    assert_eq!((update.code, update.body.len()), (200, 0));
    assert_eq!(update.headers.session_expires().unwrap().unwrap().to_string(), "90;refresher=uac");
    assert!(update.headers.require().unwrap().contains(&"timer"));
    let (waited, bye) = scene.wait_for_request();
    assert_eq!((waited, bye.method), (Duration::from_secs(60), Method::Bye));
}

/// MSRP-119: what is as before is answered as before; SIP-44: what is not is 488 and changes nothing.
#[test]
fn offers_of_the_room() {
    let mut scene = Scene::joined(&[]);
    let offer = profile().offer.text;
    for (body, code, answer) in [
        (ANSWER.to_owned(), 200, &*offer),
        (String::new(), 200, &offer),
        (ANSWER.replace("/abc", "/other"), 488, ""),
        (ANSWER.replace("message 2855", "message 0"), 488, ""),
        (ANSWER.replace("m=message 2855", "m=message x"), 400, ""),
    ] {
        let response = scene.ask("INVITE", "", &body);
        assert_eq!((response.code, &*response.body), (code, answer.as_bytes()), "{body}");
        scene.tell_ack(scene.serial);
    }
    assert!(scene.ended().is_none() && !scene.agent.is_over());
}

impl Scene {
    fn tell_ack(&mut self, seq: u32) {
        self.serial = seq - 1;
        self.tell("ACK", "", "");
        assert!(sent(&mut self.agent).is_none());
    }
}

/// SIP-3: our 2xx is repeated until its ACK comes, and if none comes we leave.
#[test]
fn our_2xx_is_repeated() {
    let mut scene = Scene::joined(&[]);
    scene.ask("INVITE", "", "");
    for _ in 0..3 {
        scene.wait();
        assert_eq!(scene.response().code, 200);
    }
    assert_eq!(scene.ask("INVITE", "", "").code, 500, "one at a time");
    scene.tell_ack(1);
    let start = scene.now;
    while scene.agent.poll_timeout().is_some() {
        scene.wait();
        assert!(sent(&mut scene.agent).is_none());
    }
    assert!(scene.now - start <= Duration::from_secs(32));
    scene.serial = 10;
    scene.ask("INVITE", "", "");
    let (waited, bye) = scene.wait_for_request();
    assert_eq!((waited, bye.method), (Duration::from_secs(32), Method::Bye));
}

#[test]
fn other_requests() {
    let mut scene = Scene::joined(&[]);
    for (method, fields, code) in [
        ("OPTIONS", "", 200),
        ("INFO", "", 405),
        ("NOTIFY", "", 489),
        ("NOTIFY", "Event: conference\r\nSubscription-State: active\r\n", 481),
        ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", 481),
        ("NOTIFY", "Event: presence\r\nSubscription-State: active\r\n", 489),
        ("DANCE", "", 501),
        ("UPDATE", "Require: timer, magic\r\n", 420),
    ] {
        let response = scene.ask(method, fields, "");
        assert_eq!(response.code, code, "{method}");
        assert_eq!(response.headers.unsupported(), if code == 420 { vec!["magic"] } else { vec![] });
        let told = response.headers.allow().is_some_and(|methods| methods.contains(&Method::Update));
        assert_eq!(told, matches!(code, 200 | 405 | 501), "{method}");
    }
    scene.serial = 0;
    assert_eq!(scene.ask("UPDATE", "X: out of order\r\n", "").code, 500);
    scene.serial = 20;
    assert_eq!(scene.ask("BYE", "", "").code, 200);
    assert_eq!(scene.ended(), Some(Ended::Removed));
    assert_eq!(scene.ask("BYE", "", "").code, 481);
    assert_eq!(scene.ask("OPTIONS", "", "").code, 481);
}

#[test]
fn room_that_does_not_answer() {
    let mut scene = Scene::inviting(Transport::Udp);
    let mut repeats = 0;
    while scene.agent.poll_timeout().is_some() {
        scene.wait();
        repeats += usize::from(sent(&mut scene.agent).is_some());
    }
    assert_eq!((scene.ended(), repeats), (Some(Ended::Unanswered), 6));
    let mut scene = Scene::inviting(Transport::Tcp);
    scene.agent.handle_connection_lost(scene.now);
    assert_eq!(scene.ended(), Some(Ended::Lost));
}
