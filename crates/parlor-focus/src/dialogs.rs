//! Dialogs that no INVITE holds, or none any more: those of subscriptions alone (RFC 6665 §4.5.2).

use crate::leg::{self, Leg, LegId};
use crate::{Caller, DialogChange, Focus, NextHop, Reject};
use parlor_sip::{Dialog, DialogId, Flow, Method, Request, Uri};

/// A dialog without a session.
#[derive(Debug)]
pub(crate) struct BareDialog {
    dialog: Dialog,
    /// Where the latest request that may move the peer came from.
    flow: Flow,
    /// The account that began the dialog, if that was verified.
    account: Option<Uri>,
}

impl From<Leg> for BareDialog {
    fn from(leg: Leg) -> Self {
        Self { dialog: leg.dialog, flow: leg.flow, account: leg.account }
    }
}

impl Focus {
    /// A dialog begins with a request that is no INVITE. It lasts while a subscription uses it.
    pub(crate) fn begin_bare(&mut self, id: LegId, dialog: Dialog, flow: Flow, caller: &Caller) {
        let account = caller.verified.as_ref().map(|account| account.aor.clone());
        self.bare.insert(id, BareDialog { dialog, flow, account });
    }

    /// The dialog has no use any more, unless an INVITE holds it.
    pub(crate) fn end_bare(&mut self, id: LegId) {
        self.bare.remove(&id);
    }

    /// The dialog that a request is in.
    ///
    /// # Errors
    /// [`Reject::NoDialog`], [`Reject::Header`]
    pub(crate) fn find(&self, request: &Request) -> Result<LegId, Reject> {
        let dialog = DialogId::of_request(request)?.ok_or(Reject::NoDialog)?;
        let id = self.named(&dialog.local_tag).ok_or(Reject::NoDialog)?;
        let (known, _) = self.dialog(id).ok_or(Reject::NoDialog)?;
        // SIP-E5: all three parts count.
        if *known.id() == dialog { Ok(id) } else { Err(Reject::NoDialog) }
    }

    /// Takes in a request of a dialog: it must come from who began it, and later than those before.
    ///
    /// # Errors
    /// [`Reject::NoDialog`], [`Reject::Forbidden`], [`Reject::OutOfOrder`], [`Reject::Header`]
    pub(crate) fn accept_in_dialog(
        &mut self,
        id: LegId,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<(), Reject> {
        let (dialog, known, account) = match (self.legs.get_mut(&id), self.bare.get_mut(&id)) {
            (Some(leg), _) => (&mut leg.dialog, leg.flow, leg.account.as_ref()),
            (None, Some(bare)) => (&mut bare.dialog, bare.flow, bare.account.as_ref()),
            (None, None) => return Err(Reject::NoDialog),
        };
        let from_there = flow.remote.ip() == known.remote.ip();
        if !caller.may_use_dialog_of(account, &request.method, from_there) {
            return Err(Reject::Forbidden);
        }
        Ok(dialog.accept_request(request)?)
    }

    /// The peer is where this request came from and its Contact says (SIP-42).
    ///
    /// # Errors
    /// [`Reject::NoDialog`], [`Reject::Header`]
    pub(crate) fn move_peer(&mut self, id: LegId, request: &Request, flow: Flow) -> Result<(), Reject> {
        match (self.legs.get_mut(&id), self.bare.get_mut(&id)) {
            (Some(leg), _) => {
                let before = leg.location();
                leg.dialog.refresh_target(request)?;
                leg.flow = flow;
                let now = leg.location();
                if now != before {
                    self.tell_dialog(DialogChange::Moved(self.tag(id).into(), now));
                }
            }
            (None, Some(bare)) => {
                bare.dialog.refresh_target(request)?;
                bare.flow = flow;
            }
            (None, None) => return Err(Reject::NoDialog),
        }
        Ok(())
    }

    /// A dialog, and how its peer was heard last.
    pub(crate) fn dialog(&self, id: LegId) -> Option<(&Dialog, Flow)> {
        let of_leg = self.legs.get(&id).map(|leg| (&leg.dialog, leg.flow));
        of_leg.or_else(|| self.bare.get(&id).map(|bare| (&bare.dialog, bare.flow)))
    }

    /// The next request of ours in a dialog, and where it goes.
    pub(crate) fn request_in_dialog(&mut self, id: LegId, method: Method) -> Option<(Request, NextHop)> {
        let (dialog, flow) = match (self.legs.get_mut(&id), self.bare.get_mut(&id)) {
            (Some(leg), _) => (&mut leg.dialog, leg.flow),
            (None, Some(bare)) => (&mut bare.dialog, bare.flow),
            (None, None) => return None,
        };
        let next_hop = leg::next_hop(dialog, flow);
        Some((dialog.request(method), next_hop))
    }
}
