//! What is said in the room, on its way to those who take part by MESSAGE alone: one at a time to each (MSG-17, MSG-52).

use super::member::{Next, PageFate};
use super::page::{Form, Said, Spoken, as_one_saying};
use super::reach::Reach;
use crate::{EndReason, Focus, Output, RequestId};
use parlor_room::{ParticipantId, Room, SessionId};
use parlor_sip::{CSeq, HeaderName, Method, NameAddr, Request, Uri, sip_date};
use rand::Rng;
use std::sync::Arc;
use std::time::Instant;

/// The longest text that tells somebody that it was named, in octets: the message is to fit into a datagram (MSG-16).
const MENTION: usize = 500;

/// A MESSAGE to somebody, to be taken to the devices that it has registered, or to where it was heard.
#[derive(Debug)]
pub struct Page {
    /// The request, without Via; its Request-URI is that of the device.
    pub request: Request,
    /// Who it is for.
    pub to: Uri,
    /// Where it was heard.
    pub next_hop: crate::NextHop,
}

impl Focus {
    /// Something was said in the room. `is_for` tells whose it is.
    pub fn page(
        &mut self,
        now: Instant,
        room: &mut Room,
        spoken: &Spoken<'_>,
        is_for: impl Fn(SessionId, ParticipantId) -> bool,
    ) {
        if self.pagers.len() == 0 {
            return;
        }
        let said = Arc::new(Said::by(room, spoken));
        for session in self.pagers.sessions() {
            if room.session(session).is_some_and(|own| is_for(session, own.participant())) {
                self.page_one(now, room, session, &said);
            }
        }
    }

    /// The room says something to all of them.
    pub fn page_all(&mut self, now: Instant, room: &Room, text: &str) {
        let said = Arc::new(Said::by_room(text.to_owned()));
        for session in self.pagers.sessions() {
            self.page_one(now, room, session, &said);
        }
    }

    /// The room says something to one of them.
    pub(super) fn page_text(&mut self, now: Instant, room: &Room, session: SessionId, text: String) {
        self.page_one(now, room, session, &Arc::new(Said::by_room(text)));
    }

    fn page_one(&mut self, now: Instant, room: &Room, session: SessionId, said: &Arc<Said>) {
        let limits = &self.settings.limits;
        if self.pagers.change(session, |pager| pager.push(said, limits)) == Some(false) {
            self.emit(Output::PageEnded(PageFate::Dropped));
        }
        self.send_next(now, room, session);
    }

    /// Sends what waits first, unless something is on its way.
    pub(super) fn send_next(&mut self, now: Instant, room: &Room, session: SessionId) {
        let Self { pagers, next_request, .. } = self;
        let Some((id, reach, said, form)) = pagers.send(session, || Self::name_after(next_request)) else { return };
        self.emit_page(now, room, id, reach, &said, form);
    }

    /// A word to who is not in, or no longer: nobody waits for what becomes of it.
    pub(super) fn send_apart(&mut self, now: Instant, room: &Room, reach: Reach, said: &Said) {
        let id = self.name_request();
        self.emit_page(now, room, id, reach, said, Form::Text);
    }

    fn emit_page(&mut self, now: Instant, room: &Room, id: RequestId, reach: Reach, said: &Said, form: Form) {
        let Reach { aor: to, target, next_hop } = reach;
        let request = self.message_to(now, room, target, &to, said, form);
        self.emit(Output::Page { id, page: Box::new(Page { request, to, next_hop }) });
    }

    /// A message that tells somebody who is away that it was named.
    pub fn mention(&mut self, now: Instant, room: &Room, to: &Uri, spoken: &Spoken<'_>) -> Request {
        let name = room.known_as(spoken.from).unwrap_or_else(|| "Somebody".to_owned());
        let text = spoken.text.unwrap_or_default();
        let place = room.uri().user_decoded().unwrap_or_default();
        let mut told = format!("You were named in {place} by <{name}>: {}", as_one_saying(text));
        if told.len() > MENTION {
            told.truncate(told.floor_char_boundary(MENTION));
            told += "…";
        }
        let said = Said::by_room(told);
        self.message_to(now, room, to.clone(), to, &said, Form::Text)
    }

    /// Whether this was the answer to one of these.
    pub(crate) fn page_answered(&mut self, now: Instant, room: &mut Room, id: RequestId, code: u16) -> bool {
        let Some(session) = self.pagers.answered(id) else { return false };
        match self.pagers.change(session, |pager| pager.answered(now, code)) {
            Some(Next::Go(fate)) => {
                if let Some(fate) = fate {
                    self.emit(Output::PageEnded(fate));
                }
                self.send_next(now, room, session);
            }
            Some(Next::GiveUp) => self.end_pager(now, room, session, EndReason::Unreachable),
            None => {}
        }
        true
    }

    /// Whether this is one of these that could not be sent now, for which its device is not to blame.
    pub(crate) fn page_delayed(&mut self, now: Instant, id: RequestId) -> bool {
        let Some(session) = self.pagers.answered(id) else { return false };
        self.pagers.change(session, |pager| pager.delayed(now));
        self.emit(Output::PageEnded(PageFate::Unreached));
        true
    }

    /// Tries again whom it was waited for, and parts with those from whom nothing has come.
    pub(crate) fn wake_pagers(&mut self, now: Instant, room: &mut Room) {
        while let Some((session, expired)) = self.pagers.pop_due(now) {
            match expired {
                true => self.end_pager(now, room, session, EndReason::Expired),
                false => self.send_next(now, room, session),
            }
        }
    }

    /// MSG-54: a MESSAGE of the room, as a request of its own.
    fn message_to(&mut self, now: Instant, room: &Room, target: Uri, to: &Uri, said: &Said, form: Form) -> Request {
        let mut request = Request::new(Method::Message, target);
        let (tag, call) = (format!("{:016x}", self.rng.next_u64()), format!("{:016x}", self.rng.next_u64()));
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        headers.push(HeaderName::From, NameAddr::new(room.uri().clone()).with_tag(&tag));
        headers.push(HeaderName::To, NameAddr::new(to.clone()));
        headers.push(HeaderName::CallId, format!("{call}@{}", self.settings.hosts.domain()));
        headers.push(HeaderName::CSeq, CSeq { seq: 1, method: Method::Message });
        headers.push(HeaderName::UserAgent, &self.settings.product);
        if let Some(clock) = self.settings.clock {
            headers.push(HeaderName::Date, sip_date(clock.since_epoch(now)));
        }
        headers.push(HeaderName::ContentType, form.content_type());
        request.body = said.body(form).clone();
        request
    }
}
