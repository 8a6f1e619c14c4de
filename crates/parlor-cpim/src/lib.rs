//! message/cpim read without copying, and written (RFC 3862).
