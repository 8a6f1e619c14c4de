//! Why a SEND is refused, and what its sender is told.

use parlor_room::NicknameReject;

/// Why the switch refuses a message: spec/chatroom.md §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is missing or has a value that cannot be.
    #[error("malformed request")]
    MalformedRequest,
    /// The top-level type is not message/cpim (CHAT-30).
    #[error("content type is not message/cpim")]
    NotCpim,
    /// The CPIM headers are broken, incomplete or too long (CHAT-31).
    #[error("malformed message/cpim")]
    MalformedCpim,
    /// `Require` names a CPIM header that is not known here (CHAT-34).
    #[error("required CPIM header not understood")]
    UnknownRequirement,
    /// The CPIM From is not the sender's own (CHAT-32).
    #[error("From is not the sender")]
    ForeignSender,
    /// More than one To (CHAT-33).
    #[error("more than one To")]
    SeveralRecipients,
    /// The wrapped type is not accepted in this room (CHAT-35).
    #[error("wrapped content type not accepted")]
    WrappedType,
    /// The session may not send now (CHAT-36, MSRP-120).
    #[error("not allowed to send")]
    NotAllowed,
    /// To names neither the room nor anybody in it (CHAT-38).
    #[error("recipient not found")]
    UnknownRecipient,
    /// The room passes on no messages to one participant (CHAT-37).
    #[error("private messages not allowed")]
    PrivateNotAllowed,
    /// No session of the recipient takes private messages (CHAT-39).
    #[error("recipient takes no private messages")]
    PrivateUnsupported,
    /// To names a sidebar of the room, which has sessions of its own (CHAT-133).
    #[error("a sidebar is written to on its own session")]
    ForSidebar,
    /// The message is larger than the room takes (MSRP-71).
    #[error("message too large")]
    TooLarge,
    /// A chunk came so far ahead of its predecessors that it cannot be held (CHAT-64).
    #[error("chunks out of order")]
    OutOfOrder,
    /// Too many messages are open at once (CHAT-66).
    #[error("too many open messages")]
    TooManyOpen,
    /// More is held back in the room than it may be, and most of it by this session (CHAT-64, CHAT-66).
    #[error("too much held back")]
    HeldBack,
    /// No chunk came for too long (CHAT-62).
    #[error("message timed out")]
    TimedOut,
    /// A later chunk of a message that was refused or aborted before (CHAT-64).
    #[error("message was refused before")]
    Again {
        /// The status it was refused with.
        code: u16,
    },
    /// A nickname is not given (CHAT-81 … 83).
    #[error("{0}")]
    Nickname(NicknameReject),
}

impl Refusal {
    /// A later chunk of something that was refused with `code`.
    pub(crate) fn again(code: u16) -> Self {
        Self::Again { code }
    }

    /// Whether the same message may be sent again later, from its start: what stood against it may have passed.
    pub(crate) fn is_passing(self) -> bool {
        match self {
            Self::NotAllowed
            | Self::UnknownRecipient
            | Self::PrivateNotAllowed
            | Self::PrivateUnsupported
            | Self::ForSidebar
            | Self::TooManyOpen
            | Self::HeldBack => true,
            Self::MalformedRequest
            | Self::NotCpim
            | Self::MalformedCpim
            | Self::UnknownRequirement
            | Self::ForeignSender
            | Self::SeveralRecipients
            | Self::WrappedType
            | Self::TooLarge
            | Self::OutOfOrder
            | Self::TimedOut
            | Self::Again { .. }
            | Self::Nickname(_) => false,
        }
    }

    /// The MSRP status code.
    pub fn code(self) -> u16 {
        match self {
            Self::MalformedRequest | Self::MalformedCpim | Self::UnknownRequirement => 400,
            Self::ForeignSender
            | Self::SeveralRecipients
            | Self::NotAllowed
            | Self::PrivateNotAllowed
            | Self::ForSidebar => 403,
            Self::UnknownRecipient => 404,
            Self::PrivateUnsupported => 428,
            Self::TooLarge | Self::OutOfOrder | Self::TooManyOpen | Self::HeldBack | Self::TimedOut => 413,
            Self::Again { code } => code,
            Self::Nickname(NicknameReject::NotAllowed) => 403,
            Self::Nickname(NicknameReject::Malformed) => 424,
            Self::Nickname(NicknameReject::Taken) => 425,
            Self::NotCpim | Self::WrappedType => 415,
        }
    }
}
