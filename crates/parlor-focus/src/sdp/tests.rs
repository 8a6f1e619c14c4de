//! Offers as real clients write them, and what becomes of them.

use super::*;
use crate::Limits;
use parlor_room::{Direction, TypeList};
use proptest::prelude::*;

const BLINK: &str = "v=0\r\n\
o=- 3941000000 3941000000 IN IP4 127.0.0.1\r\n\
s=Blink\r\n\
t=0 0\r\n\
m=message 35631 TCP/MSRP *\r\n\
c=IN IP4 127.0.0.1\r\n\
a=path:msrp://127.0.0.1:35631/eeb820f9763af2ba158d;tcp\r\n\
a=accept-types:message/cpim text/* image/* application/im-iscomposing+xml\r\n\
a=accept-wrapped-types:text/* image/* application/im-iscomposing+xml\r\n\
a=setup:actpass\r\n";

struct Ours {
    addresses: MsrpAddresses,
    types: TypeList,
    chatroom: Chatroom,
    chat_clients: [Box<str>; 1],
    require_tls: bool,
    can_connect: bool,
    topic: &'static str,
}

impl Ours {
    fn new() -> Self {
        let at = |port| Some(MsrpAddress { host: "192.0.2.1".into(), port });
        Self {
            addresses: MsrpAddresses { tcp: at(2855), tls: at(2856) },
            types: TypeList::any(),
            chatroom: Chatroom::default(),
            chat_clients: ["other".into()],
            require_tls: false,
            can_connect: true,
            topic: "",
        }
    }

    fn media(&self) -> LocalMedia<'_> {
        LocalMedia {
            addresses: &self.addresses,
            session_mark: "Ours",
            wrapped_types: &self.types,
            max_size: 1000,
            chatroom: self.chatroom,
            chat_clients: &self.chat_clients,
            require_tls: self.require_tls,
            can_connect: self.can_connect,
            topic: self.topic,
            files: true,
        }
    }

    fn answer_all(&self, offer: &str) -> Result<Negotiated, SdpReject> {
        let sdp = LocalSdp::new(77);
        let limits = Limits::default();
        answer(offer.as_bytes(), &self.media(), &[], &sdp, &limits, fresh("Fresh"))
    }

    /// The answer to an offer with one session.
    fn answer(&self, offer: &str) -> Result<Only, SdpReject> {
        self.answer_all(offer).map(Only::of)
    }

    fn answer_all_again(&self, before: &Negotiated, offer: &str) -> Result<Negotiated, SdpReject> {
        let current: Vec<Current<'_>> = before.lines.iter().map(current).collect();
        let limits = Limits::default();
        answer(offer.as_bytes(), &self.media(), &current, &before.sdp, &limits, fresh("Again"))
    }

    fn answer_again(&self, before: &Only, offer: &str) -> Result<Only, SdpReject> {
        let before = Negotiated { lines: vec![before.line.clone()], sdp: before.sdp.clone() };
        self.answer_all_again(&before, offer).map(Only::of)
    }
}

/// What was agreed if it is one session.
#[derive(Debug)]
struct Only {
    line: Line,
    sdp: LocalSdp,
}

impl Only {
    fn of(agreed: Negotiated) -> Self {
        let Ok([line]) = <[Line; 1]>::try_from(agreed.lines) else { panic!("one session") };
        Self { line, sdp: agreed.sdp }
    }
}

impl std::ops::Deref for Only {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

fn current(line: &Line) -> Current<'_> {
    Current { line: line.line, local: &line.local, peer: &line.peer.path, role: line.role }
}

fn fresh(name: &'static str) -> impl FnMut() -> String {
    let mut number = 0;
    move || {
        number += 1;
        format!("{name}{number}")
    }
}

fn refused(reason: Unacceptable) -> SdpReject {
    SdpReject::NotAcceptable(reason)
}

fn media_of(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("m=")).collect()
}

