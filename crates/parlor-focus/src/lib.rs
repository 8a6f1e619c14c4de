//! The SIP face of a room (RFC 4579, RFC 3264, RFC 6135).

mod limits;
pub mod sdp;

pub use limits::Limits;
