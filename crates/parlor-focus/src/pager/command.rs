//! What somebody who takes part by MESSAGE alone can ask the room for: a text that is one of these words, with a slash.

use parlor_sip::{Method, Request};

/// The longest text that may be a command, in octets.
const LONGEST: usize = 256;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To come in, or to stay.
    Join,
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
            "/nick" => Some(Self::Nick((!rest.is_empty()).then(|| rest.into()))),
            // What goes on after the word is said to people.
            _ if !rest.is_empty() => None,
            "/join" => Some(Self::Join),
            "/leave" => Some(Self::Leave),
            "/who" => Some(Self::Who),
            "/help" => Some(Self::Help),
            _ => None,
        }
    }
}

/// Whether somebody asks to take part by MESSAGE alone, where a room allows that.
pub fn asks_to_join(request: &Request) -> bool {
    let is_outside = request.headers.to_tag().is_ok_and(|tag| tag.is_none());
    request.method == Method::Message && is_outside && Command::of(request) == Some(Command::Join)
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
            ("/join", Some(Command::Join)),
            (" /JOIN\r\n", Some(Command::Join)),
            ("/leave", Some(Command::Leave)),
            ("/who", Some(Command::Who)),
            ("/help", Some(Command::Help)),
            ("/nick", Some(Command::Nick(None))),
            ("/nick  Ally Mc \r\n", Some(Command::Nick(Some("Ally Mc".into())))),
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
