//! Requests within a dialog, other than INVITE.

use crate::focus::Answer;
use crate::invite::{allows_update, contact};
use crate::leg::{LegId, Phase};
use crate::session_timer::Granted;
use crate::{Caller, EndReason, Focus, Reject, identity, message, sdp, uas};
use parlor_room::Room;
use parlor_sip::{Flow, HeaderName, Method, Request, Response, Scheme, ServerTransactionId, Transport, reason_phrase};
use std::time::Instant;

impl Focus {
    /// A request that names a dialog (RFC 3261 §12.2.2).
    pub(crate) fn serve_in_dialog(
        &mut self,
        now: Instant,
        room: &mut Room,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        uas::method(&request.method)?;
        let id = self.find(request)?;
        self.accept_in_dialog(id, request, flow, caller)?;
        let phase = self.legs.get(&id).map(|leg| &leg.phase);
        let (has_session, ending) = (phase.is_some(), matches!(phase, Some(Phase::Leaving)));
        match &request.method {
            Method::Subscribe if is_about_referral(request) => self.resubscribe_referral(room, id, request, flow),
            Method::Refer if !ending => self.refer(now, room, Some(id), request, flow, caller),
            Method::Subscribe => self.subscribe_in_dialog(now, room, id, request, flow, caller),
            Method::Bye if has_session => Ok(self.left(now, room, id, request)),
            _ if ending || !has_session => Err(Reject::NoDialog),
            Method::Invite => self.reinvite(now, room, id, tx, request, flow),
            Method::Update => self.update(now, room, id, request, flow),
            Method::Options => {
                uas::admissible(request)?;
                Ok(self.tell_capabilities(room, request, &flow))
            }
            // SIP-49: no response of ours was ever provisional. We subscribe to nothing.
            Method::Prack | Method::Notify => Err(Reject::NoDialog),
            _ => Err(Reject::MethodNotAllowed),
        }
    }

    /// BYE: always 200 (SIP-46).
    fn left(&mut self, now: Instant, room: &mut Room, id: LegId, request: &Request) -> Answer {
        self.close_media(now, room, id, EndReason::Left);
        self.remove(id);
        let mut response = Response::for_request(request, 200, reason_phrase(200));
        response.headers.push(HeaderName::Server, &self.settings.product);
        response.into()
    }

    /// UPDATE: a refresh, or with SDP a change (RFC 3311 §5.2).
    fn update(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        request: &Request,
        flow: Flow,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        if request.headers.has(&HeaderName::Contact) {
            contact(&request.headers)?;
        }
        let offer = uas::readable_body(request)?;
        let open = self.legs.get(&id).is_some_and(|leg| leg.offer_is_open());
        if offer.is_some() && open {
            return Err(Reject::Glare); // SIP-45
        }
        let granted = Granted::answering(&request.headers, &self.settings)?;
        let settles = match offer {
            Some(offer) => {
                self.renegotiate(now, room, id, &offer)?;
                Some(id)
            }
            None => None,
        };
        self.follow(id, request, flow)?;
        self.run_session_timer(now, id, granted.map(Granted::timer));
        let mut response = self.ok(room, id, request, granted);
        if let (Some(_), Some(leg)) = (settles, self.legs.get(&id)) {
            message::sdp(&mut response.headers, &mut response.body, leg.sdp.text());
        }
        Ok(Answer { settles, ..response.into() })
    }

    /// The peer is where this request came from and its Contact says (SIP-42), and may have changed its mind about UPDATE.
    pub(crate) fn follow(&mut self, id: LegId, request: &Request, flow: Flow) -> Result<(), Reject> {
        self.move_peer(id, request, flow)?;
        let leg = self.legs.get_mut(&id).ok_or(Reject::NoDialog)?;
        if request.headers.has(&HeaderName::Allow) {
            leg.updates = allows_update(&request.headers);
        }
        Ok(())
    }

    /// OPTIONS outside of dialogs: refused as an INVITE would be (SIP-48).
    pub(crate) fn options(
        &mut self,
        room: &Room,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        room.would_admit(&identity::identify(request, caller, &self.settings.limits)?)?;
        Ok(self.tell_capabilities(room, request, flow))
    }

    /// What we can do (SIP-48).
    fn tell_capabilities(&mut self, room: &Room, request: &Request, flow: &Flow) -> Answer {
        let secure = flow.transport == Transport::Tls && *request.uri.scheme() == Scheme::Sips;
        let contact = message::contact(room, flow, secure, &self.settings);
        let mut response = message::ok(request, &contact, &self.settings);
        crate::features::declare_accept(&mut response.headers);
        if uas::is_for_factory(request, &self.settings) {
            crate::features::declare_factory(&mut response.headers);
        }
        if accepts_sdp(request) {
            let text = sdp::capabilities(&Self::local_media(&self.settings, room));
            message::sdp(&mut response.headers, &mut response.body, &text);
        }
        let tag = self.fresh_tag();
        response.set_to_tag(&tag);
        response.into()
    }
}

fn is_about_referral(request: &Request) -> bool {
    request.headers.event().is_ok_and(|event| event.is_some_and(|event| event.is("refer")))
}

fn accepts_sdp(request: &Request) -> bool {
    match request.headers.accept() {
        Ok(Some(ranges)) => ranges.iter().any(|range| range.accepts(crate::features::SDP)),
        Ok(None) => true,
        Err(_) => false,
    }
}
