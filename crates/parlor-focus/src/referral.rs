//! The implicit subscription of a REFER: who referred is told what comes of it (RFC 3515 §2.4.4, SIP-80).

use crate::leg::{LegId, Phase, next_hop};
use crate::{Focus, NextHop, Output, RequestId};
use bytes::Bytes;
use parlor_room::ParticipantId;
use parlor_sip::{Dialog, Flow, HeaderName, Method, NameAddr, Request, Response, reason_phrase};

/// One such subscription. What is told last is final and ends it.
///
/// ```text
///            202 sent: NOTIFY 100        NOTIFY answered 2xx, nothing new
///  Held ────────────────────────▶ Telling ──────────────────────────▶ Told
///                                  │   ▲      something new: NOTIFY    │
///                                  │   └───────────────────────────────┘
///                                  │ answered, and it was final; or refused, or not answered
///                                  ▼
///                                 gone
/// ```
#[derive(Debug)]
pub(crate) struct Referral {
    /// Who referred.
    pub(crate) by: ParticipantId,
    usage: Usage,
    event_id: Option<u32>,
    contact: NameAddr,
    state: State,
    /// The latest status that was not told yet.
    news: Option<u16>,
}

/// The dialog that it is told in.
#[derive(Debug)]
pub(crate) enum Usage {
    /// One of its own, and where its requests come from.
    Own(Box<Dialog>, Flow),
    /// A participant's.
    Leg(LegId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Telling { request: RequestId, is_final: bool },
    Told,
}

impl Referral {
    /// One that nothing was told about yet.
    pub(crate) fn new(by: ParticipantId, usage: Usage, event_id: Option<u32>, contact: NameAddr) -> Self {
        Self { by, usage, event_id, contact, state: State::Held, news: None }
    }
}

impl Focus {
    /// The REFER is answered.
    pub(crate) fn begin_telling(&mut self, id: LegId) {
        self.notify_referrer(id, 100);
    }

    /// What has come of a REFER so far.
    pub(crate) fn tell_referrer(&mut self, referral: Option<LegId>, code: u16) {
        let Some((id, own)) = referral.and_then(|id| Some((id, self.referrals.get_mut(&id)?))) else { return };
        match own.state {
            State::Held | State::Telling { .. } => own.news = Some(code),
            State::Told => self.notify_referrer(id, code),
        }
    }

    /// A NOTIFY was answered.
    pub(crate) fn referrer_answered(&mut self, id: LegId, request: RequestId, response: &Response) {
        if response.is_provisional() {
            return;
        }
        self.forget_request(request);
        let Some(own) = self.referrals.get_mut(&id) else { return };
        let State::Telling { is_final, .. } = own.state else { return };
        if is_final || !response.is_success() {
            return self.end_referral(id);
        }
        own.state = State::Told;
        if let Some(news) = own.news.take() {
            self.notify_referrer(id, news);
        }
    }

    /// Nothing more is told.
    pub(crate) fn end_referral(&mut self, id: LegId) {
        if let Some(Referral { state: State::Telling { request, .. }, .. }) = self.referrals.remove(&id) {
            self.forget_request(request);
        }
    }

    /// A participant's dialog is over, and with it what was told in it.
    pub(crate) fn end_referrals_in(&mut self, leg: LegId) {
        let theirs = self.referrals.iter().filter(|(_, own)| matches!(own.usage, Usage::Leg(id) if id == leg));
        let theirs: Vec<LegId> = theirs.map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|id| self.end_referral(id));
    }

    fn notify_referrer(&mut self, id: LegId, code: u16) {
        let Some((mut request, next_hop)) = self.notify_request(id) else { return self.end_referral(id) };
        let name = self.name_request();
        let Some(own) = self.referrals.get_mut(&id) else { return };
        let is_final = code >= 200;
        let event = own.event_id.map_or("refer".to_owned(), |id| format!("refer;id={id}"));
        let state = match is_final {
            true => "terminated;reason=noresource".to_owned(),
            false => format!("active;expires={}", self.settings.ring_timeout.as_secs().max(60)),
        };
        request.headers.push(HeaderName::UserAgent, &self.settings.product);
        request.headers.push(HeaderName::Contact, &own.contact);
        request.headers.push(HeaderName::Event, event);
        request.headers.push(HeaderName::SubscriptionState, state);
        request.headers.push(HeaderName::ContentType, SIPFRAG);
        request.body = Bytes::from(format!("SIP/2.0 {code} {}\r\n", reason_phrase(code)));
        own.state = State::Telling { request: name, is_final };
        self.remember_request(name, id);
        self.emit(Output::Request { id: name, request, next_hop });
    }

    fn notify_request(&mut self, id: LegId) -> Option<(Request, NextHop)> {
        match &mut self.referrals.get_mut(&id)?.usage {
            Usage::Own(dialog, flow) => Some((dialog.request(Method::Notify), next_hop(dialog, *flow))),
            Usage::Leg(leg) => {
                let leg = self.legs.get_mut(leg).filter(|leg| !matches!(leg.phase, Phase::Leaving))?;
                Some((leg.request(Method::Notify), leg.next_hop()))
            }
        }
    }
}

/// RFC 3515 §2.4.5.
const SIPFRAG: &str = "message/sipfrag;version=2.0";
