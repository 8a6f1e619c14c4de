//! Behaviours of the running server, seen from outside.
