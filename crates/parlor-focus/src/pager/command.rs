//! What somebody who takes part by MESSAGE alone can ask the room for: a text that is one of these words, with a slash.

use parlor_sip::{Method, Request};

/// The longest text that may be a command, in octets.
const LONGEST: usize = 256;

/// How many digits the number has that somebody is sent before it is in.
const DIGITS: usize = 10;

/// A text that is a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To come in, or to stay; with the number that was sent to who asked for that.
    Join(Option<u64>),
    /// Something that only who is in can ask for.
    Wish(Wish),
}

/// What who is in asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To leave.
    Leave,
    /// Who is in.
    Who,
    /// To be called so; without a name, to be called nothing any more.
    Nick(Option<Box<str>>),
    /// What there is to ask for.
    Help,
}

impl Command {
    /// What a MESSAGE asks for, if it is a command and nothing else.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let is_text = request.headers.content_type().ok().flatten().is_some_and(|media| media.is("text/plain"));
        let body = request.body.get(..).filter(|body| is_text && body.len() <= LONGEST)?;
        let text = std::str::from_utf8(body).ok()?.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match word.to_ascii_lowercase().as_str() {
            "/nick" => Some(Self::Wish(Wish::Nick((!rest.is_empty()).then(|| rest.into())))),
            "/join" if is_number(rest) => Some(Self::Join(rest.parse().ok())),
            // What goes on after the word is said to people.
            _ if !rest.is_empty() => None,
            "/join" => Some(Self::Join(None)),
            "/leave" => Some(Self::Wish(Wish::Leave)),
            "/who" => Some(Self::Wish(Wish::Who)),
            "/help" => Some(Self::Wish(Wish::Help)),
            _ => None,
        }
    }
}

fn is_number(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether somebody asks to take part by MESSAGE alone, where a room allows that.
pub fn asks_to_join(request: &Request) -> bool {
    let is_outside = request.headers.to_tag().is_ok_and(|tag| tag.is_none());
    request.method == Method::Message && is_outside && matches!(Command::of(request), Some(Command::Join(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_sip::{HeaderName, Uri};

    fn read(content_type: &str, body: &[u8]) -> Option<Command> {
        let uri: Uri = "sip:lobby@chat.example.com".parse().unwrap();
        let mut request = Request::new(Method::Message, uri);
        request.headers.push(HeaderName::ContentType, content_type);
        request.body = bytes::Bytes::copy_from_slice(body);
        Command::of(&request)
    }

    #[test]
    fn commands_stand_alone() {
        for (text, command) in [
            ("/join", Some(Command::Join(None))),
            (" /JOIN\r\n", Some(Command::Join(None))),
            ("/join 0123456789 ", Some(Command::Join(Some(123_456_789)))),
            ("/join 1", None),
            ("/leave", Some(Command::Wish(Wish::Leave))),
            ("/who", Some(Command::Wish(Wish::Who))),
            ("/help", Some(Command::Wish(Wish::Help))),
            ("/nick", Some(Command::Wish(Wish::Nick(None)))),
            ("/nick  Ally Mc \r\n", Some(Command::Wish(Wish::Nick(Some("Ally Mc".into()))))),
            ("/join us", None),
            ("/me waves", None),
            ("please /join", None),
            ("", None),
        ] {
            assert_eq!(read("text/plain;charset=UTF-8", text.as_bytes()), command, "{text}");
        }
        assert_eq!(read("text/html", b"/join"), None);
        assert_eq!(read("text/plain", b"/join\xff"), None);
        assert_eq!(read("text/plain", format!("/nick {}", "x".repeat(LONGEST)).as_bytes()), None);
    }
}
