//! How much of a peer's input the focus looks at and keeps.

use std::time::Duration;

/// Bounds on what one peer can make the focus read, keep or do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest SDP body that is read, in octets.
    pub sdp_bytes: usize,
    /// How many `m=` lines an offer or answer may have.
    pub media_lines: usize,
    /// How many of them may be sessions.
    pub message_lines: usize,
    /// How many `t=` lines an offer may have; all of them return in the answer.
    pub time_lines: usize,
    /// The longest `a=path` value, in octets.
    pub path_bytes: usize,
    /// How many entries of an `a=accept-types` or `a=accept-wrapped-types` line count.
    pub type_entries: usize,
    /// The longest entry of such a line that counts, in octets.
    pub type_bytes: usize,
    /// The longest display name that is kept, in octets.
    pub display_bytes: usize,
    /// The longest From, To, Call-ID, Contact and Record-Route that a dialog keeps, together, in
    /// octets.
    pub dialog_bytes: usize,
    /// How many subscriptions one room has.
    pub subscriptions: usize,
    /// How many of them one user has.
    pub subscriptions_of_user: usize,
    /// How many dialogs one room holds, those of leaving participants among them.
    pub dialogs: usize,
    /// How many messages may wait for a device that takes part by MESSAGE alone.
    pub pages: usize,
    /// How many octets of them.
    pub page_bytes: usize,
    /// How many calls of ours one room has under way.
    pub dial_outs: usize,
    /// How many of them one participant wants.
    pub dial_outs_of_one: usize,
    /// How many may be on a list of those to invite (SIP-90).
    pub invited: usize,
    /// How many REFERs one room tells the outcome of at a time, and of how many of one participant.
    pub referrals: usize,
    /// See [`Limits::referrals`].
    pub referrals_of_one: usize,
    /// The longest session interval that is granted.
    pub session_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sdp_bytes: 16 * 1024,
            media_lines: 16,
            message_lines: 4,
            time_lines: 4,
            path_bytes: 2048,
            type_entries: 64,
            type_bytes: 128,
            display_bytes: 256,
            dialog_bytes: 4096,
            subscriptions: 10_000,
            subscriptions_of_user: 16,
            dialogs: 16_384,
            pages: 32,
            page_bytes: 32 * 1024,
            dial_outs: 64,
            dial_outs_of_one: 8,
            invited: 32,
            referrals: 256,
            referrals_of_one: 32,
            session_interval: Duration::from_secs(24 * 3600),
        }
    }
}
