//! The implicit subscription of a REFER: who referred is told what comes of it (RFC 3515 §2.4.4, SIP-80).

use crate::focus::Answer;
use crate::leg::LegId;
use crate::{Focus, Output, Reject, RequestId, message, uas};
use bytes::Bytes;
use parlor_room::{ParticipantId, Room};
use parlor_sip::{Flow, HeaderName, Method, NameAddr, Request, Response, reason_phrase};
use std::time::Duration;

/// One such subscription. What is told last is final and ends it.
///
/// ```text
///            202 sent: NOTIFY 100        NOTIFY answered 2xx, nothing new
///  Held ────────────────────────▶ Telling ──────────────────────────▶ Told
///                                  │   ▲      something new: NOTIFY    │
///                                  │   └───────────────────────────────┘
///                                  │ answered, and it was the last; or refused, or not answered
///                                  ▼
///                                 gone
/// ```
#[derive(Debug)]
pub(crate) struct Referral {
    /// Who referred.
    pub(crate) by: ParticipantId,
    /// The dialog that it is told in.
    dialog: LegId,
    event_id: Option<u32>,
    contact: NameAddr,
    state: State,
    /// What has come of the REFER so far.
    status: u16,
    /// Whether that was not told yet.
    is_news: bool,
    /// Whether no more is wanted than to be told once more.
    unsubscribed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Telling { request: RequestId, is_last: bool },
    Told,
}

impl Referral {
    /// One that nothing was told about yet.
    pub(crate) fn new(by: ParticipantId, dialog: LegId, event_id: Option<u32>, contact: NameAddr) -> Self {
        let (state, status) = (State::Held, 100);
        Self { by, dialog, event_id, contact, state, status, is_news: false, unsubscribed: false }
    }

    fn is_final(&self) -> bool {
        self.status >= 200
    }
}

impl Focus {
    /// The REFER is answered, or the SUBSCRIBE that came after it.
    pub(crate) fn go_on_telling(&mut self, id: LegId) {
        match self.referrals.get(&id).map(|own| own.state) {
            // SIP-80: that it is being tried, before what has come of it.
            Some(State::Held) => self.notify_referrer(id, 100),
            Some(State::Telling { .. } | State::Told) | None => self.tell_news(id),
        }
    }

    /// What has come of a REFER so far.
    pub(crate) fn tell_referrer(&mut self, referral: Option<LegId>, code: u16) {
        let Some((id, own)) = referral.and_then(|id| Some((id, self.referrals.get_mut(&id)?))) else { return };
        (own.status, own.is_news) = (code, true);
        self.tell_news(id);
    }

    /// SUBSCRIBE for what a REFER began: its sender wants to go on hearing of it, or not (RFC 3515 §2.4.4).
    pub(crate) fn resubscribe_referral(
        &mut self,
        room: &Room,
        dialog: LegId,
        request: &Request,
        flow: Flow,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        let event = request.headers.event()?.ok_or(Reject::Event)?;
        let wanted = event.params.value("id").map(str::parse).transpose().map_err(|_| Reject::Forbidden)?;
        let known = self.referrals.iter().find(|(_, own)| own.dialog == dialog && own.event_id == wanted);
        let id = known.map(|(id, _)| *id).ok_or(Reject::Forbidden)?; // SIP-80
        self.move_peer(dialog, request, flow)?;
        let lasts = self.referral_lasts();
        let asked = request.headers.expires().map_or(lasts, |seconds| Duration::from_secs(seconds.into()).min(lasts));
        if let Some(own) = self.referrals.get_mut(&id) {
            (own.is_news, own.unsubscribed) = (true, own.unsubscribed || asked.is_zero());
        }
        let contact = message::contact(room, &flow, false, &self.settings);
        let mut response = message::ok(request, &contact, &self.settings);
        response.headers.push(HeaderName::Expires, asked.as_secs());
        Ok(Answer { referral: Some(id), ..response.into() })
    }

    /// A NOTIFY was answered.
    pub(crate) fn referrer_answered(&mut self, id: LegId, request: RequestId, response: &Response) {
        if response.is_provisional() {
            return;
        }
        self.forget_request(request);
        let Some(own) = self.referrals.get_mut(&id) else { return };
        let State::Telling { is_last, .. } = own.state else { return };
        if is_last || !response.is_success() {
            return self.end_referral(id);
        }
        own.state = State::Told;
        self.tell_news(id);
    }

    /// Nothing more is told.
    pub(crate) fn end_referral(&mut self, id: LegId) {
        let Some(gone) = self.referrals.remove(&id) else { return };
        if let State::Telling { request, .. } = gone.state {
            self.forget_request(request);
        }
        if !self.is_used(gone.dialog) {
            self.end_bare(gone.dialog);
        }
    }

    /// Whether anything beside a session uses this dialog (EVT-17).
    pub(crate) fn is_used(&self, dialog: LegId) -> bool {
        self.subscriptions.hold(dialog) || self.referrals.values().any(|own| own.dialog == dialog)
    }

    /// One NOTIFY at a time, and then the latest.
    fn tell_news(&mut self, id: LegId) {
        let news = self.referrals.get(&id).filter(|own| own.is_news && own.state == State::Told);
        if let Some(code) = news.map(|own| own.status) {
            self.notify_referrer(id, code);
        }
    }

    fn notify_referrer(&mut self, id: LegId, code: u16) {
        let name = self.name_request();
        let lasts = self.referral_lasts().as_secs();
        let dialog = self.referrals.get(&id).map(|own| own.dialog);
        let request = dialog.and_then(|dialog| self.request_in_dialog(dialog, Method::Notify));
        let (Some((mut request, next_hop)), Some(own)) = (request, self.referrals.get_mut(&id)) else {
            return self.end_referral(id);
        };
        own.is_news &= code != own.status;
        let is_last = !own.is_news && (own.is_final() || own.unsubscribed);
        let state = match (is_last, own.is_final()) {
            (true, true) => "terminated;reason=noresource".to_owned(),
            (true, false) => "terminated;reason=timeout".to_owned(),
            (false, _) => format!("active;expires={lasts}"),
        };
        let event = own.event_id.map_or("refer".to_owned(), |id| format!("refer;id={id}"));
        request.headers.push(HeaderName::UserAgent, &self.settings.product);
        request.headers.push(HeaderName::Contact, &own.contact);
        request.headers.push(HeaderName::Event, event);
        request.headers.push(HeaderName::SubscriptionState, state);
        request.headers.push(HeaderName::ContentType, SIPFRAG);
        request.body = Bytes::from(format!("SIP/2.0 {code} {}\r\n", reason_phrase(code)));
        own.state = State::Telling { request: name, is_last };
        self.remember_request(name, id);
        self.emit(Output::Request { id: name, request, next_hop });
    }

    /// How long a subscription may last: longer than what it is about.
    fn referral_lasts(&self) -> Duration {
        self.settings.ring_timeout.max(Duration::from_secs(60))
    }
}

/// RFC 3515 §2.4.5.
const SIPFRAG: &str = "message/sipfrag;version=2.0";