#[test]
fn blink_actpass_is_answered_passive_with_the_rooms_lines_in_order() {
    // interop.md §1, CHAT-14, 16, 18, MSRP-110, 111, 113, 117, 150, SIP-60, 66
    let agreed = Ours::new().answer(BLINK).unwrap();
    assert_eq!(agreed.role, Role::Accept);
    assert_eq!(
        agreed.sdp.text(),
        "v=0\r\n\
         o=parlor 77 1 IN IP4 192.0.2.1\r\n\
         s=-\r\n\
         c=IN IP4 192.0.2.1\r\n\
         t=0 0\r\n\
         m=message 2855 TCP/MSRP *\r\n\
         a=setup:passive\r\n\
         a=accept-types:message/cpim\r\n\
         a=accept-wrapped-types:*\r\n\
         a=max-size:1000\r\n\
         a=path:msrp://192.0.2.1:2855/Fresh1;tcp\r\n\
         a=chatroom\r\n"
    );
    let capabilities = &agreed.peer.capabilities;
    assert!(capabilities.wrapped_types.accepts("text/plain"));
    assert!(capabilities.wrapped_types.accepts("application/im-iscomposing+xml"));
    assert!(!capabilities.wrapped_types.accepts("application/pdf"));
    // CHAT-21: no a=chatroom in the offer.
    assert!(!capabilities.chatroom && !capabilities.nickname && capabilities.direction == Direction::SendRecv);
}

#[test]
fn blink_active_and_port_9_are_answered_passive() {
    // SIP-E4, MSRP-152, 153
    let active = BLINK.replace("actpass", "active");
    assert_eq!(Ours::new().answer(&active).unwrap().role, Role::Accept);
    let discard = BLINK.replace("35631", "9");
    let agreed = Ours::new().answer(&discard).unwrap();
    assert_eq!(agreed.role, Role::Accept);
    assert!(agreed.sdp.text().contains("a=setup:passive\r\n"));
}

#[test]
fn a_passive_offerer_is_connected_to_unless_we_cannot() {
    // MSRP-152, 156, 157
    let passive = BLINK.replace("actpass", "passive");
    let agreed = Ours::new().answer(&passive).unwrap();
    assert_eq!(agreed.role, Role::Connect);
    assert!(agreed.sdp.text().contains("a=setup:active\r\n"));
    let ours = Ours { can_connect: false, ..Ours::new() };
    assert_eq!(ours.answer(&passive).unwrap_err(), refused(Unacceptable::Unreachable));
    for nowhere in ["msrp://127.0.0.1:9/", "msrp://127.0.0.1/", "msrp://x9.INVALID:2855/"] {
        let offer = passive.replace("msrp://127.0.0.1:35631/", nowhere);
        let reason = Ours::new().answer(&offer).unwrap_err();
        assert_eq!(reason, refused(Unacceptable::Unreachable), "{nowhere}");
    }
}

#[test]
fn session_level_setup_counts_when_the_media_has_none() {
    let offer = BLINK.replace("a=setup:actpass\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=setup:passive\r\n");
    assert_eq!(Ours::new().answer(&offer).unwrap().role, Role::Connect);
}

#[test]
fn tls_is_never_answered_with_less() {
    // MSRP-81, CHAT-6, 23
    let tls = BLINK.replace("TCP/MSRP", "TCP/TLS/MSRP").replace("msrp://", "msrps://");
    let agreed = Ours::new().answer(&tls).unwrap();
    assert!(agreed.local.is_secure() && agreed.peer.tls);
    assert!(agreed.sdp.text().contains("m=message 2856 TCP/TLS/MSRP *\r\n"));
    assert!(agreed.sdp.text().contains("a=path:msrps://192.0.2.1:2856/Fresh1;tcp\r\n"));

    let mut without = Ours::new();
    without.addresses.tls = None;
    assert_eq!(without.answer(&tls).unwrap_err(), refused(Unacceptable::NoTls));
    let forced = Ours { require_tls: true, ..Ours::new() };
    assert_eq!(forced.answer(BLINK).unwrap_err(), refused(Unacceptable::TlsRequired));
    assert!(forced.answer(&tls).is_ok());
    for mixed in [tls.replace("msrps:", "msrp:"), BLINK.replace("msrp:", "msrps:")] {
        assert_eq!(Ours::new().answer(&mixed).unwrap_err(), refused(Unacceptable::Path));
    }
}

