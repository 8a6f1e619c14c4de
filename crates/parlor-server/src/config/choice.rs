//! Values that are one word of a few.

use std::fmt;

use parlor_sip::digest::Algorithm;
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Problems, Value, list, text};

macro_rules! choice {
    (
        $(#[$doc:meta])*
        $choice:ident($kind:literal) { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $choice { $($(#[$variant_doc])* $variant,)+ }

        impl $choice {
            /// The word in the file.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Value for $choice {
            const KIND: &'static str = $kind;

            fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
                let text = text::<Self>(value, problems)?;
                let read = [$(Self::$variant),+].into_iter().find(|choice| choice.word() == text);
                if read.is_none() {
                    problems.add(value, format!("expected {}, found {text:?}", Self::KIND));
                }
                read
            }
        }
    };
}

choice! {
    /// The Failure-Report of the copies that recipients get (RFC 4975 §7.1.1).
    FailureReport("\"no\", \"partial\" or \"yes\"") {
        /// Nothing comes back.
        No = "no",
        /// Failures come back.
        Partial = "partial",
        /// A response to every chunk comes back.
        Yes = "yes",
    }
}

choice! {
    /// When a room of the factory ends (RFC 4579 §5.12).
    RoomEnd("\"creator\" or \"empty\"") {
        /// When its creator leaves.
        Creator = "creator",
        /// When everybody has left.
        Empty = "empty",
    }
}

choice! {
    /// What establishes who sends a request.
    AuthMode("\"none\", \"digest\" or \"trusted-proxy\"") {
        /// Nothing: it is whom From names.
        None = "none",
        /// A password.
        Digest = "digest",
        /// A proxy in front of the server.
        TrustedProxy = "trusted-proxy",
    }
}

/// One of these, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthModes(Vec<AuthMode>);

impl AuthModes {
    /// Whether this is one of them.
    pub fn has(&self, mode: AuthMode) -> bool {
        self.0.contains(&mode)
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for AuthModes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|mode| mode.word()).collect();
        f.write_str(&words.join(", "))
    }
}

impl Value for AuthModes {
    const KIND: &'static str = "\"none\", \"digest\", \"trusted-proxy\" or a list of them";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if value.get_ref().is_str() {
            return AuthMode::read(value, problems).map(|one| Self(vec![one]));
        }
        list(value, problems, Self::KIND).map(Self)
    }
}

/// What a password is hashed with (RFC 8760).
impl Value for Algorithm {
    const KIND: &'static str = "\"SHA-256\" or \"MD5\"";
    const LIST: &'static str = "a list of \"SHA-256\" and \"MD5\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        let read = Self::of(text);
        if read.is_none() {
            problems.add(value, format!("expected {}, found {text:?}", Self::KIND));
        }
        read
    }
}

choice! {
    /// Who may know who is in a room.
    Watchers("\"anyone\" or \"participants\"") {
        /// Whoever may join.
        Anyone = "anyone",
        /// Whoever has joined.
        Participants = "participants",
    }
}

choice! {
    /// What becomes of receipts for a whole room (CHAT-161).
    Receipts("\"drop\" or \"pass\"") {
        /// Nobody gets them.
        Drop = "drop",
        /// Everybody does.
        Pass = "pass",
    }
}

choice! {
    /// The form of the log.
    LogFormat("\"text\" or \"json\"") {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// Who may leave files in a room and fetch them.
    FileSharing("\"off\" or \"participants\"") {
        /// Nobody.
        Off = "off",
        /// Those who are in the room.
        Participants = "participants",
    }
}

choice! {
    /// Whether one user may be in a room by several devices at once.
    Sessions("\"many\" or \"one\"") {
        /// As many as the limit allows.
        Many = "many",
        /// One.
        One = "one",
    }
}
