//! The messages of the RFCs and of real clients.

use parlor_cpim::{Address, Builder, CORE_NAMESPACE, CpimError, Envelope, HeaderName, Scanner, write_text};

const RFC_3862: &[u8] = include_bytes!("../testdata/rfc3862_5_1.cpim");
const RFC_4975: &[u8] = include_bytes!("../testdata/rfc4975_11_4.cpim");
const BLINK: &[u8] = include_bytes!("../testdata/blink.cpim");
const STATUS: &[u8] = include_bytes!("../testdata/status.cpim");
const IMDN: &[u8] = include_bytes!("../testdata/imdn.cpim");

fn scan(message: &[u8]) -> Result<Option<Envelope>, CpimError> {
    Scanner::new(16_384).scan(message)
}

fn read(message: &[u8]) -> Envelope {
    scan(message).expect("a message/cpim").expect("complete headers")
}

fn with_headers(headers: &str) -> Result<Option<Envelope>, CpimError> {
    scan(format!("{headers}\r\nContent-Type: text/plain\r\n\r\nHello").as_bytes())
}

const FROM_TO: &str = "From: <sip:a@x>\r\nTo: <sip:b@x>\r\n";

fn and(headers: &str) -> Result<Option<Envelope>, CpimError> {
    with_headers(&format!("{FROM_TO}{headers}"))
}

#[test]
fn example_of_rfc_3862_section_5_1() {
    let envelope = read(RFC_3862);
    assert_eq!(envelope.from, Address::new("im:piglet@100akerwood.com").named("MR SANDERS"));
    assert_eq!(envelope.to, [Address::new("im:eeyore@100akerwood.com").named("Depressed Donkey")]);
    assert_eq!(envelope.date_time.as_deref(), Some("2000-12-13T13:40:00-08:00"));
    assert_eq!(envelope.subject.as_deref(), Some("the weather will be fine today"));
    let required = HeaderName { namespace: "mid:MessageFeatures@id.foo.com".into(), name: "VitalMessageOption".into() };
    assert_eq!(envelope.require, [required]);
    assert!(!envelope.requires_unknown(), "it is for the recipient");
    assert_eq!(envelope.essence(), Some("text/xml"));
    assert_eq!(envelope.content_type.as_deref(), Some("text/xml; charset=utf-8"));
    assert!(RFC_3862[envelope.headers_len..].starts_with(b"<body>"));
}

#[test]
fn content_type_may_follow_without_an_empty_line_cpim_40() {
    let envelope = read(RFC_4975);
    assert_eq!(envelope.essence(), Some("text/plain"));
    assert_eq!(&RFC_4975[envelope.headers_len..], b"ABCD");
}

#[test]
fn content_of_the_joined_form_is_never_read_as_headers_cpim_40() {
    let message = format!("{FROM_TO}Content-Type: text/plain\r\n\r\nContent-Type: text/html\r\n\r\nX: y");
    let envelope = read(message.as_bytes());
    assert_eq!(envelope.essence(), Some("text/plain"));
    assert!(message[envelope.headers_len..].starts_with("Content-Type: text/html"));
}

#[test]
fn blink_ends_mime_headers_with_lf() {
    let envelope = read(BLINK);
    assert_eq!(envelope.from.uri, "sip:alice@example.com");
    assert_eq!(envelope.content_type.as_deref(), Some("text/plain; charset=\"utf8\""));
    assert_eq!(&BLINK[envelope.headers_len..], b"hello room");
}

#[test]
fn status_of_a_room_and_notification() {
    assert_eq!(read(STATUS).essence(), Some("text/plain"));
    let envelope = read(IMDN);
    assert_eq!(envelope.content_disposition.as_deref(), Some("notification"));
    assert_eq!(envelope.essence(), Some("message/imdn+xml"));
}

#[test]
fn header_names_have_a_case_cpim_10() {
    assert_eq!(with_headers("from: <sip:a@x>\r\nTo: <sip:b@x>\r\n"), Err(CpimError::NoFrom));
    let envelope = and("CC: <sip:c@x>\r\ncc: sip:d@x\r\n").expect("cc").expect("whole");
    assert_eq!(envelope.cc.len(), 2);
}

