//! What holds for all messages: decoding undoes encoding, splitting a stream changes nothing, junk never panics.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use parlor_sip::{
    CSeq, HeaderName, Headers, Limits, Message, Method, NameAddr, Request, Response, StreamDecoder, StreamEvent, Uri,
    parse_datagram,
};
use proptest::prelude::*;

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Invite),
        Just(Method::Message),
        Just(Method::Subscribe),
        "[A-Z][A-Z0-9.!%*_+`'~-]{0,12}".prop_map(|name| Method::from(&*name)),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    let host = prop_oneof![
        "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9]{0,5}){0,3}",
        Just("192.0.2.1".to_owned()),
        Just("::1".to_owned())
    ];
    let param = proptest::option::of(("[a-z]{1,6}", "\\PC{1,8}"));
    (proptest::option::of("\\PC{1,10}"), host, any::<Option<u16>>(), param).prop_map(|(user, host, port, param)| {
        let uri = Uri::sip(user.as_deref(), &host, port).unwrap();
        match param {
            Some((name, value)) => uri.with_param(&name, &value),
            None => uri,
        }
    })
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    (uri(), proptest::option::of("\\PC{0,12}"), "[a-z0-9]{1,10}").prop_map(|(uri, display, tag)| {
        let address = NameAddr::new(uri).with_tag(&tag);
        match display {
            Some(display) => address.with_display(&display),
            None => address,
        }
    })
}

fn headers(method: Method) -> impl Strategy<Value = Headers> {
    let other = proptest::collection::vec(("X-[A-Za-z]{1,10}", "[!-~]([ -~é]{0,20}[!-~])?"), 0..5);
    (name_addr(), name_addr(), any::<u32>(), "[a-zA-Z0-9]{1,20}", other).prop_map(move |(from, to, seq, id, other)| {
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, format!("SIP/2.0/TCP host.example;branch=z9hG4bK{id}"));
        headers.push(HeaderName::From, from);
        headers.push(HeaderName::To, to);
        headers.push(HeaderName::CallId, id);
        headers.push(HeaderName::CSeq, CSeq { seq, method: method.clone() });
        for (name, value) in other {
            headers.push(HeaderName::from(&*name), value);
        }
        headers
    })
}

fn message() -> impl Strategy<Value = Message> {
    let body = || proptest::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from);
    let request = method().prop_flat_map(move |method| {
        (Just(method.clone()), uri(), headers(method), body())
            .prop_map(|(method, uri, headers, body)| Message::Request(Request { method, uri, headers, body }))
    });
    let response =
        (100_u16..700, "[ -~ж]{0,20}", headers(Method::Invite), body()).prop_map(|(code, reason, headers, body)| {
            Message::Response(Response { code, reason: reason.into(), headers, body })
        });
    prop_oneof![request, response]
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// The message as decoding gives it back: with its Content-Length.
fn with_length(mut message: Message) -> Message {
    let length = message.body().len();
    match &mut message {
        Message::Request(request) => request.headers.push(HeaderName::ContentLength, length),
        Message::Response(response) => response.headers.push(HeaderName::ContentLength, length),
    }
    message
}

/// What a decoder makes of a stream that comes in these pieces.
fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = StreamDecoder::new(Limits { start_line: 200, header_block: 2000, header_count: 20, body: 200 });
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.poll() {
                Ok(Some(StreamEvent::Message(message))) => events.push(format!("{message:?}")),
                Ok(Some(StreamEvent::Ping)) => events.push("ping".to_owned()),
                Ok(Some(StreamEvent::Invalid(error))) => events.push(format!("{:?}", error.kind)),
                Ok(None) => break,
                Err(error) => events.push(format!("lost {:?}", error.0.kind)),
            }
        }
    }
    events
}

fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> impl Iterator<Item = &'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    at.push(bytes.len());
    let mut from = 0;
    at.into_iter().map(move |to| &bytes[std::mem::replace(&mut from, to)..to])
}

