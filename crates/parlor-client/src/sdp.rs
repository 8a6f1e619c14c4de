//! The offer we make and the answer we get (RFC 4975 §8, RFC 7701 §8).

use std::net::IpAddr;

use parlor_msrp::{Path, Uri};
use sdp_types::{AddrType, Attribute, Connection, Media, NetType, Origin, Session, Time};

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no SDP, or it breaks its grammar.
    #[error("no SDP")]
    Syntax,
    /// The media line is refused or is not what was offered.
    #[error("the chat session was refused")]
    Refused,
    /// `a=path` is missing or wrong.
    #[error("no usable a=path")]
    Path,
    /// The room wants to connect to us, but we offered that we connect.
    #[error("the room wants to connect to us")]
    Setup,
    /// The room takes no message/cpim, so it is no chat room.
    #[error("no message/cpim, so this is no chat room")]
    NoCpim,
}

/// What a room told of itself when we joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomCapabilities {
    /// The largest message it takes, in octets (`a=max-size`).
    pub max_size: Option<u64>,
    /// The content types it takes inside message/cpim; empty means that it did not say.
    pub wrapped_types: Vec<String>,
    /// Whether it said `a=chatroom`.
    pub chat_room: bool,
    /// Whether nicknames are allowed.
    pub nickname: bool,
    /// Whether private messages are allowed.
    pub private_messages: bool,
    /// The topic, if it told one (`i=`).
    pub topic: Option<String>,
}

impl RoomCapabilities {
    /// Whether content of this type may be sent (MSRP-116), parameters aside.
    pub fn takes(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or(content_type).trim();
        let main = essence.split('/').next().unwrap_or(essence);
        self.wrapped_types.is_empty()
            || self.wrapped_types.iter().any(|taken| match taken.split_once('/') {
                _ if taken == "*" => true,
                Some((range, "*")) => range == "*" || range.eq_ignore_ascii_case(main),
                Some(_) | None => taken.eq_ignore_ascii_case(essence),
            })
    }
}

/// What we offer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Our session.
    pub(crate) path: Uri,
    /// The text of the description.
    pub(crate) text: String,
}

/// What the room answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Where to connect, and To-Path.
    pub(crate) path: Path,
    pub(crate) capabilities: RoomCapabilities,
}

impl Offer {
    /// Offers a session named `id` from `host`; we connect.
    pub(crate) fn new(host: IpAddr, tls: bool, id: &str, origin: u32, wrapped_types: &str) -> Self {
        // RFC 4145 §4.1: who connects writes port 9. MSRP-110: the same in line and path.
        let path = Uri::new(tls, &host.to_string(), DISCARD, id, "tcp");
        let addrtype = if host.is_ipv6() { AddrType::Ip6 } else { AddrType::Ip4 };
        let mut origin_line = Origin::new(origin, 1, NetType::In, addrtype.clone(), host);
        origin_line.username = Some("parlor".into());
        let session = Session {
            origin: origin_line,
            session_name: "-".into(),
            session_description: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: Some(Connection::new(NetType::In, addrtype, host)),
            bandwidths: Vec::new(),
            times: vec![Time::new(0, 0)],
            time_zones: Vec::new(),
            key: None,
            attributes: Vec::new(),
            medias: vec![media_line(&path, wrapped_types)],
        };
        Self { text: session.to_string(), path }
    }
}

fn media_line(path: &Uri, wrapped_types: &str) -> Media {
    Media {
        media: "message".into(),
        port: DISCARD,
        num_ports: None,
        proto: proto(path.is_secure()).into(),
        fmt: "*".into(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: vec![
            // MSRP-151: we cannot be reached.
            Attribute::with_value("setup", "active"),
            Attribute::with_value("accept-types", "message/cpim text/plain"),
            Attribute::with_value("accept-wrapped-types", wrapped_types),
            Attribute::with_value("path", path),
            // CHAT-18, CHAT-55
            Attribute::with_value("chatroom", "nickname private-messages"),
        ],
    }
}

fn proto(tls: bool) -> &'static str {
    if tls { "TCP/TLS/MSRP" } else { "TCP/MSRP" }
}

impl Answer {
    /// Reads the answer to an offer with this path, or a later offer of the room's.
    pub(crate) fn read(body: &[u8], offered: &Uri) -> Result<Self, AnswerError> {
        let session = Session::parse(&relevant_lines(body)).map_err(|_| AnswerError::Syntax)?;
        let media = session.medias.first().ok_or(AnswerError::Refused)?;
        let accepted = media.port != 0
            && media.media.eq_ignore_ascii_case("message")
            && media.proto.eq_ignore_ascii_case(proto(offered.is_secure()));
        if !accepted {
            return Err(AnswerError::Refused);
        }
        // MSRP-81: the scheme must agree with the transport, or there would be less TLS than was offered.
        let path = value(media, "path").and_then(|path| Path::parse(path).ok());
        let path = path.filter(|path| path.first().is_secure() == offered.is_secure()).ok_or(AnswerError::Path)?;
        if value(media, "setup").is_some_and(|setup| setup.eq_ignore_ascii_case("active")) {
            return Err(AnswerError::Setup);
        }
        let takes_cpim = |taken: &str| ["message/cpim", "message/*", "*"].iter().any(|t| taken.eq_ignore_ascii_case(t));
        if !words(media, "accept-types").any(takes_cpim) {
            return Err(AnswerError::NoCpim);
        }
        Ok(Self { path, capabilities: capabilities(&session, media) })
    }
}