#[test]
fn form_that_readers_must_forgive_cpim_14() {
    let lenient = "From:sip:a@x\nTo:   <sip:b@x>  \nDateTime:2026-03-02T15:02:31Z\n\nContent-type:text/plain\n\nHi";
    let envelope = read(lenient.as_bytes());
    assert_eq!((envelope.from.uri.as_str(), envelope.to[0].uri.as_str()), ("sip:a@x", "sip:b@x"));
}

#[test]
fn lf_among_crlf_cannot_hide_a_second_from() {
    assert_eq!(and("X: y\nFrom: <sip:victim@x>\r\n"), Err(CpimError::MixedLineEnds));
    assert_eq!(with_headers("From: <sip:a@x>\nX: <sip:v@x>\r\nTo: <sip:b@x>\r\n"), Err(CpimError::MixedLineEnds));
}

#[test]
fn second_from_and_datetime_are_refused_cpim_34() {
    assert_eq!(and("From: <sip:a@x>\r\n"), Err(CpimError::Duplicate));
    assert_eq!(and("DateTime: a\r\nDateTime: b\r\n"), Err(CpimError::Duplicate));
    assert_eq!(
        scan(format!("{FROM_TO}Content-Type: a/b\r\nFrom: <sip:v@x>\r\n\r\n").as_bytes()),
        Err(CpimError::Duplicate)
    );
}

#[test]
fn from_and_to_are_needed() {
    assert_eq!(with_headers("To: <sip:b@x>\r\n"), Err(CpimError::NoFrom));
    assert_eq!(with_headers("From: <sip:b@x>\r\n"), Err(CpimError::NoTo));
    assert_eq!(scan(b"\r\n\r\n"), Err(CpimError::NoFrom));
}

#[test]
fn several_to_keep_their_order() {
    let envelope = and("To: <sip:c@x>\r\n").expect("To").expect("whole");
    let uris: Vec<&str> = envelope.to.iter().map(|to| to.uri.as_str()).collect();
    assert_eq!(uris, ["sip:b@x", "sip:c@x"]);
}

#[test]
fn changed_default_namespace_hides_what_follows_cpim_32() {
    assert_eq!(with_headers("NS: <urn:x>\r\nFrom: <sip:a@x>\r\nTo: <sip:b@x>\r\n"), Err(CpimError::NoFrom));
    let envelope = and("NS: <urn:x>\r\nTo: <sip:c@x>\r\nFrom: anything\r\n").expect("hidden").expect("whole");
    assert_eq!(envelope.to.len(), 1);
}

#[test]
fn core_headers_may_have_a_prefix_cpim_31() {
    let headers = format!("NS: c <{CORE_NAMESPACE}>\r\nc.From: <sip:a@x>\r\nc.To: <sip:b@x>\r\n");
    let envelope = with_headers(&headers).expect("prefixed").expect("whole");
    assert_eq!(envelope.from.uri, "sip:a@x");
    assert_eq!(and("c.From: <sip:v@x>\r\n").expect("undeclared").expect("whole").from.uri, "sip:a@x");
}

#[test]
fn require_of_core_headers_is_understood_cpim_33() {
    let envelope = and("Require: From, Subject\r\n").expect("Require").expect("whole");
    assert!(!envelope.requires_unknown());
    assert!(and("Require: From, Magic\r\n").expect("Require").expect("whole").requires_unknown());
    assert!(!and("Require: x.y\r\n").expect("Require").expect("whole").requires_unknown());
    assert!(!and("Required: x.y\r\n").expect("unknown").expect("whole").requires_unknown());
}

#[test]
fn escapes_in_subject_are_read_cpim_20() {
    let envelope = and("Subject: a\\u00e4\\n\r\n").expect("Subject").expect("whole");
    assert_eq!(envelope.subject.as_deref(), Some("aä\n"));
}

