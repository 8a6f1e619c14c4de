//! Values that say who somebody is or may be in a room.

use parlor_room::{Role, UserList};
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Problems, Value, list, text};

impl Value for Role {
    const KIND: &'static str = "\"visitor\", \"member\", \"moderator\" or \"owner\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        let read = Self::ALL.into_iter().find(|role| role.as_str() == text);
        if read.is_none() {
            problems.add(value, format!("expected {}, found {text:?}", Self::KIND));
        }
        read
    }
}

impl Value for UserList {
    const KIND: &'static str = "a list of users";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let patterns: Vec<Pattern> = list(value, problems, Self::KIND)?;
        Self::parse(patterns.iter().map(|pattern| pattern.0.as_str())).ok()
    }
}

/// One entry of a [`UserList`].
struct Pattern(String);

impl Value for Pattern {
    const KIND: &'static str = "a user, a domain or \"*\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        if UserList::parse([text]).is_err() {
            let message = format!("{text:?} is neither a URI such as sip:alice@example.org, nor a domain, nor *");
            problems.add(value, message);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}
