//! What a room allows, and why it refuses.

use crate::TypeList;

/// The rules of one room, as configured (RFC 7701 §4.1).
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the room is about; told in SDP `i=` and in the roster (CHAT-140). Empty: none.
    pub topic: Box<str>,
    /// Text that each newcomer gets from the room once its session is bound (CHAT-121). Empty: none.
    pub welcome: Box<str>,
    /// How many participants, not sessions, may be in at once.
    pub max_participants: usize,
    /// How many sessions one participant may hold at once (CHAT-5).
    pub max_sessions_per_participant: usize,
    /// The largest message, in octets of its CPIM form; told to clients as `a=max-size` (MSRP-117).
    pub max_message_bytes: u64,
    /// The types that may stand inside message/cpim; told as `a=accept-wrapped-types` (CHAT-9).
    pub wrapped_types: TypeList,
    /// Whether a session without TLS is refused (CHAT-6, CHAT-23).
    pub require_tls: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            topic: "".into(),
            welcome: "".into(),
            max_participants: 1000,
            max_sessions_per_participant: 8,
            max_message_bytes: 100 * 1024 * 1024,
            wrapped_types: TypeList::any(),
            require_tls: false,
        }
    }
}

/// Why a room does not let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// As many participants as the rules allow are in.
    #[error("the room is full")]
    Full,
    /// This user already holds as many sessions as the rules allow.
    #[error("too many sessions of one participant")]
    TooManySessions,
    /// The room is closing down.
    #[error("the room is closing")]
    Closing,
}
