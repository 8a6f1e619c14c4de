//! What goes to somebody who takes part by MESSAGE alone, and in which form (MSG-52).

use bytes::Bytes;
use parlor_room::{ParticipantId, Room, one_line};

/// The longest text that stands in for one of the room's own that is too long, in octets.
const SHORTENED: usize = 400;
/// How much of a media type is told, in characters.
const LONGEST_TYPE: usize = 64;

/// What was said in the room, as those hear it who get no frames.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// Who said it.
    pub from: ParticipantId,
    /// Whether it is for one participant alone.
    pub is_private: bool,
    /// The type of the content, without parameters.
    pub essence: &'a str,
    /// How many octets the content has.
    pub size: u64,
    /// All of it as `message/cpim`, unless it was too large to be gathered.
    pub cpim: Option<&'a [u8]>,
    /// The content, if it is text as it stands.
    pub text: Option<&'a str>,
}

/// The same in all the forms that it can go in, the best first.
#[derive(Debug)]
pub(super) struct Said {
    cpim: Option<Bytes>,
    text: Option<Bytes>,
    /// What is told instead where it is too large, or of a type that is not shown.
    notice: Bytes,
    /// Whether a participant said it; what the room says is not missed.
    pub(super) counts: bool,
}

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Cpim,
    Text,
    Notice,
}

impl Said {
    /// What a participant says.
    pub(super) fn by(room: &Room, spoken: &Spoken<'_>) -> Self {
        let name = room.known_as(spoken.from).unwrap_or_else(|| "Somebody".to_owned());
        let to = if spoken.is_private { "(to you alone) " } else { "" };
        let (size, kind) = (spoken.size, one_line(spoken.essence, LONGEST_TYPE));
        Self {
            cpim: spoken.cpim.map(Bytes::copy_from_slice),
            // No name has such brackets, and the room's own words begin with none.
            text: spoken.text.map(|text| format!("{to}<{name}> {}", as_one_saying(text)).into()),
            notice: format!("Not shown here: {to}{size} bytes of {kind} from <{name}>").into(),
            counts: true,
        }
    }

    /// What the room says.
    pub(super) fn by_room(text: String) -> Self {
        let notice = match text.len() > SHORTENED {
            true => format!("{}…", &text[..text.floor_char_boundary(SHORTENED)]).into(),
            false => Bytes::copy_from_slice(text.as_bytes()),
        };
        Self { cpim: None, text: Some(text.into()), notice, counts: false }
    }

    /// The best form for who takes `message/cpim`, or does not.
    pub(super) fn best(&self, takes_cpim: bool) -> Form {
        match (&self.cpim, &self.text) {
            (Some(_), _) if takes_cpim => Form::Cpim,
            (_, Some(_)) => Form::Text,
            (_, None) => Form::Notice,
        }
    }

    /// The next one, for who did not take this one.
    pub(super) fn simpler(&self, form: Form) -> Option<Form> {
        match form {
            Form::Cpim => Some(self.best(false)),
            Form::Text => self.text.as_ref().is_none_or(|text| *text != self.notice).then_some(Form::Notice),
            Form::Notice => None,
        }
    }

    pub(super) fn body(&self, form: Form) -> &Bytes {
        match form {
            Form::Cpim => self.cpim.as_ref().unwrap_or(&self.notice),
            Form::Text => self.text.as_ref().unwrap_or(&self.notice),
            Form::Notice => &self.notice,
        }
    }
}

/// A text none of whose further lines looks as if somebody else had said it, however its lines end.
pub(super) fn as_one_saying(text: &str) -> String {
    const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    text.replace("\r\n", "\n").replace(BREAKS, "\n  ")
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Cpim => "message/cpim",
            Self::Text | Self::Notice => "text/plain;charset=UTF-8",
        }
    }
}