#[test]
fn of_several_lines_the_first_acceptable_becomes_the_session() {
    // SIP-60, 61, 62; MSRP-121
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 a.example\r\ns=-\r\nt=3 4\r\n\
         m=audio 5000/2 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n\
         m=message 7 TCP/DTLS/MSRP *\r\n\
         m=message 0 TCP/MSRP *\r\n{0}{0}",
        &BLINK[BLINK.find("m=").unwrap()..]
    );
    let agreed = Ours::new().answer(&offer).unwrap();
    assert_eq!(agreed.line.line, 3);
    assert_eq!(
        media_of(agreed.sdp.text()),
        [
            "m=audio 0 RTP/AVP 0 8",
            "m=message 0 TCP/DTLS/MSRP *",
            "m=message 0 TCP/MSRP *",
            "m=message 2855 TCP/MSRP *",
            "m=message 0 TCP/MSRP *",
        ]
    );
    assert!(agreed.sdp.text().contains("t=3 4\r\n"));
}

#[test]
fn further_lines_are_sessions_too() {
    // REQ-1, CHAT-D1; MSRP-82, 110; SIP-60, 62, 63
    let line = |host: &str, id: &str| {
        let scheme = if host.starts_with("TLS") { ("TCP/TLS/MSRP", "msrps") } else { ("TCP/MSRP", "msrp") };
        format!("m=message 7 {} *\r\na=path:{}://h:7/{id};tcp\r\na=accept-types:*\r\n", scheme.0, scheme.1)
    };
    let mut ours = Ours::new();
    ours.addresses.tls = Some(MsrpAddress { host: "2001:db8::1".into(), port: 2856 });
    let offer = format!("{BLINK}m=audio 9 RTP/AVP 0\r\n{}{}{}", line("TLS", "b"), line("", "b2"), line("", "b2"));
    let agreed = ours.answer_all(&offer).unwrap();
    assert_eq!(agreed.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [0, 2, 3], "no path twice");
    let ids: Vec<_> = agreed.lines.iter().map(|line| line.local.session_id().unwrap()).collect();
    assert_eq!(ids, ["Fresh1", "Fresh2", "Fresh3"]);
    let text = agreed.sdp.text();
    assert_eq!(
        media_of(text),
        [
            "m=message 2855 TCP/MSRP *",
            "m=audio 0 RTP/AVP 0",
            "m=message 2856 TCP/TLS/MSRP *",
            "m=message 2855 TCP/MSRP *",
            "m=message 0 TCP/MSRP *"
        ]
    );
    assert_eq!(text.matches("c=IN IP6 2001:db8::1\r\n").count(), 1, "where it is not the first one's");
    let again = ours.answer_all_again(&agreed, &offer).unwrap();
    assert_eq!(again.sdp.text(), text);

    let without = offer.replacen("m=message 7", "m=message 0", 1);
    let fewer = ours.answer_all_again(&agreed, &without).unwrap();
    assert_eq!(
        fewer.lines.iter().map(|line| (line.line, line.before)).collect::<Vec<_>>(),
        [(0, Some(0)), (3, Some(3))]
    );
    let worse = offer.replacen("h:7/b2;tcp\r\na=accept-types:*", "h:7/b2;tcp\r\na=accept-types:text/plain", 1);
    assert_eq!(ours.answer_all_again(&agreed, &worse).unwrap_err(), refused(Unacceptable::NoCpim));
    assert_eq!(ours.answer_all(&worse).unwrap().lines.len(), 3, "another takes its place");
}

