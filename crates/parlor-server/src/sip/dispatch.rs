//! Which room a request is for.

use crate::auth::{Denial, Role};
use crate::metrics::{Rejected, SipMethod};
use crate::msrp::Reservation;
use crate::room::{Dispatch, SipInput};
use crate::sip::count_refusal;
use crate::sip::task::SipTask;
use parlor_focus::{Caller, Focus, Output, Reject, asks_to_join, tag_prefix, uas};
use parlor_room::Room;
use parlor_sip::{Flow, HeaderName, Method, Request, Response, ServerTransactionId, reason_phrase};
use std::sync::Arc;
use std::time::Instant;

/// A request whose sender may ask.
struct Asked {
    tx: ServerTransactionId,
    request: Box<Request>,
    flow: Flow,
    caller: Caller,
}

impl Asked {
    /// For a room, with a place among the sessions if it has one.
    fn with(self, reserved: Option<Reservation>) -> SipInput {
        let Self { tx, request, flow, caller } = self;
        SipInput::Request { tx, request, flow, caller, reserved }
    }
}

impl SipTask {
    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        mut request: Box<Request>,
        flow: Flow,
    ) {
        self.metrics.sip_requests.of(SipMethod::of(request.method.as_str())).inc();
        if let Some(too_many) = self.comes_too_often(now, &request, &flow) {
            self.metrics.reject(too_many);
            let response = uas::refuse(&request, &Reject::Overload, &self.focus, &self.tag());
            return self.endpoint.respond(now, tx, &response);
        }
        let for_users = self.for_users(&request);
        if self.is_replayed(&request, for_users.is_some()) {
            return self.refuse_date(now, tx, &request);
        }
        if let Some(what) = for_users {
            return self.handle_for_users(now, tx, request, flow, &what);
        }
        let caller = match self.gate.admit(now, &mut request, &flow, Role::Server) {
            Ok(caller) => caller,
            Err(denial) => return self.deny(now, tx, &request, denial, Role::Server),
        };
        self.hand_on(now, Asked { tx, request, flow, caller });
    }

    fn hand_on(&mut self, now: Instant, asked: Asked) {
        // SIP-E3: in a dialog it is the tag that tells the room, whatever the Request-URI says.
        if let Ok(Some(tag)) = asked.request.headers.to_tag() {
            let dispatched = match room_of(&tag) {
                Some(id) => self.rooms.dispatch_by_id(id, asked.with(None)),
                None => Dispatch::NoRoom(asked.with(None)),
            };
            return self.refuse_undelivered(now, dispatched);
        }
        match uas::target(&asked.request, &self.focus.hosts) {
            Ok(uas::Target::Room(name)) => self.handle_room_request(now, &name, asked),
            Ok(target @ (uas::Target::Server | uas::Target::NotOurs)) => {
                self.answer(now, asked.tx, &asked.request, &target);
            }
            Err(reject) => self.refuse(now, asked.tx, &asked.request, &reject),
        }
    }

    /// CHAT-170: whether somebody at this address has joined or subscribed too often just now. Proxies of ours bring others.
    fn comes_too_often(&self, now: Instant, request: &Request, flow: &Flow) -> Option<Rejected> {
        let (pace, too_many) = match request.method {
            Method::Invite => (&self.joins, Rejected::SipTooManyJoins),
            Method::Message if asks_to_join(request) => (&self.joins, Rejected::SipTooManyJoins),
            Method::Subscribe => (&self.subscribes, Rejected::SipTooManySubscribes),
            _ => return None,
        };
        let begins = matches!(request.headers.to_tag(), Ok(None));
        let address = flow.remote.ip();
        let is_in_time = !begins || self.gate.trusts(address) || pace.try_step(now, address);
        (!is_in_time).then_some(too_many)
    }

    /// Who sends it must prove something first, or cannot.
    pub(super) fn deny(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        denial: Denial,
        role: Role,
    ) {
        let (code, challenges, counted) = match denial {
            Denial::Challenge(challenges, counted) => (role.code(), challenges, counted),
            Denial::Forbidden(counted) => (403, Vec::new(), Some(counted)),
            Denial::Malformed(error) => return self.refuse(now, tx, request, &Reject::Header(error)),
        };
        if let Some(counted) = counted {
            self.metrics.reject(counted);
        }
        let mut response = Response::for_request(request, code, reason_phrase(code));
        for challenge in challenges {
            response.headers.push(role.challenge(), challenge);
        }
        response.headers.push(HeaderName::Server, &self.focus.product);
        response.set_to_tag(&self.tag());
        self.endpoint.respond(now, tx, &response);
    }

    fn handle_room_request(&mut self, now: Instant, name: &str, asked: Asked) {
        let Asked { tx, request, flow, .. } = &asked;
        if uas::is_for_factory(request, &self.focus) {
            return self.handle_factory_request(now, name, asked);
        }
        if request.method == Method::Message && self.is_of_room(request) {
            return self.refuse_loop(now, *tx, request);
        }
        // MSG-52: only the room knows whether one may be in it by MESSAGE; none is made where that is not so by default.
        let may_join = request.method == Method::Invite || asks_to_join(request);
        let joins = request.method == Method::Invite || (may_join && self.rooms.rules(name).by_message);
        // SIP-48: OPTIONS is refused as an INVITE would be.
        let as_joining = may_join || request.method == Method::Options;
        let reserved = if as_joining { self.table.reserve() } else { None };
        // Whom a URI is for does not depend on what is sent to it: a user's is no room's, unless the room was there before.
        let would_be_a_users = || !self.rooms.exists(name) && self.is_of_user(&request.uri, name);
        if !self.rooms.may_exist(name) || would_be_a_users() {
            return self.answer(now, *tx, request, &uas::Target::Room(name.into()));
        }
        if as_joining && reserved.is_none() {
            return self.refuse_session(now, *tx, request);
        }
        if let Err(denial) = self.gate.admit_to(now, name, request, flow) {
            return self.deny(now, *tx, request, denial, Role::Server);
        }
        if joins {
            // Who is in by MESSAGE holds no connection, and so opens no more rooms than who only watches.
            let joins_by_message = request.method == Method::Message;
            let input = asked.with(reserved);
            let dispatched = match joins_by_message {
                true => self.rooms.watch(name, input),
                false => self.rooms.join(name, input),
            };
            return self.refuse_undelivered(now, dispatched);
        }
        // Who only asks takes no place while it waits.
        let reserved = reserved.filter(|_| may_join);
        if request.method == Method::Subscribe {
            self.watch_room(now, name, asked);
        } else {
            self.ask_room(now, name, asked, reserved);
        }
    }

    fn watch_room(&mut self, now: Instant, name: &str, asked: Asked) {
        // What no room would accept makes none.
        if let Err(reject) = uas::subscribable(&asked.request, &self.focus) {
            return self.refuse(now, asked.tx, &asked.request, &reject);
        }
        let dispatched = self.rooms.watch(name, asked.with(None));
        self.refuse_undelivered(now, dispatched);
    }

    fn ask_room(&mut self, now: Instant, name: &str, asked: Asked, reserved: Option<Reservation>) {
        match self.rooms.ask(name, asked.with(reserved)) {
            // MSG-45: there is nobody to say it to.
            Dispatch::NoRoom(SipInput::Request { tx, request, .. }) if request.method == Method::Message => {
                self.refuse(now, tx, &request, &Reject::NotFound);
            }
            // Asking about a room, or anything else outside of dialogs, does not make it.
            Dispatch::NoRoom(SipInput::Request { tx, request, flow, caller, .. }) => {
                self.answer_for_room(now, tx, name, &request, flow, &caller);
            }
            asked @ (Dispatch::Taken | Dispatch::NoRoom(_) | Dispatch::Overloaded(_)) => {
                self.refuse_undelivered(now, asked);
            }
        }
    }

    /// MSG-54: whether it is a room of ours that says it.
    fn is_of_room(&self, request: &Request) -> bool {
        let from = request.headers.from().ok();
        let name = from.as_ref().and_then(|from| self.focus.hosts.local_user(&from.uri));
        name.is_some_and(|name| self.rooms.exists(name))
    }

    fn refuse_loop(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) {
        let mut response = Response::for_request(request, 482, reason_phrase(482));
        response.headers.push(HeaderName::Server, &self.focus.product);
        response.set_to_tag(&self.tag());
        self.respond(now, tx, &response);
    }

    /// SIP-76: an INVITE makes a room; anything else is answered as by a room that nobody is in.
    fn handle_factory_request(&mut self, now: Instant, name: &str, asked: Asked) {
        let Asked { tx, request, flow, caller } = &asked;
        if request.method == Method::Subscribe {
            // SIP-77: nobody is in the factory; whom it makes a room for learns its URI.
            return self.refuse(now, *tx, request, &Reject::Event);
        }
        if request.method != Method::Invite {
            return self.answer_for_room(now, *tx, name, request, *flow, caller);
        }
        let Some(reserved) = self.table.reserve() else { return self.refuse_session(now, *tx, request) };
        let parent = uas::sidebar_of(request, &self.focus).map(Box::<str>::from);
        let input = asked.with(Some(reserved));
        let dispatched = match &parent {
            Some(parent) => self.rooms.ask(parent, input),
            None => self.rooms.found(None, input),
        };
        match (dispatched, parent) {
            (Dispatch::NoRoom(SipInput::Request { tx, request, .. }), Some(parent)) => {
                self.answer(now, tx, &request, &uas::Target::Room(parent));
            }
            (dispatched, _) => self.refuse_undelivered(now, dispatched),
        }
    }

    fn refuse_undelivered(&mut self, now: Instant, dispatched: Dispatch) {
        match dispatched {
            Dispatch::NoRoom(SipInput::Request { tx, request, .. }) => {
                let reject = in_no_dialog(&request);
                self.refuse(now, tx, &request, &reject);
            }
            Dispatch::Overloaded(SipInput::Request { tx, request, .. }) => {
                self.refuse(now, tx, &request, &Reject::Overload);
            }
            Dispatch::Taken | Dispatch::NoRoom(_) | Dispatch::Overloaded(_) => {}
        }
    }

    /// The answer that a room of this name gives to a request that changes nothing.
    fn answer_for_room(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        name: &str,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) {
        let hosts = Arc::clone(&self.focus.hosts);
        let Ok(mut room) = Room::new(name, hosts, self.rooms.rules(name).clone()) else {
            return self.refuse(now, tx, request, &Reject::NotFound);
        };
        let mut focus = Focus::new(Arc::clone(&self.focus), "0".to_owned(), rand::make_rng());
        focus.handle_request(now, &mut room, tx, request, flow, caller);
        while let Some(output) = focus.poll_output() {
            if let Output::Respond { tx, response } = output {
                self.respond(now, tx, &response);
            }
        }
    }

    fn answer(&mut self, now: Instant, tx: ServerTransactionId, request: &Request, target: &uas::Target) {
        let response = uas::answer(request, target, &self.focus, &self.tag());
        self.respond(now, tx, &response);
    }

    fn refuse(&mut self, now: Instant, tx: ServerTransactionId, request: &Request, reject: &Reject) {
        let response = uas::refuse(request, reject, &self.focus, &self.tag());
        self.respond(now, tx, &response);
    }

    /// There are as many sessions as there may be.
    fn refuse_session(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) {
        self.metrics.reject(Rejected::SipTooManySessions);
        let response = uas::refuse(request, &Reject::Overload, &self.focus, &self.tag());
        self.endpoint.respond(now, tx, &response);
    }

    fn respond(&mut self, now: Instant, tx: ServerTransactionId, response: &Response) {
        count_refusal(&self.metrics, response.code);
        self.endpoint.respond(now, tx, response);
    }

    pub(super) fn tag(&self) -> String {
        format!("0-{:016x}", rand::random::<u64>())
    }

    /// The ACK of a 2xx goes by its tag alone.
    pub(super) fn handle_ack(&self, request: Box<Request>) {
        self.metrics.sip_requests.of(SipMethod::Ack).inc();
        let room = request.headers.to_tag().ok().flatten().and_then(|tag| room_of(&tag));
        if let Some(id) = room {
            // A room that is gone or overfull sees the ACK of the next retransmission, if it still matters.
            let _ = self.rooms.dispatch_by_id(id, SipInput::Ack(request));
        }
    }
}

