//! One device of a user, and where it is.

use crate::Way;
use parlor_sip::{Flow, NameAddr, Transport, Uri};
use std::sync::Arc;
use std::time::Instant;

/// Names a binding; never used again, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingId(pub u64);

/// One binding of an address of record.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) id: BindingId,
    /// Another one after each REGISTER that changed it.
    pub(crate) revision: u64,
    /// As it was registered, but for `expires`, and for a `reg-id` that does not count.
    pub(crate) contact: NameAddr,
    pub(crate) call_id: Box<str>,
    pub(crate) cseq: u32,
    pub(crate) expires: Instant,
    /// The flow that it stands for, of those that one device has (RFC 5626 §6).
    pub(crate) flow_id: Option<FlowId>,
    /// The proxies on the way to it (RFC 3327 §5.3).
    pub(crate) path: Box<[NameAddr]>,
    /// What its REGISTER came by.
    pub(crate) flow: Flow,
}

/// What tells the flows of devices apart: `+sip.instance` and `reg-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlowId {
    pub(crate) instance: Box<str>,
    pub(crate) reg_id: u32,
}

impl FlowId {
    /// RFC 5626 §6: `reg-id` counts together with `+sip.instance` alone.
    pub(crate) fn of(contact: &NameAddr) -> Option<Self> {
        let instance = contact.params.unquoted("+sip.instance")?;
        let reg_id = contact.params.value("reg-id")?.parse().ok().filter(|number| *number > 0)?;
        Some(Self { instance: Box::from(&*instance), reg_id })
    }
}

impl Binding {
    /// Whether a REGISTER for this contact is about this binding (SIP-131, RFC 5626 §6).
    pub(crate) fn is_for(&self, contact: &NameAddr, flow_id: Option<&FlowId>) -> bool {
        match (&self.flow_id, flow_id) {
            (Some(own), Some(wanted)) => own == wanted,
            (None, None) => self.contact.uri.equivalent(&contact.uri),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Whether it cannot be reached without the stream that it came by (RFC 5626 §5.3).
    pub(crate) fn lives_on_its_stream(&self) -> bool {
        self.flow_id.is_some() && self.path.is_empty() && self.flow.transport != Transport::Udp
    }

    /// Whether its stream is gone, so that it may not be reached any more.
    pub(crate) fn has_lost_its_stream(&self) -> bool {
        self.flow.transport != Transport::Udp && self.flow.connection.is_none() && self.path.is_empty()
    }

    /// Whether others see no difference between the two.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        self.contact == other.contact && self.flow.remote == other.flow.remote && self.path == other.path
    }

    /// How requests get there. All go back to where the REGISTER came from: whatever a Contact says, nobody can aim us at
    /// others.
    pub(crate) fn way(&self) -> Way {
        let uri = match self.path.first() {
            Some(first) => first.uri.clone(),
            None if self.flow_id.is_some() => Uri::of_address(self.flow.remote),
            None => self.contact.uri.clone(),
        };
        Way { flow: self.flow, uri }
    }

    /// The Contact as a 200 lists it (SIP-131).
    pub(crate) fn listed(&self, now: Instant) -> NameAddr {
        let left = self.expires.saturating_duration_since(now).as_millis().div_ceil(1000);
        self.contact.clone().with_param("expires", &left.to_string())
    }
}

/// A binding on its way to or from the store. Streams do not outlive a restart, so what remains of the flow is its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedBinding {
    /// Its name.
    pub id: BindingId,
    /// The user part of the address of record.
    pub user: Arc<str>,
    /// The Contact without `expires`.
    pub contact: String,
    /// The Path, empty if there is none.
    pub path: String,
    /// The Call-ID of the REGISTER.
    pub call_id: String,
    /// Its CSeq.
    pub cseq: u32,
    /// When it ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
    /// What it came by.
    pub flow: Flow,
}
