//! Label values: closed sets, so that no peer can make a series, and each child is found by index.

use std::marker::PhantomData;
use std::sync::OnceLock;

use prometheus::{IntCounter, IntCounterVec};

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// All values, each at the position that `index` gives.
    const ALL: &'static [Self];

    /// The value's position in [`Self::ALL`].
    fn index(self) -> usize;

    /// The text in the metric.
    fn text(self) -> &'static str;
}

macro_rules! labels {
    (
        $(#[$doc:meta])*
        $label:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $label { $($(#[$variant_doc])* $variant,)+ }

        impl Label for $label {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn index(self) -> usize {
                self as usize
            }

            fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

labels! {
    /// What became of a message to somebody who is in a room by MESSAGE alone.
    PageResult {
        /// A device has it.
        Delivered = "delivered",
        /// It was told of it.
        Told = "told",
        /// Too much waited for it.
        Dropped = "dropped",
        /// A device refused it.
        Refused = "refused",
        /// No device was reached; it is tried again.
        Unreached = "unreached",
    }
}

labels! {
    /// The method of a SIP request.
    SipMethod {
        /// INVITE
        Invite = "INVITE",
        /// ACK
        Ack = "ACK",
        /// BYE
        Bye = "BYE",
        /// CANCEL
        Cancel = "CANCEL",
        /// OPTIONS
        Options = "OPTIONS",
        /// REGISTER
        Register = "REGISTER",
        /// UPDATE
        Update = "UPDATE",
        /// PRACK
        Prack = "PRACK",
        /// INFO
        Info = "INFO",
        /// MESSAGE
        Message = "MESSAGE",
        /// SUBSCRIBE
        Subscribe = "SUBSCRIBE",
        /// NOTIFY
        Notify = "NOTIFY",
        /// REFER
        Refer = "REFER",
        /// PUBLISH
        Publish = "PUBLISH",
        /// Whatever else a peer may write.
        Other = "other",
    }
}

impl SipMethod {
    /// The label for a method as it stands in a request.
    pub fn of(method: &str) -> Self {
        find(method, Self::Other)
    }
}

labels! {
    /// What became of a MESSAGE to a user.
    PagerFate {
        /// A device has it.
        Delivered = "delivered",
        /// A device refused it.
        Refused = "refused",
        /// No device could be reached.
        Unavailable = "unavailable",
        /// It was said to its user in a room that sender and recipient are in.
        InRoom = "in_room",
        /// It waits for its user.
        Kept = "kept",
        /// It has waited, and a device has it.
        DeliveredLater = "delivered_later",
        /// It has waited, and was refused.
        Undeliverable = "undeliverable",
        /// It has waited until nobody wanted it any more.
        Expired = "expired",
    }
}

labels! {
    /// The method of an MSRP request.
    MsrpMethod {
        /// SEND
        Send = "SEND",
        /// REPORT
        Report = "REPORT",
        /// NICKNAME
        Nickname = "NICKNAME",
        /// AUTH
        Auth = "AUTH",
        /// Whatever else a peer may write.
        Other = "other",
    }
}

impl MsrpMethod {
    /// The label for a method as it stands in a request.
    pub fn of(method: &str) -> Self {
        find(method, Self::Other)
    }
}

labels! {
    /// What a message is.
    MessageKind {
        /// A participant's, to the room.
        Room = "room",
        /// A participant's, to another one.
        Private = "private",
        /// That somebody is writing, or no more.
        Composing = "composing",
        /// A receipt.
        Imdn = "imdn",
        /// The room's own, to everybody.
        Notice = "notice",
        /// The room's own, to one participant.
        Direct = "direct",
    }
}

labels! {
    /// What was answered with 200 and passed on to nobody.
    WithheldKind {
        /// That somebody is writing, which those whom it is for know, or are too many to be told.
        Composing = "composing",
        /// A receipt for a whole room.
        Imdn = "imdn",
    }
}

labels! {
    /// Why a recipient did not get a message, or not all of it.
    DropReason {
        /// The recipient is stalled and its outbox full.
        Stalled = "stalled",
        /// All outboxes of stalled recipients together are full.
        Memory = "memory",
        /// The sender broke it off or vanished.
        Aborted = "aborted",
        /// The recipient does not take the type of its content.
        Unaccepted = "unaccepted",
        /// It is larger than the recipient takes.
        Oversized = "oversized",
        /// The recipient's session ended while it waited.
        Closed = "closed",
    }
}

labels! {
    /// What came of looking for the servers of another domain.
    LookupEnd {
        /// There is one that may be reached.
        Found = "found",
        /// There is no such domain, it has no server, or it leads to ourselves.
        Unknown = "unknown",
        /// The name servers did not answer, or nothing of ours leads there.
        Unreachable = "unreachable",
        /// All of them are where nothing may be sent.
        Forbidden = "forbidden",
    }
}

labels! {
    /// How a call of ours ended.
    CallEnd {
        /// With a participant more.
        Answered = "answered",
        /// Who was called was busy, or the room full by then.
        Busy = "busy",
        /// Who was called declined.
        Declined = "declined",
        /// Nobody answered in time, or it was not wanted any more.
        Unanswered = "unanswered",
        /// Nobody knows who that is.
        Unknown = "unknown",
        /// It is forbidden to call there, or there.
        Forbidden = "forbidden",
        /// Anything else.
        Failed = "failed",
    }
}

labels! {
    /// Why a subscription ended.
    SubscriptionEnd {
        /// The subscriber ended it, or wanted to know but once.
        Unsubscribed = "unsubscribed",
        /// It was not refreshed.
        Expired = "expired",
        /// The rules do not allow it any more.
        Forbidden = "forbidden",
        /// The subscriber did not answer, or refused what it was told.
        Failed = "failed",
        /// The room ended.
        RoomClosed = "room_closed",
        /// The server stopped.
        Shutdown = "shutdown",
    }
}

labels! {
    /// Why a session ended.
    SessionEnd {
        /// The participant left.
        Left = "left",
        /// Its connection was lost.
        Lost = "lost",
        /// Nothing bound it in time.
        Unbound = "unbound",
        /// It stopped reading for too long.
        Stalled = "stalled",
        /// Its SIP session was not refreshed.
        Expired = "expired",
        /// An offer, an answer or an ACK failed.
        Failed = "failed",
        /// The participant was removed from the room.
        Removed = "removed",
        /// The server stopped.
        Shutdown = "shutdown",
    }
}

labels! {
    /// How the transfer of a file ended.
    TransferEnd {
        /// The file is where it should be.
        Complete = "complete",
        /// It was sent, but its receiver has not said that it has it.
        Unconfirmed = "unconfirmed",
        /// The peer ended it.
        BrokenOff = "broken_off",
        /// Its connection was lost.
        Lost = "lost",
        /// The peer stopped reading for too long.
        Stalled = "stalled",
        /// The peer sent nothing for too long.
        TimedOut = "timed_out",
        /// The file was not taken.
        Refused = "refused",
        /// The file went away.
        Gone = "gone",
        /// A fault of the server or its disk.
        Failed = "failed",
    }
}

fn find<L: Label>(text: &str, other: L) -> L {
    L::ALL.iter().copied().find(|label| label.text() == text).unwrap_or(other)
}

/// A family of counters with one label, each counter made beforehand.
#[derive(Debug)]
pub struct Counters<L> {
    children: Box<[IntCounter]>,
    label: PhantomData<L>,
}

impl<L: Label> Counters<L> {
    pub(super) fn new(family: &IntCounterVec) -> Self {
        let children = L::ALL.iter().map(|label| family.with_label_values(&[label.text()])).collect();
        Self { children, label: PhantomData }
    }

    /// The counter of that label.
    pub fn of(&self, label: L) -> &IntCounter {
        &self.children[label.index()]
    }
}

/// A family of counters by status code, each made when its code first comes up.
#[derive(Debug)]
pub struct CodeCounters {
    family: IntCounterVec,
    children: Box<[OnceLock<IntCounter>]>,
    other: IntCounter,
}

impl CodeCounters {
    pub(super) fn new(family: IntCounterVec) -> Self {
        let other = family.with_label_values(&["other"]);
        Self { children: CODES.map(|_| OnceLock::new()).collect(), family, other }
    }

    /// The counter of that code; what is no status code counts as `other`.
    pub fn of(&self, code: u16) -> &IntCounter {
        let child = code.checked_sub(CODES.start).and_then(|index| self.children.get(usize::from(index)));
        match child {
            Some(child) => child.get_or_init(|| self.family.with_label_values(&[&code.to_string()])),
            None => &self.other,
        }
    }
}

/// The status codes of SIP and MSRP.
const CODES: std::ops::Range<u16> = 100..700;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every label is at its own index, and a method that is not in the set counts as another.
    #[test]
    fn closed_sets() {
        for (index, label) in SipMethod::ALL.iter().enumerate() {
            assert_eq!(label.index(), index);
            assert_eq!(SipMethod::of(label.text()), *label);
        }
        assert_eq!(SipMethod::of("invite"), SipMethod::Other);
        assert_eq!(MsrpMethod::of("SEND"), MsrpMethod::Send);
        assert_eq!(MsrpMethod::of("x\"} 1\n"), MsrpMethod::Other);
    }
}