/// The room whose tags begin like this one.
pub(super) fn room_of(tag: &str) -> Option<u64> {
    u64::from_str_radix(tag_prefix(tag)?, 16).ok()
}

fn in_no_dialog(request: &Request) -> Reject {
    match uas::method(&request.method) {
        Ok(()) => Reject::NoDialog,
        Err(reject) => reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Gate;
    use crate::config::Config;
    use crate::msrp::SessionTable;
    use crate::pace::Rate;
    use crate::room::tests::{Scene, invite, parse};
    use crate::sip::task::Settings;
    use parlor_sip::{Event, Limits, Message, TransactionLimits, Transport};
    use tokio::sync::mpsc;

    fn task(scene: &Scene, places: usize, rate: Option<Rate>) -> SipTask {
        let settings = Settings {
            limits: Limits::default(),
            transactions: TransactionLimits::default(),
            connections: 1,
            per_address: 1,
            tls: crate::tls::Tls::load(&crate::config::Tls::default()).expect("no files").client,
            joins: rate,
            subscribes: rate,
        };
        let (table, metrics) = (Arc::new(SessionTable::new(places)), Arc::clone(&scene.shared.metrics));
        let (_, outgoing) = mpsc::channel(1);
        let focus = Arc::clone(&scene.shared.focus);
        let users = tokio::sync::watch::channel(Arc::default()).1;
        let gate = Gate::new(Instant::now(), &Config::default(), Arc::clone(&focus.hosts), users);
        SipTask::new(&settings, Arc::clone(&scene.rooms), table, focus, metrics, gate, outgoing)
    }

    impl SipTask {
        /// Takes a request in and gives the code of the answer, unless a room has the request.
        fn asked(&mut self, text: &str) -> Option<u16> {
            let address = "192.0.2.9:5060".parse().expect("an address");
            let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
            let now = Instant::now();
            self.endpoint.handle_message(now, flow, Message::Request(parse(text)));
            while let Some(event) = self.endpoint.poll_event() {
                let Event::Request { tx, request, flow } = event else { panic!("{event:?}") };
                self.handle_request(now, tx, request, flow);
            }
            self.endpoint.poll_transmit().and_then(|transmit| transmit.status())
        }
    }

    /// Those who only ask take nobody's place, however long their room lets them wait; they are told when none is left, as
    /// those are who would join.
    #[tokio::test]
    async fn places_of_sessions_are_for_those_who_join() {
        let scene = Scene::new();
        // No room gets a turn, as nothing is awaited: all requests wait.
        let mut task = task(&scene, 2, None);
        let options = |name| invite(name).replace("INVITE", "OPTIONS");
        assert_eq!(task.asked(&invite("alice")), None);
        for asking in ["one", "two", "three"] {
            assert_eq!(task.asked(&options(asking)), None);
        }
        assert_eq!(task.asked(&invite("bob")), None);
        assert_eq!(task.asked(&invite("carol")), Some(503));
        assert_eq!(task.asked(&options("four")), Some(503));
        let shown = scene.shared.metrics.render().expect("text");
        assert!(shown.contains("parlor_rejected_total{layer=\"sip\",reason=\"too_many_sessions\"} 2"), "{shown}");
        assert!(shown.contains("parlor_rejected_total{layer=\"sip\",reason=\"overload\"} 0"), "{shown}");
    }

    /// CHAT-170: who joins or subscribes too often gets 503; whatever else comes from the same address is served.
    #[tokio::test]
    async fn an_address_may_begin_so_often() {
        let scene = Scene::new();
        let mut task = task(&scene, 100, Rate::new(1, 3));
        let names = ["one", "two", "three", "four", "five"];
        assert_eq!(names.map(|name| task.asked(&invite(name))), [None, None, None, Some(503), Some(503)]);
        assert_eq!(task.asked(&invite("six").replace("INVITE", "OPTIONS")), None);
        let subscribe = |name| {
            let text = invite(name).replace("INVITE", "SUBSCRIBE").replace("bK", "bKs");
            let (head, _) = text.split_once("Content-Type").expect("a body");
            format!("{head}Event: conference\r\nContent-Length: 0\r\n\r\n")
        };
        assert_eq!(names.map(|name| task.asked(&subscribe(name))), [None, None, None, Some(503), Some(503)]);
        let renewed = subscribe("six").replace("example.test>\r\nCall", "example.test>;tag=1-x\r\nCall");
        assert_eq!(task.asked(&renewed), None, "in a dialog");
        let shown = scene.shared.metrics.render().expect("text");
        for reason in ["too_many_joins", "too_many_subscribes"] {
            let line = format!("parlor_rejected_total{{layer=\"sip\",reason=\"{reason}\"}} 2");
            assert!(shown.contains(&line), "{shown}");
        }
    }
}
