//! What a room tells.

use std::borrow::Cow;

use bytes::Bytes;
use parlor_cpim::Address;
use parlor_msrp::MessageId;

use crate::composing::News;
use crate::error::JoinError;
use crate::roster::RosterChange;

/// Something that happened in a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Somebody said something.
    Message(Message),
    /// The room itself said something: a welcome, a warning.
    Notice(Message),
    /// A message begins that is too large to be gathered; its content follows as [`Event::Chunk`]s.
    Start {
        /// What the chunks and the end name.
        id: MessageId,
        /// Who it is from and what it carries.
        header: Box<Header>,
        /// Octets of its content, if the sender told; a hint.
        size: Option<u64>,
    },
    /// The next octets of a message that has begun.
    Chunk {
        /// Which message.
        id: MessageId,
        /// The octets.
        bytes: Bytes,
    },
    /// A message that had begun has ended.
    End {
        /// Which message.
        id: MessageId,
        /// Whether all of it came; if not, the sender gave it up or the room skipped the rest.
        complete: bool,
    },
    /// What became of a message of ours after it was taken.
    Report(Report),
    /// Somebody is writing a message, or no longer.
    Composing {
        /// Who.
        who: Address,
        /// Whether it is for us alone.
        private: bool,
        /// Whether they are.
        active: bool,
    },
    /// Somebody has come, gone or changed, or the topic has. What happens before this is taken is told in one.
    Roster(Box<RosterChange>),
    /// The session is over. Nothing follows.
    Closed(Closed),
}

/// A message that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which message.
    pub id: MessageId,
    /// Who it is from and what it carries.
    pub header: Header,
    /// The content.
    pub body: Bytes,
}

impl Message {
    /// The content if it is plain text; what is not UTF-8 in it is replaced.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.header.is_plain_text().then(|| String::from_utf8_lossy(&self.body))
    }
}

/// Who a message is from and what it carries (RFC 3862).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who wrote it.
    pub from: Address,
    /// Whom it is for: the room, or one participant.
    pub to: Address,
    /// Whether it is for us alone, and not for the room (RFC 7701 §6.2).
    pub private: bool,
    /// When it was written, in the form of RFC 3339, as the sender says.
    pub date_time: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The type of the content with its parameters; `text/plain` if none is told.
    pub content_type: String,
    /// The name of the file that the content is. It is the sender's: see [`safe_file_name`](crate::safe_file_name).
    pub file_name: Option<String>,
}

impl Header {
    /// The media type of the content in lower case, without parameters.
    pub fn essence(&self) -> String {
        self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the content is plain text and no file.
    pub fn is_plain_text(&self) -> bool {
        self.essence() == "text/plain" && self.file_name.is_none()
    }
}

/// What became of a message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which message.
    pub id: MessageId,
    /// The MSRP status code.
    pub code: u16,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// We left.
    #[error("left")]
    Left,
    /// The room said BYE.
    #[error("the room ended the session")]
    Removed,
    /// The session timer ran out: the room is not there any more.
    #[error("the room is not there any more")]
    Expired,
    /// The MSRP connection was lost.
    #[error("the connection was lost")]
    ConnectionLost,
    /// What came over the MSRP connection was no MSRP.
    #[error("the room does not speak MSRP")]
    Protocol,
}

impl From<News> for Event {
    fn from(News { from, private, active, .. }: News) -> Self {
        Self::Composing { who: from, private, active }
    }
}

impl From<Closed> for JoinError {
    fn from(closed: Closed) -> Self {
        Self::Ended(closed)
    }
}
