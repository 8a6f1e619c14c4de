//! What can go wrong with an account, by who is at fault.

use std::time::Duration;

use crate::error::Rejection;
use crate::target::ReachError;

/// Why an account could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The text is no SIP URI of a server.
    #[error("{0:?} is not the SIP URI of a server, such as sip:example.com")]
    Server(String),
    /// It names a transport that is not spoken here.
    #[error("{0:?} names a transport that is not spoken here: sip: goes over udp, tcp or tls, sips: over tls")]
    Transport(String),
    /// The name cannot be made into a SIP URI.
    #[error("{0:?} is no name of a user")]
    Name(String),
    /// There is no connection.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// We are not registered.
    #[error("not registered: {0}")]
    NotRegistered(#[from] RegisterError),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Why we are not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The server refused.
    #[error("refused: {0}")]
    Rejected(Rejection),
    /// The server asks for a user and a password, and there are none.
    #[error("the server asks for a user and a password")]
    NoLogin,
    /// The server does not believe that we are that user.
    #[error("the user or the password is wrong")]
    WrongLogin,
    /// The server did not answer.
    #[error("the server did not answer in time")]
    Unanswered,
    /// The connection was lost.
    #[error("the connection was lost")]
    Lost,
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They, or a server on the way, refused it.
    #[error("refused: {0}")]
    Refused(Rejection),
    /// It is larger than what may go over UDP (RFC 3428 §8).
    #[error("too large to go over UDP")]
    TooLarge,
    /// Too much waits to be sent.
    #[error("too many messages wait to be sent")]
    Overflow,
    /// Nobody answered: it may have arrived or not.
    #[error("no answer in time")]
    Unanswered,
    /// The connection was lost: it may have arrived or not.
    #[error("the connection was lost")]
    Lost,
    /// The account is closed.
    #[error("the account is closed")]
    Closed,
}

/// Why it is not known whether we are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The server refused it.
    #[error("refused: {0}")]
    Refused(Rejection),
    /// The server did not answer. It is told again.
    #[error("the server did not answer in time")]
    Unanswered,
    /// The connection was lost. It is told again.
    #[error("the connection was lost")]
    Lost,
    /// The account is closed.
    #[error("the account is closed")]
    Closed,
}

/// Why somebody is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Too many are watched already.
    #[error("too many are watched already")]
    TooMany,
    /// The account is closed.
    #[error("the account is closed")]
    Closed,
}
