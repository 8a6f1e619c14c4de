//! What a room may make us hold.

/// The most that waits or is held for one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message's content that are gathered; longer content is handed on in pieces.
    pub gathered_body: usize,
    /// Octets of the headers of a message/cpim.
    pub cpim_headers: usize,
    /// Messages that are coming in at one time; beyond it the oldest is given up.
    pub open_messages: usize,
    /// Events that wait to be taken.
    pub events: usize,
    /// Octets in events that wait to be taken.
    pub event_octets: usize,
    /// Chunks of ours that wait for their response.
    pub open_transactions: usize,
    /// What the MSRP decoder takes.
    pub msrp: parlor_msrp::Limits,
    /// Octets of changes to the roster after which it is asked for as a whole, so that what is not in it any more is
    /// forgotten.
    pub roster_octets: usize,
    /// What the SIP decoder takes. A roster comes in one body.
    pub sip: parlor_sip::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gathered_body: 64 * 1024,
            cpim_headers: 16 * 1024,
            open_messages: 64,
            // More short messages than the buffers of a connection hold: a response behind them is still read.
            events: 8192,
            event_octets: 4 * 1024 * 1024,
            open_transactions: 256,
            msrp: parlor_msrp::Limits::default(),
            roster_octets: 16 * 1024 * 1024,
            sip: parlor_sip::Limits { body: 8 * 1024 * 1024, ..parlor_sip::Limits::default() },
        }
    }
}