fn capabilities(session: &Session, media: &Media) -> RoomCapabilities {
    let has_token = |token: &str| words(media, "chatroom").any(|own| own.eq_ignore_ascii_case(token));
    RoomCapabilities {
        max_size: value(media, "max-size").and_then(|size| size.parse().ok()),
        wrapped_types: words(media, "accept-wrapped-types").take(WRAPPED_TYPES).map(str::to_owned).collect(),
        chat_room: find(media, "chatroom").is_some(),
        nickname: has_token("nickname"),
        private_messages: has_token("private-messages"),
        topic: session.session_description.clone().filter(|topic| !topic.is_empty()),
    }
}

fn words<'a>(media: &'a Media, name: &str) -> impl Iterator<Item = &'a str> {
    value(media, name).unwrap_or_default().split_ascii_whitespace()
}

fn value<'a>(media: &'a Media, name: &str) -> Option<&'a str> {
    find(media, name)?.value.as_deref().map(str::trim)
}

/// The first of them, as for Blink.
fn find<'a>(media: &'a Media, name: &str) -> Option<&'a Attribute> {
    media.attributes.iter().find(|attribute| attribute.attribute.trim_end().eq_ignore_ascii_case(name))
}

/// SIP-67: the lines that are of use, so that no other one makes the description unreadable; line ends of any kind.
fn relevant_lines(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).replace('\0', "");
    let mut kept = String::from("v=0\no=- 0 0 IN IP4 0.0.0.0\ns=-\n");
    let mut in_media = false;
    for line in text.split(['\r', '\n']).map(str::trim) {
        match line.get(..2) {
            Some("i=") if !in_media => kept.push_str(line),
            Some("m=") => {
                if !in_media {
                    kept.push_str("t=0 0\n");
                }
                in_media = true;
                kept.push_str(&line.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            }
            Some("a=") if in_media => kept.push_str(line),
            Some(_) | None => continue,
        }
        kept.push('\n');
    }
    kept.into_bytes()
}

/// The port of who connects.
const DISCARD: u16 = 9;
/// More types than any room has use for.
const WRAPPED_TYPES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=parlor 1 0 IN IP4 127.0.0.1\r\ns=-\r\ni=Tea\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=message 2855 TCP/MSRP *\r\na=setup:passive\r\na=accept-types:message/cpim\r\n\
        a=accept-wrapped-types:text/* image/png\r\na=max-size:1000\r\n\
        a=path:msrp://127.0.0.1:2855/abc;tcp\r\na=chatroom:nickname x.y\r\n";

    fn offer(tls: bool) -> Offer {
        Offer::new("127.0.0.1".parse().unwrap(), tls, "s3cret", 7, "*")
    }

    fn read(answer: &str) -> Result<Answer, AnswerError> {
        Answer::read(answer.as_bytes(), &offer(false).path)
    }

    #[test]
    fn offer_says_that_we_connect_msrp_110_151() {
        let Offer { text, path } = offer(false);
        assert_eq!(path.as_str(), "msrp://127.0.0.1:9/s3cret;tcp");
        assert_eq!(
            text,
            "v=0\r\no=parlor 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=message 9 TCP/MSRP *\r\na=setup:active\r\na=accept-types:message/cpim text/plain\r\n\
             a=accept-wrapped-types:*\r\na=path:msrp://127.0.0.1:9/s3cret;tcp\r\n\
             a=chatroom:nickname private-messages\r\n"
        );
        assert!(offer(true).text.contains("TCP/TLS/MSRP"));
    }

    #[test]
    fn answer_tells_what_the_room_takes() {
        let answer = read(ANSWER).unwrap();
        assert_eq!(answer.path.to_string(), "msrp://127.0.0.1:2855/abc;tcp");
        let room = answer.capabilities;
        assert_eq!((room.max_size, room.topic.as_deref()), (Some(1000), Some("Tea")));
        assert!(room.chat_room && room.nickname && !room.private_messages);
        assert!(room.takes("Text/Plain; charset=utf-8") && room.takes("image/PNG") && !room.takes("image/gif"));
    }

    #[test]
    fn answer_that_is_of_no_use_is_told_apart() {
        for (from, to, error) in [
            ("message 2855", "message 0", AnswerError::Refused),
            ("TCP/MSRP", "TCP/TLS/MSRP", AnswerError::Refused),
            ("m=message", "m=audio", AnswerError::Refused),
            ("path:msrp:", "path:msrps:", AnswerError::Path),
            ("a=path:", "a=x:", AnswerError::Path),
            ("passive", "active", AnswerError::Setup),
            ("message/cpim", "text/plain", AnswerError::NoCpim),
            ("m=message 2855", "m=message 285500", AnswerError::Syntax),
        ] {
            assert_eq!(
                read(&ANSWER.replace(from, to)).map_err(|error| error.to_string()),
                Err(error.to_string()),
                "{to}"
            );
        }
        assert_eq!(read("").map(|_| ()), Err(AnswerError::Refused));
    }

    #[test]
    fn line_ends_and_unknown_lines_do_not_matter_sip_67() {
        let odd = ANSWER.replace("\r\n", "\n").replace("t=0 0", "t=never\nnonsense\nb=?");
        assert_eq!(read(&odd).unwrap(), read(ANSWER).unwrap());
    }
}
