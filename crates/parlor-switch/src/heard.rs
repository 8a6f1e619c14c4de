//! What is said in a room, gathered for those who cannot be sent frames: who takes part by SIP MESSAGE alone (MSG-52), and who
//! is to be told that it was named.

use crate::recipients::Except;
use bytes::Bytes;
use parlor_cpim::Envelope;
use parlor_room::{ParticipantId, SessionId};

/// The most octets of a message that are gathered, with its CPIM headers: of a larger one it is told that it was there.
pub const LARGEST_HEARD: usize = 8 * 1024;

/// A message of a participant, whole unless it is too large.
#[derive(Debug)]
pub struct Heard {
    /// Whose it is.
    pub from: ParticipantId,
    /// Of a private message: whom it is for.
    pub to: Option<ParticipantId>,
    /// The type of its content, without parameters.
    pub essence: Box<str>,
    /// Its octets, with the CPIM headers.
    pub size: u64,
    /// Where its content begins.
    pub headers_len: usize,
    message: Vec<u8>,
    except: Except,
}

impl Heard {
    pub(crate) fn new(from: ParticipantId, envelope: &Envelope, except: Except) -> Self {
        Self {
            from,
            to: None,
            essence: envelope.essence().unwrap_or_default().into(),
            size: 0,
            headers_len: envelope.headers_len,
            message: Vec::new(),
            except,
        }
    }

    pub(crate) fn for_one(mut self: Box<Self>, to: ParticipantId) -> Box<Self> {
        self.to = Some(to);
        self
    }

    pub(crate) fn take(&mut self, piece: &Bytes) {
        self.size += piece.len() as u64;
        match self.size > LARGEST_HEARD as u64 {
            true => self.message = Vec::new(),
            false => self.message.extend_from_slice(piece),
        }
    }

    /// The whole message, as it came.
    pub fn message(&self) -> Option<&[u8]> {
        (self.message.len() as u64 == self.size).then_some(&self.message)
    }

    /// Its content, without the CPIM headers.
    pub fn content(&self) -> Option<&[u8]> {
        self.message()?.get(self.headers_len..)
    }

    /// Whether it is for this device of a participant's.
    pub fn is_for(&self, session: SessionId, participant: ParticipantId) -> bool {
        let is_sender = match self.except {
            Except::Session(own) => own == session,
            Except::Participant(own) => own == participant,
            Except::Nobody => false,
        };
        !is_sender && self.to.is_none_or(|to| to == participant)
    }
}
