//! What can be wrong with a message/cpim.

/// Why a message is no message/cpim that can be routed; a switch answers 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CpimError {
    /// The headers are longer than allowed.
    #[error("the headers are too long")]
    TooLong,
    /// The message ended within its headers.
    #[error("the message ended within its headers")]
    Incomplete,
    /// The headers are not UTF-8.
    #[error("the headers are not UTF-8")]
    NotUtf8,
    /// A line is no header.
    #[error("a line is no header")]
    Syntax,
    /// A control character stands in a header.
    #[error("a control character in a header")]
    ControlCharacter,
    /// Some lines end with CRLF and others with LF.
    #[error("some lines end with CRLF, others with LF")]
    MixedLineEnds,
    /// From, To or cc is no address.
    #[error("From, To or cc is no address")]
    Address,
    /// There is no From in the namespace of message/cpim.
    #[error("no From")]
    NoFrom,
    /// There is no To in the namespace of message/cpim.
    #[error("no To")]
    NoTo,
    /// A header that may be there once is there twice.
    #[error("a header is there twice")]
    Duplicate,
    /// NS is wrong, or there are more than anybody needs.
    #[error("wrong or too many NS")]
    Namespace,
    /// The Content-Type of the content is wrong.
    #[error("wrong Content-Type of the content")]
    ContentType,
}