#[test]
fn nothing_acceptable_says_what_is_wrong() {
    // SIP-61, CHAT-13, MSRP-113, 118
    let cases = [
        ("m=message 35631", "m=audio 35631", Unacceptable::NoMessage),
        ("m=message 35631", "m=message 0", Unacceptable::NoMessage),
        ("TCP/MSRP *", "TCP/DTLS/MSRP *", Unacceptable::Transport),
        ("TCP/MSRP *", "TCP/MSRP 0", Unacceptable::Format),
        ("a=accept-types", "a=x", Unacceptable::NoCpim),
        ("accept-types:message/cpim ", "accept-types:", Unacceptable::NoCpim),
        ("a=path", "a=pth", Unacceptable::Path),
        ("msrp://", "http://", Unacceptable::Path),
        ("/eeb820f9763af2ba158d", "", Unacceptable::Path),
        ("a=setup:actpass", "a=file-selector:size:1", Unacceptable::FileTransfer),
    ];
    for (from, to, reason) in cases {
        let found = Ours::new().answer(&BLINK.replacen(from, to, 1)).unwrap_err();
        assert_eq!(found, refused(reason), "{to}");
    }
    let silent = Ours::new().answer("v=0\r\ns=-\r\n").unwrap_err();
    assert_eq!(silent, refused(Unacceptable::NoMessage));
}

#[test]
fn wildcards_cover_message_cpim() {
    // CHAT-13, MSRP-113, E8
    for types in ["*", "*/*", "message/*", "Message/CPIM", "text/plain;charset=utf-8 message/cpim;x=y"] {
        let offer = BLINK.replace(
            "message/cpim text/* image/* application/im-iscomposing+xml\r\na=accept-w",
            &format!("{types}\r\na=accept-w"),
        );
        assert!(Ours::new().answer(&offer).is_ok(), "{types}");
    }
}