/// Bytes that look like SIP often enough to reach deep.
fn nearly_sip() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", "v: SIP/2.0/TCP [::1]:5060",
            "From: \"A\\\"\" <sip:a@b>;tag=1\r\n", "To: <sip:b@c>\r\n", "t: sip:b;x=\"", "Call-ID: 1\r\n", "CSeq: 1 INVITE\r\n",
            "Content-Length: 0\r\n", "l: 5\r\n", "Content-Length: 18446744073709551615\r\n", "\r\n", "\r\n\r\n", "\r", "\n", " ", "\t", ",",
            ";", "<", ">", "\"", "%", "=", ":", "sip:", "Contact: *\r\n", "Contact: <sip:a@b?x=y>;;\r\n", "hello",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// decode(encode(x)) = x.
    #[test]
    fn decoding_undoes_encoding(message in message()) {
        let bytes = Bytes::from(encoded(&message));
        prop_assert_eq!(parse_datagram(&bytes, &Limits::default()).unwrap(), with_length(message));
    }

    /// Any split of a stream of messages gives the same messages.
    #[test]
    fn splits_do_not_matter(messages in proptest::collection::vec(message(), 1..4), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let stream: Vec<u8> = messages.iter().flat_map(encoded).collect();
        prop_assert_eq!(events(split(&stream, &cuts)), events(std::iter::once(&stream[..])));
        let limits = Limits::default();
        let mut decoder = StreamDecoder::new(limits);
        decoder.push(Bytes::from(stream));
        for message in messages {
            match decoder.poll() {
                Ok(Some(StreamEvent::Message(found))) => prop_assert_eq!(found, with_length(message)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    /// Junk panics nothing, split or not, and the split changes nothing.
    #[test]
    fn junk_is_survived(junk in nearly_sip(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let datagram = Bytes::from(junk.clone());
        match parse_datagram(&datagram, &Limits::default()) {
            Ok(message) => {
                let _ = encoded(&message);
                read_all(message.headers());
            }
            Err(error) => drop(error.response().map(|(response, via)| (encoded(&Message::Response(response)), via.clone()))),
        }
        prop_assert_eq!(events(split(&junk, &cuts)), events(std::iter::once(&junk[..])));
    }

    /// Random bytes panic nothing.
    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_datagram(&Bytes::from(bytes.clone()), &Limits::default());
        let _ = events(std::iter::once(&bytes[..]));
    }

    /// No text panics a typed header or a URI, and what is read is written so that it reads the same.
    #[test]
    fn any_value_is_survived(value in "(\\PC|[<>\";,=:@% ]){0,40}") {
        let names = [
            HeaderName::Via, HeaderName::From, HeaderName::Contact, HeaderName::CSeq, HeaderName::Accept, HeaderName::Replaces,
            HeaderName::SessionExpires, HeaderName::Event, HeaderName::Warning, HeaderName::ReferTo, HeaderName::MinSe,
            HeaderName::Privacy, HeaderName::RetryAfter, HeaderName::Require,
        ];
        let mut headers = Headers::new();
        names.into_iter().for_each(|name| headers.push(name, &value));
        read_all(&headers);
        if let Ok(address) = headers.from() {
            let mut again = Headers::new();
            again.push(HeaderName::From, &address);
            prop_assert_eq!(again.from(), Ok(address));
        }
        if let Ok(uri) = value.parse::<Uri>() {
            prop_assert!(uri.equivalent(&uri) && uri.same_user_and_host(&uri));
            prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri));
        }
    }
}

fn read_all(headers: &Headers) {
    let _ = (headers.via(), headers.top_via(), headers.from(), headers.to(), headers.call_id(), headers.cseq());
    let _ = (headers.contacts(), headers.contact(), headers.route(), headers.record_route(), headers.max_forwards());
    let _ = (headers.require(), headers.supported(), headers.allow(), headers.accept(), headers.content_type());
    let _ = (headers.expires(), headers.session_expires(), headers.min_se(), headers.retry_after(), headers.warning());
    let _ = (headers.event(), headers.privacy(), headers.refer_to(), headers.replaces(), headers.join());
}