#[test]
fn broken_headers_are_refused() {
    assert_eq!(and("no colon\r\n"), Err(CpimError::Syntax));
    assert_eq!(and(" X: folded\r\n"), Err(CpimError::Syntax));
    assert_eq!(and("X : space before the colon\r\n"), Err(CpimError::Syntax));
    assert_eq!(and(": no name\r\n"), Err(CpimError::Syntax));
    assert_eq!(and("X: a\0b\r\n"), Err(CpimError::ControlCharacter));
    assert_eq!(and("X: a\rFrom: <sip:v@x>\r\n"), Err(CpimError::ControlCharacter));
    assert_eq!(and("NS: nothing\r\n"), Err(CpimError::Namespace));
    assert_eq!(with_headers("From: nobody\r\nTo: <sip:b@x>\r\n"), Err(CpimError::Address));
    let latin = [FROM_TO.as_bytes(), b"Subject: \xe4\r\n\r\nContent-Type: a/b\r\n\r\n"].concat();
    assert_eq!(scan(&latin), Err(CpimError::NotUtf8), "CPIM-E2");
    assert_eq!(scan(format!("{FROM_TO}\r\nContent-Type: text\r\n\r\n").as_bytes()), Err(CpimError::ContentType));
}

#[test]
fn content_may_be_anything() {
    let message = [FROM_TO.as_bytes(), b"\r\nContent-Type: a/b\r\n\r\n\xff\0\xfe"].concat();
    assert_eq!(&message[read(&message).headers_len..], b"\xff\0\xfe");
}

#[test]
fn missing_content_type_is_told_cpim_2() {
    let message = format!("{FROM_TO}\r\n\r\nHello");
    let envelope = read(message.as_bytes());
    assert_eq!(envelope.essence(), None);
    assert_eq!(&message[envelope.headers_len..], "Hello");
}

#[test]
fn headers_have_a_limit_cpim_11() {
    let long = format!("{FROM_TO}X: {}", "y".repeat(100));
    assert_eq!(Scanner::new(100).scan(long.as_bytes()), Err(CpimError::TooLong));
    let mut scanner = Scanner::new(long.len());
    assert_eq!(scanner.scan(long.as_bytes()), Ok(None));
    assert_eq!(scanner.scan(format!("{long}\r\n").as_bytes()), Err(CpimError::TooLong));
    let whole = read(BLINK).headers_len;
    assert!(Scanner::new(whole).scan(BLINK).expect("fits").is_some());
    assert_eq!(Scanner::new(whole - 1).scan(BLINK), Err(CpimError::TooLong));
}

#[test]
fn end_of_the_message_ends_the_mime_headers() {
    let finish = |message: &str| Scanner::new(16_384).finish(message.as_bytes());
    let separate = format!("{FROM_TO}\r\nContent-Type: text/plain");
    assert_eq!(finish(&separate).expect("separate").essence(), Some("text/plain"));
    let joined = format!("{FROM_TO}Content-Type: text/html\r\n");
    let envelope = finish(&joined).expect("joined");
    assert_eq!((envelope.essence(), envelope.headers_len), (Some("text/html"), joined.len()));
    assert_eq!(finish(FROM_TO), Err(CpimError::Incomplete));
}

#[test]
fn message_of_a_switch_cpim_35() {
    let written = write_text("sip:lobby@x", "sip:lobby@x", "2026-03-02T15:02:31Z", "Hi \u{1F600}");
    let expected = "From: <sip:lobby@x>\r\nTo: <sip:lobby@x>\r\nDateTime: 2026-03-02T15:02:31Z\r\n\r\n\
                    Content-Type: text/plain; charset=utf-8\r\n\r\nHi \u{1F600}";
    assert_eq!(written, expected.as_bytes());
}

#[test]
fn builder_cannot_be_made_to_write_a_header_cpim_21() {
    let from = Address::new("sip:a@x").named("Al\r\nFrom: <sip:v@x>\"");
    let message = Builder::new(&from, &Address::new("sip:b@x>\r\nX: y"), "now")
        .subject("one\r\ntwo\\")
        .namespace("imdn", "urn:ietf:params:imdn")
        .header("imdn.Message-ID", "1")
        .content("text/plain", b"Hello");
    let text = String::from_utf8(message).expect("UTF-8");
    assert_eq!(text.lines().filter(|line| line.starts_with("From") || line.starts_with("X:")).count(), 1);
    let proper = text.replacen("sip:b@x>\\r\\nX: y", "sip:b@x", 1);
    let envelope = read(proper.as_bytes());
    assert_eq!(envelope.from, from);
    assert_eq!(envelope.subject.as_deref(), Some("one\r\ntwo\\"));
}