#[test]
fn usable_types_are_the_union_and_text_plain_when_there_is_none() {
    // CHAT-15, MSRP-115
    let offer = |accept: &str, wrapped: &str| {
        format!("v=0\r\nm=message 1 TCP/MSRP *\r\na=path:msrp://h:1/s;tcp\r\na=accept-types:{accept}\r\n{wrapped}")
    };
    let usable = |accept: &str, wrapped: &str| {
        let peer = Ours::new().answer(&offer(accept, wrapped)).unwrap().line.peer;
        peer.capabilities.wrapped_types.iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(usable("message/cpim", ""), "text/plain");
    assert_eq!(usable("message/cpim text/html", ""), "text/html");
    assert_eq!(
        usable("message/cpim TEXT/html", "a=accept-wrapped-types:text/html;q=1 image/*\r\n"),
        "text/html image/*"
    );
    assert_eq!(usable("message/cpim", "a=accept-wrapped-types:text/plain *\r\n"), "*");
}

#[test]
fn peer_attributes_are_read() {
    // CHAT-16, 17, 19, 20; MSRP-117
    let offer = format!("{BLINK}a=max-size:10240\r\na=chatroom:nicknames private-messages\r\na=chatroom\r\n");
    let read = Ours::new().answer(&offer).unwrap().line.peer.capabilities;
    assert_eq!(read.max_size, Some(10_240));
    assert!(read.nickname && read.private_messages);
    let bare = Ours::new().answer(&format!("{BLINK}a=chatroom\r\na=max-size:huge\r\n")).unwrap();
    let read = bare.line.peer.capabilities;
    assert!(read.chatroom && !read.nickname && !read.private_messages);
    assert_eq!(read.max_size, None);
}

#[test]
fn some_clients_know_chat_rooms_without_saying_so() {
    // interop.md §1: Blink reads a=chatroom and says none.
    let ours = Ours { chat_clients: ["blink".into()], ..Ours::new() };
    let read = |offer: &str| ours.answer(offer).unwrap().peer.capabilities.clone();
    for (offer, knows) in [
        (BLINK.to_owned(), true),
        (BLINK.replace("s=Blink", "s=Blink 5.9.1 (Linux)"), true),
        (BLINK.replace("s=Blink", "s=Blinking"), false),
        (BLINK.replace("s=Blink", "s=-"), false),
    ] {
        let read = read(&offer);
        assert_eq!((read.chatroom, read.nickname, read.private_messages), (knows, knows, knows), "{offer}");
    }
    let said = read(&format!("{BLINK}a=chatroom\r\n"));
    assert!(said.chatroom && !said.private_messages, "what is said counts");
}

#[test]
fn our_tokens_topic_and_types_are_told() {
    // CHAT-14, 17, 19, 140; SIP-66
    let ours = Ours {
        chatroom: Chatroom { nickname: true, private_messages: true },
        types: TypeList::from_entries(["text/plain", "image/*"]),
        topic: "Budget\r\nm=audio 1 RTP/AVP 0",
        ..Ours::new()
    };
    let text = ours.answer(BLINK).unwrap().sdp.text().to_owned();
    assert!(text.contains("a=chatroom:nickname private-messages\r\n"));
    assert!(text.contains("a=accept-wrapped-types:text/plain image/*\r\n"));
    assert!(text.contains("i=Budgetm=audio 1 RTP/AVP 0\r\n"));
    assert_eq!(media_of(&text).len(), 1);
}

#[test]
fn a_path_of_several_uris_is_kept_whole() {
    // MSRP-112, 156, 170
    let relayed = BLINK.replace("a=path:msrp://", "a=path:msrp://relay.example.com:2855/r1;tcp msrp://");
    let path = Ours::new().answer(&relayed).unwrap().line.peer.path;
    assert_eq!(path.first().host(), "relay.example.com");
    assert_eq!(path.last().session_id(), Some("eeb820f9763af2ba158d"));
}

#[test]
fn ipv6_has_brackets_in_the_path_and_none_in_the_connection() {
    // MSRP-E13
    let mut ours = Ours::new();
    ours.addresses.tcp = Some(MsrpAddress { host: "2001:db8::1".into(), port: 2855 });
    let offer = BLINK.replace("msrp://127.0.0.1", "msrp://[::1]").replace("IP4 127.0.0.1", "IP6 ::1");
    let text = ours.answer(&offer).unwrap().sdp.text().to_owned();
    assert!(text.contains("o=parlor 77 1 IN IP6 2001:db8::1\r\n"));
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"));
    assert!(text.contains("a=path:msrp://[2001:db8::1]:2855/Fresh1;tcp\r\n"));
}

#[test]
fn hold_is_mirrored_and_an_unchanged_offer_gets_an_identical_answer() {
    // SIP-63, 64; MSRP-119, 120
    let ours = Ours::new();
    let first = ours.answer(BLINK).unwrap();
    let same = ours.answer_again(&first, BLINK).unwrap();
    assert_eq!(same.sdp.text(), first.sdp.text());
    assert_eq!(same.local, first.local);

    for (theirs, ours_is, heard) in [
        ("sendonly", "recvonly", Direction::SendOnly),
        ("recvonly", "sendonly", Direction::RecvOnly),
        ("inactive", "inactive", Direction::Inactive),
    ] {
        let hold = ours.answer_again(&first, &format!("{BLINK}a={theirs}\r\n")).unwrap();
        assert!(hold.sdp.text().contains(&format!("a={ours_is}\r\n")));
        assert!(hold.sdp.text().contains("o=parlor 77 2 IN"));
        assert_eq!(hold.peer.capabilities.direction, heard);
        assert_eq!(hold.local, first.local);
        let back = ours.answer_again(&hold, BLINK).unwrap();
        assert!(back.sdp.text().contains("o=parlor 77 3 IN"));
    }
    let session_level = BLINK.replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n");
    let held = ours.answer(&session_level).unwrap();
    assert_eq!(held.peer.capabilities.direction, Direction::Inactive);
}

#[test]
fn a_changed_path_gets_a_new_uri_and_the_line_stays() {
    // MSRP-82, 119; SIP-62
    let ours = Ours::new();
    let first = ours.answer(BLINK).unwrap();
    let moved = ours.answer_again(&first, &BLINK.replace("eeb820", "ffff")).unwrap();
    assert_eq!(moved.local.session_id(), Some("Again1"));
    assert!(moved.sdp.text().contains("o=parlor 77 2 IN"));

    let more = format!("{BLINK}m=message 7 TCP/MSRP *\r\na=path:msrp://h:7/new;tcp\r\na=accept-types:*\r\n");
    let before = Negotiated { lines: vec![first.line.clone()], sdp: first.sdp.clone() };
    let kept = ours.answer_all_again(&before, &more).unwrap();
    assert_eq!(kept.lines.len(), 2);
    assert_eq!((kept.lines[0].before, &kept.lines[0].local), (Some(0), &first.local));
    assert_eq!(media_of(kept.sdp.text()).len(), 2);
}

#[test]
fn a_removed_line_is_told_from_an_unacceptable_one() {
    // SIP-44, 62, 65
    let ours = Ours::new();
    let first = ours.answer(BLINK).unwrap();
    let removed = BLINK.replace("message 35631", "message 0");
    assert_eq!(ours.answer_again(&first, &removed).unwrap_err(), SdpReject::Removed);
    let sdp = refusal(removed.as_bytes(), &ours.media(), &first.sdp, &Limits::default());
    let text = sdp.unwrap().text().to_owned();
    assert_eq!(media_of(&text), ["m=message 0 TCP/MSRP *"]);
    assert!(text.contains("o=parlor 77 2 IN"));

    let worse = BLINK.replace("message/cpim ", "");
    assert_eq!(ours.answer_again(&first, &worse).unwrap_err(), refused(Unacceptable::NoCpim));

    let replaced = format!("{removed}m=message 7 TCP/MSRP *\r\na=path:msrp://h:7/new;tcp\r\na=accept-types:*\r\n");
    let moved = ours.answer_again(&first, &replaced).unwrap();
    assert_eq!((moved.line.line, moved.before), (1, Some(0)));
    assert_eq!(moved.local.session_id(), Some("Again1"));
}

#[test]
fn our_offer_is_actpass_and_its_answer_decides_who_connects() {
    // SIP-41, 68; MSRP-151, 152
    let ours = Ours::new();
    let limits = Limits::default();
    let made = offer(&ours.media(), false, &LocalSdp::new(5), "Own1").unwrap();
    assert!(made.sdp.text().contains("a=setup:actpass\r\n"));
    assert!(made.sdp.text().contains("o=parlor 5 1 IN IP4 192.0.2.1\r\n"));
    assert_eq!(made.lines[0].1.session_id(), Some("Own1"));
    let read = |answer: &str| read_answer(answer.as_bytes(), made.clone(), &[], &ours.media(), &limits).map(Only::of);
    assert_eq!(read(&BLINK.replace("actpass", "active")).unwrap().role, Role::Accept);
    assert_eq!(read(&BLINK.replace("actpass", "passive")).unwrap().role, Role::Connect);
    assert_eq!(read(&BLINK.replace("a=setup:actpass\r\n", "")).unwrap().role, Role::Connect);
    let tls = BLINK.replace("TCP/MSRP", "TCP/TLS/MSRP").replace("msrp://", "msrps://");
    assert_eq!(read(&tls).unwrap_err(), refused(Unacceptable::Mismatch));
    assert_eq!(read("v=0\r\n").unwrap_err(), refused(Unacceptable::Mismatch));
    assert_eq!(read("hm").unwrap_err(), SdpReject::Syntax);
    let declined = BLINK.replace("message 35631", "message 0");
    assert_eq!(read(&declined).unwrap_err(), refused(Unacceptable::Refused));
}

#[test]
fn our_offer_prefers_tls_when_asked_and_insists_when_required() {
    // CHAT-6, 23
    let ours = Ours::new();
    assert!(offer(&ours.media(), true, &LocalSdp::new(5), "a").unwrap().lines[0].1.is_secure());
    assert!(!offer(&ours.media(), false, &LocalSdp::new(5), "a").unwrap().lines[0].1.is_secure());
    let mut forced = Ours { require_tls: true, ..Ours::new() };
    assert!(offer(&forced.media(), false, &LocalSdp::new(5), "a").unwrap().lines[0].1.is_secure());
    forced.addresses.tls = None;
    let refused = offer(&forced.media(), false, &LocalSdp::new(5), "a").unwrap_err();
    assert_eq!(refused, Unacceptable::NoTls);
}

#[test]
fn a_browser_behind_its_relay_is_reached_through_it() {
    // interop.md §2, MSRP-112, 156, 184: no a=setup, a host that nobody can resolve, transport ws.
    let offer = "v=0\r\no=- 1 1 IN IP4 x.invalid\r\ns=-\r\nc=IN IP4 x.invalid\r\nt=0 0\r\n\
        m=message 2855 TCP/TLS/MSRP *\r\na=accept-types:*\r\n\
        a=path:msrps://relay.example.com:2855/r1;tcp msrps://df7jal23.invalid:2855/98cjs;ws\r\n";
    let agreed = Ours::new().answer(offer).unwrap();
    assert_eq!(agreed.role, Role::Accept);
    assert_eq!(agreed.peer.path.len(), 2);
}

#[test]
fn blinks_file_push_and_pull_are_no_chat() {
    // interop.md §1: a separate INVITE to the room with a file-selector.
    for direction in ["sendonly", "recvonly"] {
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=message 35632 TCP/MSRP *\r\n\
             a=path:msrp://127.0.0.1:35632/aa;tcp\r\na={direction}\r\na=accept-types:*\r\na=setup:actpass\r\n\
             a=file-selector:name:\"test.bin\" type:application/octet-stream size:3000 hash:sha-1:ED:DF\r\n\
             a=x-file-offset\r\na=file-transfer-id:16484e3a\r\n"
        );
        assert_eq!(Ours::new().answer(&offer).unwrap_err(), refused(Unacceptable::FileTransfer));
    }
}

proptest! {
    #[test]
    fn junk_never_panics_and_an_answer_always_mirrors_the_lines(
        lines in proptest::collection::vec(
            prop_oneof![
                Just("m=message 7 TCP/MSRP *".to_owned()),
                Just("a=path:msrp://h:7/s;tcp".to_owned()),
                Just("a=accept-types:*".to_owned()),
                Just("a=setup:passive".to_owned()),
                "m=[a-z]{1,8} [0-9]{1,5}(/[0-9])? [A-Z/]{1,9} [0-9*]{1,3}",
                "[votmac]=[ -~]{0,30}",
                "a=(path|setup|accept-types|max-size|chatroom):[ -~\u{e9}]{0,30}",
            ],
            0..14,
        )
    ) {
        let offer = format!("v=0\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(agreed) = Ours::new().answer_all(&offer) {
            prop_assert_eq!(media_of(agreed.sdp.text()).len(), media_of(&offer).len());
            prop_assert!((1..=Limits::default().message_lines).contains(&agreed.lines.len()));
            prop_assert!(agreed.lines.iter().all(|line| line.role == Role::Accept || line.peer.is_reachable()));
        }
    }
}
