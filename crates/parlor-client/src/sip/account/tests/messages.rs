//! Messages to people, and from them.

use parlor_sip::Method;

use super::*;

fn told(receiver: &mut oneshot::Receiver<Result<Receipt, MessageError>>) -> Option<Result<Receipt, MessageError>> {
    receiver.try_recv().ok()
}

/// MSG-10, MSG-11, MSG-12: a text without Contact; 200 has arrived, 202 has been taken, all else is told as it is.
#[test]
fn what_became_of_a_message() {
    let mut scene = Scene::new(Transport::Tcp);
    for (code, expected) in [(200, Some(Receipt::Delivered)), (202, Some(Receipt::Accepted)), (404, None), (603, None)]
    {
        let mut outcome = scene.write("bob", "hello ¡👋");
        let message = scene.request();
        assert_eq!((&message.method, message.uri.clone()), (&Method::Message, uri("bob")));
        assert_eq!(message.headers.from().unwrap().uri, uri("alice"));
        assert!(!message.headers.has(&HeaderName::Contact));
        assert!(message.headers.content_type().unwrap().unwrap().is("text/plain"));
        assert_eq!(message.body, "hello ¡👋");
        scene.answer(&message, code, &[]);
        match (told(&mut outcome).unwrap(), expected) {
            (Ok(receipt), Some(expected)) => assert_eq!(receipt, expected),
            (Err(MessageError::Refused(why)), None) => assert_eq!(why.code, code),
            other => panic!("{other:?}"),
        }
    }
    let mut unanswered = scene.write("bob", "hello?");
    scene.request();
    scene.pass(32);
    assert_eq!(told(&mut unanswered), Some(Err(MessageError::Unanswered)));
    let mut lost = scene.write("bob", "hello?");
    scene.request();
    scene.agent.handle_connection_lost(scene.now);
    assert_eq!(told(&mut lost), Some(Err(MessageError::Lost)));
}

/// MSG-17: to one person one message is pending, whatever comes of it, and the others wait in their order; other people do not.
#[test]
fn one_is_pending() {
    let mut scene = Scene::new(Transport::Tcp);
    let mut all: Vec<_> = ["one", "two", "three"].map(|text| scene.write("bob", text)).into();
    let mut of_carol = scene.write("carol", "hi");
    let (first, hi) = (scene.request(), scene.request());
    assert_eq!((&first.body[..], &hi.body[..]), (&b"one"[..], &b"hi"[..]));
    assert!(scene.silent());
    scene.answer(&hi, 200, &[]);
    assert!(told(&mut of_carol).unwrap().is_ok());
    scene.answer(&first, 486, &[]);
    assert!(told(&mut all[0]).unwrap().is_err());
    let second = scene.request();
    assert_eq!(second.body, "two");
    assert_ne!(second.headers.call_id(), first.headers.call_id());
    scene.answer(&second, 407, &[(HeaderName::ProxyAuthenticate, CHALLENGE)]);
    let again = scene.request();
    assert_eq!((&again.body[..], again.headers.cseq().unwrap().seq), (&b"two"[..], 2));
    assert!(again.headers.has(&HeaderName::ProxyAuthorization) && scene.silent());
    scene.answer(&again, 200, &[]);
    let third = scene.request();
    scene.answer(&third, 200, &[]);
    assert!(all.iter_mut().skip(1).all(|outcome| told(outcome).unwrap().is_ok()));
}

/// What waits is bounded.
#[test]
fn too_many_wait() {
    let mut scene = Scene::new(Transport::Tcp);
    let mut all: Vec<_> = (0..1100).map(|_| scene.write("bob", "x")).collect();
    let refused = all.iter_mut().filter_map(told).filter(|outcome| *outcome == Err(MessageError::Overflow)).count();
    assert_eq!(refused, 1100 - 1 - 1024);
}

/// MSG-16: more than 1,300 octets do not go over UDP, and the next goes on.
#[test]
fn large_ones_need_a_stream() {
    let large = "x".repeat(1200);
    let mut scene = Scene::new(Transport::Udp);
    let mut outcome = scene.write("bob", &large);
    assert_eq!(told(&mut outcome), Some(Err(MessageError::TooLarge)));
    assert!(scene.silent());
    scene.write("bob", &"x".repeat(300));
    assert!(scene.agent.poll_transmit().unwrap().bytes.len() < 1300);
    let mut scene = Scene::new(Transport::Tcp);
    scene.write("bob", &large);
    assert_eq!(scene.request().body.len(), 1200);
}

fn text(event: Option<AccountEvent>) -> String {
    match event {
        Some(AccountEvent::Message(message)) => message.text,
        other => panic!("{other:?} instead of a message"),
    }
}

