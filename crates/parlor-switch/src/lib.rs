//! The MSRP face of a room (RFC 7701).
