//! Whether somebody can be reached, how, and what they say of it (RFC 3863).
//!
//! ```
//! use parlor_events::Limits;
//! use parlor_events::pidf::{Basic, Contact, Format, Note, Presence, Tuple};
//!
//! let mut presence = Presence::new("sip:bob@example.net");
//! presence.tuples.push(Tuple {
//!     contact: Some(Contact::new("sip:bob@example.net")),
//!     notes: vec![Note::new("In a meeting")],
//!     ..Tuple::new("desk", Basic::Open)
//! });
//! let read = Presence::read(presence.to_xml(Format::Pidf).as_bytes(), &Limits::default())?;
//! assert!(read.is_open());
//! # Ok::<(), parlor_events::XmlError>(())
//! ```

mod extension;
mod read;
mod write;

pub use extension::Extension;

use crate::tree::Namespace;

/// The event package (EVT-70).
pub const EVENT: &str = "presence";

/// In which form a document is written; both are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// `application/pidf+xml`, that of RFC 3863.
    #[default]
    Pidf,
    /// `application/cpim-pidf+xml`, as it was before there was an RFC (EVT-86).
    CpimPidf,
}

impl Format {
    /// Both, the first being preferred.
    pub const ALL: [Self; 2] = [Self::Pidf, Self::CpimPidf];

    /// The type of such a body.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Pidf => "application/pidf+xml",
            Self::CpimPidf => "application/cpim-pidf+xml",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Pidf => Namespace::PIDF,
            Self::CpimPidf => Namespace::CPIM_PIDF,
        }
    }
}

/// The presence of one presentity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whose it is: a `pres:` or `sip:` URI.
    pub entity: String,
    /// The ways to reach them.
    pub tuples: Vec<Tuple>,
    /// What they say, whichever way they are reached.
    pub notes: Vec<Note>,
    /// What other standards tell of them (EVT-85).
    pub extensions: Vec<Extension>,
}

/// One way to reach somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuple {
    /// Its name. If it cannot be one, or another tuple has it, one is made up where it is written (EVT-81).
    pub id: String,
    /// Whether it is open, if that is said.
    pub basic: Option<Basic>,
    /// What other standards tell in its status.
    pub status_extensions: Vec<Extension>,
    /// What other standards tell beside its status.
    pub extensions: Vec<Extension>,
    /// The address.
    pub contact: Option<Contact>,
    /// What is said of it.
    pub notes: Vec<Note>,
    /// When it became so, as written; left out where it is no time of RFC 3339 (EVT-82).
    pub timestamp: Option<String>,
}

/// Whether somebody can be reached that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basic {
    /// They can.
    Open,
    /// They cannot.
    Closed,
}

impl Basic {
    const ALL: [Self; 2] = [Self::Open, Self::Closed];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Where.
    pub uri: String,
    /// How much they like to be reached there, in thousandths; absent it is the least.
    pub priority: Option<u16>,
}

/// Something that somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In which language (`xml:lang`), if that is known.
    pub lang: Option<String>,
    /// What.
    pub text: String,
}

impl Presence {
    /// Nothing is known of them yet.
    pub fn new(entity: &str) -> Self {
        Self { entity: entity.to_owned(), ..Self::default() }
    }

    /// Whether they can be reached in any way.
    pub fn is_open(&self) -> bool {
        self.tuples.iter().any(|tuple| tuple.basic == Some(Basic::Open))
    }
}

impl Tuple {
    /// A way that is open, or is not.
    pub fn new(id: &str, basic: Basic) -> Self {
        Self { id: id.to_owned(), basic: Some(basic), ..Self::default() }
    }
}

impl Contact {
    /// An address that nothing is said of.
    pub fn new(uri: &str) -> Self {
        Self { uri: uri.to_owned(), priority: None }
    }
}

impl Note {
    /// What somebody says in a language that is not told.
    pub fn new(text: &str) -> Self {
        Self { lang: None, text: text.to_owned() }
    }
}
