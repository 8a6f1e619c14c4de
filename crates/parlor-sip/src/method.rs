use std::fmt;

macro_rules! methods {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// A request method; those that are not known are carried along. Methods are case-sensitive (RFC 3261 §7.1).
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Method {
            $(#[doc = $doc] $variant,)*
            /// A method none of those standards define.
            Other(Box<str>),
        }

        impl Method {
            /// The method as written on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for Method {
            /// The caller has seen to it that `name` is a token.
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

methods! {
    Invite "INVITE" "RFC 3261 §13.",
    Ack "ACK" "RFC 3261 §13, §17.",
    Bye "BYE" "RFC 3261 §15.",
    Cancel "CANCEL" "RFC 3261 §9.",
    Options "OPTIONS" "RFC 3261 §11.",
    Register "REGISTER" "RFC 3261 §10.",
    Prack "PRACK" "RFC 3262.",
    Subscribe "SUBSCRIBE" "RFC 6665.",
    Notify "NOTIFY" "RFC 6665.",
    Publish "PUBLISH" "RFC 3903.",
    Info "INFO" "RFC 6086.",
    Refer "REFER" "RFC 3515.",
    Message "MESSAGE" "RFC 3428.",
    Update "UPDATE" "RFC 3311.",
}

impl Method {
    /// Whether some standard defines the method: it is answered 405 when not served here, an unknown one 501
    /// (RFC 3261 §8.2.1).
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