/// MSG-20: a message is answered at once, without Contact and body; who wrote it and when are told.
#[test]
fn a_message_comes() {
    let mut scene = Scene::new(Transport::Tcp);
    let fields =
        "Content-Type: text/plain\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\nSubject: Tea\r\nContact: <sip:x@y>\r\n";
    let answer = scene.ask("MESSAGE", fields, "Watson, come here.");
    assert_eq!((answer.code, answer.body.len(), answer.headers.has(&HeaderName::Contact)), (200, 0, false));
    assert!(answer.headers.to_tag().unwrap().is_some());
    let Some(AccountEvent::Message(message)) = scene.event() else { panic!("no message") };
    assert_eq!((message.from.display.as_deref(), &*message.from.uri), (Some("Bob"), "sip:bob@example.com"));
    assert_eq!((&*message.text, message.subject.as_deref(), message.author), ("Watson, come here.", Some("Tea"), None));
    let since = message.date.unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_secs(), 1_289_690_940);
    let answer = scene.ask("MESSAGE", "", "");
    assert_eq!((answer.code, scene.event().is_none()), (200, true), "a message without a body says nothing");
}

/// MSG-E7: what is repeated in its transaction, and what comes again in another, is answered and told once.
#[test]
fn nothing_is_told_twice() {
    let mut scene = Scene::new(Transport::Tcp);
    for (branch, seq, new) in [(1, 1, true), (1, 1, false), (2, 1, false), (3, 2, true), (4, 1, false)] {
        assert_eq!(scene.ask_as(branch, seq, "MESSAGE", "Content-Type: text/plain\r\n", "once").code, 200);
        assert_eq!(scene.event().is_some(), new, "{branch} {seq}");
    }
}

/// MSG-22, RFC 3261 §8.2: what we do not understand, with what we do.
#[test]
fn what_is_refused() {
    let mut scene = Scene::new(Transport::Tcp);
    let cpim = "Content-Type: message/cpim\r\n";
    let wrapped = |kind: &str| format!("From: <sip:c@d>\r\nTo: <sip:e@f>\r\n\r\nContent-Type: {kind}\r\n\r\nhi");
    for (method, fields, body, code) in [
        ("MESSAGE", "Content-Type: text/html\r\n", "<b>hi</b>".to_owned(), 415),
        ("MESSAGE", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "hi".to_owned(), 415),
        ("MESSAGE", cpim, wrapped("image/png"), 415),
        ("MESSAGE", cpim, "hi".to_owned(), 400),
        ("MESSAGE", "", "hi".to_owned(), 400),
        ("MESSAGE", "Content-Type: application/im-iscomposing+xml\r\n", "<x".to_owned(), 400),
        ("MESSAGE", "Content-Type: text/plain\r\n", "x".repeat(64 * 1024 + 1), 413),
        ("MESSAGE", "Require: magic\r\nContent-Type: text/plain\r\n", "hi".to_owned(), 420),
        ("MESSAGE", "To: <sip:a@b>;tag=x\r\nContent-Type: text/plain\r\n", "hi".to_owned(), 481),
        ("BYE", "To: <sip:a@b>;tag=x\r\n", String::new(), 481),
        ("SUBSCRIBE", "", String::new(), 405),
        ("DANCE", "", String::new(), 501),
        ("INVITE", "Contact: <sip:b@c>\r\n", String::new(), 486),
        ("OPTIONS", "", String::new(), 200),
    ] {
        let answer = scene.ask(method, fields, &body);
        assert_eq!(answer.code, code, "{method} {fields}");
        let takes = |kind: &str| answer.headers.accept().unwrap().is_some_and(|all| all.iter().any(|one| one.is(kind)));
        assert_eq!(takes("text/plain") && takes("message/cpim"), matches!(code, 415) || method == "OPTIONS");
        assert_eq!(answer.headers.unsupported(), if code == 420 { vec!["magic"] } else { vec![] });
        assert_eq!(answer.headers.allow().is_some(), matches!(code, 405 | 501) || method == "OPTIONS");
        assert!(scene.event().is_none());
    }
}

/// MSG-52, CPIM: what a room passes on is of who wrote it.
#[test]
fn a_message_in_a_message() {
    let mut scene = Scene::new(Transport::Tcp);
    let body = "From: \"Carol\" <sip:carol@d>\r\nTo: <sip:lobby@f>\r\nSubject: Tea\r\n\r\n\
                Content-Type: text/plain\r\n\r\nhello";
    assert_eq!(scene.ask("MESSAGE", "Content-Type: message/cpim\r\n", body).code, 200);
    let Some(AccountEvent::Message(message)) = scene.event() else { panic!("no message") };
    assert_eq!((&*message.from.uri, &*message.text), ("sip:bob@example.com", "hello"));
    assert_eq!(message.author.unwrap().uri, "sip:carol@d");
    assert_eq!(message.subject.as_deref(), Some("Tea"));
}

/// When nobody takes what comes, more of it is put off.
#[test]
fn a_flood_is_put_off() {
    let mut scene = Scene::new(Transport::Tcp);
    let body = "x".repeat(60_000);
    let codes: Vec<_> = (0..30).map(|_| scene.ask("MESSAGE", "Content-Type: text/plain\r\n", &body).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 18, "{codes:?}");
    assert_eq!(codes.last(), Some(&486));
    assert_eq!(text(scene.event()).len(), 60_000);
    assert_eq!(scene.ask("MESSAGE", "Content-Type: text/plain\r\n", "again").code, 200);
    let mut scene = Scene::new(Transport::Tcp);
    let codes = (0..1100).map(|_| scene.ask("MESSAGE", "Content-Type: text/plain\r\n", "x").code);
    assert_eq!(codes.filter(|code| *code == 200).count(), 1024);
}
