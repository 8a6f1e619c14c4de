//! Client library for MSRP chat rooms over tokio.
