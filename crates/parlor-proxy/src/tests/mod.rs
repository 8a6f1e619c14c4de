//! A proxy on a virtual clock, driven with SIP as it stands on the wire, with a store that fails when it is told to.

mod elsewhere;
mod mailbox;
mod own;
mod presence;
mod register;
mod relay;

use crate::{
    Amount, BindingId, Change, Failure, Fate, Fetched, MessageId, Output, PageId, Paged, Proxy, PublicationId,
    Recipient, Restored, SavedBinding, SavedMessage, SavedPublication, SearchId, SendId, Sender, Settings, StoreId,
    Stored, Way, admissible,
};
use parlor_room::{Hosts, Identity, WallClock};
use parlor_sip::subscription::SubscriptionEnd;
use parlor_sip::{
    ConnectionId, Endpoint, Event, Flow, HeaderName, Limits, Message, Request, Response, ServerTransactionId,
    TransactionLimits, Transport, Uri, parse_datagram,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the wall clock shows at the start: Sat, 13 Nov 2010 23:29:00 GMT.
const START: u64 = 1_289_690_940;

pub(crate) struct Scene {
    pub(crate) now: Instant,
    start: Instant,
    pub(crate) proxy: Proxy,
    settings: Arc<Settings>,
    endpoint: Endpoint,
    transactions: u32,
    /// What the store holds.
    pub(crate) stored: BTreeMap<BindingId, SavedBinding>,
    pub(crate) kept: BTreeMap<MessageId, SavedMessage>,
    pub(crate) published: BTreeMap<PublicationId, SavedPublication>,
    /// By what messages are known that were kept.
    keys: BTreeSet<String>,
    /// What the store says of the next changes.
    pub(crate) stores: Stored,
    /// Names what waits while the store says nothing.
    pub(crate) waiting: Option<StoreId>,
    /// Whether the store says anything.
    pub(crate) answers: bool,
    /// What was passed on.
    pub(crate) sent: Vec<Sent>,
    /// What has come to an end.
    pub(crate) fates: Vec<Fate>,
    /// For whom the servers of another domain are looked for, and whether it is for something large.
    pub(crate) searches: Vec<(SearchId, Uri, bool)>,
    /// Which subscriptions have.
    pub(crate) unwatched: Vec<SubscriptionEnd>,
    /// What became of messages of rooms.
    pub(crate) paged: Vec<(PageId, Paged)>,
}

/// A message that was passed on.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: SendId,
    pub(crate) request: Request,
    pub(crate) way: Way,
    pub(crate) mark: Option<u64>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let hosts = Arc::new(Hosts::new("chat.example.com", ["192.0.2.1".to_owned()]));
        let mut settings = Settings::new(hosts);
        change(&mut settings);
        let (start, settings) = (start(), Arc::new(settings));
        Self {
            now: start,
            start,
            proxy: proxy(start, start, &settings, Restored::default()),
            settings,
            endpoint: Endpoint::new(TransactionLimits::default(), StdRng::seed_from_u64(2)),
            transactions: 0,
            stored: BTreeMap::new(),
            kept: BTreeMap::new(),
            published: BTreeMap::new(),
            keys: BTreeSet::new(),
            stores: Stored::Yes,
            waiting: None,
            answers: true,
            sent: Vec::new(),
            fates: Vec::new(),
            searches: Vec::new(),
            unwatched: Vec::new(),
            paged: Vec::new(),
        }
    }

    /// The next start has other settings.
    pub(crate) fn limit(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.settings).clone();
        change(&mut settings);
        self.settings = Arc::new(settings);
    }

    /// The server is gone and comes back with what is stored, after some time.
    pub(crate) fn restart_after(&mut self, time: Duration) {
        self.now += time;
        let mut mailboxes: BTreeMap<Arc<str>, Amount> = BTreeMap::new();
        for message in self.kept.values() {
            let amount = mailboxes.entry(Arc::clone(&message.user)).or_default();
            (amount.messages, amount.octets) = (amount.messages + 1, amount.octets + octets(message));
        }
        let restored = Restored {
            bindings: self.stored.values().cloned().collect(),
            last_message: self.kept.keys().last().map_or(0, |id| id.0),
            mailboxes: mailboxes.into_iter().collect(),
            publications: self.published.values().cloned().collect(),
        };
        self.proxy = proxy(self.start, self.now, &self.settings, restored);
    }

    /// A transaction to answer in.
    fn tx(&mut self) -> ServerTransactionId {
        self.transactions += 1;
        let text = format!(
            "OPTIONS sip:x@chat.example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{0}\r\n\
             From: <sip:a@b>;tag=x{0}\r\nTo: <sip:x@b>\r\nCall-ID: tx{0}\r\nCSeq: 1 OPTIONS\r\n\r\n",
            self.transactions
        );
        self.endpoint.handle_message(self.now, udp(1), Message::Request(parse(&text)));
        match self.endpoint.poll_event() {
            Some(Event::Request { tx, .. }) => tx,
            other => panic!("{other:?}"),
        }
    }

    /// Passes a REGISTER on and returns the answer, as far as one comes.
    pub(crate) fn try_register(&mut self, request: &str, flow: Flow, sender: &Sender) -> Option<Response> {
        let request = parse(request);
        let tx = self.tx();
        self.proxy.handle_register(self.now, tx, &request, flow, sender);
        self.outputs()
    }

    /// Passes a REGISTER on and returns the answer.
    pub(crate) fn register(&mut self, request: &str, flow: Flow, sender: &Sender) -> Response {
        self.try_register(request, flow, sender).expect("an answer")
    }

    /// Lets time pass; what is answered meanwhile is returned.
    pub(crate) fn pass(&mut self, time: Duration) -> Option<Response> {
        self.now += time;
        let mut answer = None;
        while let Some(due) = self.proxy.poll_timeout().filter(|due| *due <= self.now) {
            self.proxy.handle_timeout(due);
            answer = self.outputs().or(answer);
        }
        answer
    }

    /// Passes a MESSAGE on, and returns the answer as far as one comes.
    pub(crate) fn message(&mut self, text: &str, recipient: &Recipient) -> Option<Response> {
        self.message_of(&known("alice"), text, recipient)
    }

    /// The same of somebody else.
    pub(crate) fn message_of(&mut self, sender: &Sender, text: &str, recipient: &Recipient) -> Option<Response> {
        let (request, tx) = (parse(text), self.tx());
        match self.proxy.check_message(&request) {
            Ok(mark) => self.proxy.handle_message(self.now, tx, &request, mark, recipient, sender),
            Err(reject) => self.proxy.refuse_request(tx, &request, reject),
        }
        self.outputs()
    }

    /// A device answers what it was sent.
    pub(crate) fn answers(&mut self, sent: &Sent, code: u16) -> Option<Response> {
        let mut response = Response::for_request(&sent.request, code, "Whatever");
        response.headers.push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours");
        response.set_to_tag("device");
        self.proxy.handle_response(self.now, sent.id, Box::new(response));
        self.outputs()
    }

    /// A device does not answer what it was sent.
    pub(crate) fn fails(&mut self, sent: &Sent, failure: Failure) -> Option<Response> {
        self.proxy.handle_failure(self.now, sent.id, failure);
        self.outputs()
    }

    /// Registers a device of a user, with parameters of its Contact.
    pub(crate) fn device(&mut self, name: &str, contact: &str, flow: Flow) {
        self.transactions += 1;
        let (cseq, aor) = (self.transactions, format!("sip:{name}@chat.example.com"));
        let request = format!(
            "REGISTER sip:chat.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
             From: <{aor}>;tag=1\r\nTo: <{aor}>\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\n\
             Supported: outbound\r\nContact: {contact}\r\n\r\n"
        );
        assert_eq!(self.register(&request, flow, &known(name)).code, 200);
    }

    /// What was passed on since this was asked last.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Does what the proxy wants done; returns the answer to a request, if there is one.
    pub(crate) fn outputs(&mut self) -> Option<Response> {
        let mut answers = self.all_outputs();
        assert!(answers.len() <= 1, "one answer only");
        answers.pop()
    }

    /// Does what the proxy wants done; returns how it answers requests.
    pub(crate) fn answered(&mut self) -> Vec<u16> {
        self.all_outputs().iter().map(|response| response.code).collect()
    }

    fn all_outputs(&mut self) -> Vec<Response> {
        let mut answers = Vec::new();
        while let Some(output) = self.proxy.poll_output() {
            match output {
                Output::Respond { response, .. } => {
                    assert!(response.headers.to_tag().unwrap().is_some(), "SIP-29");
                    answers.push(response);
                }
                Output::Send { id, request, way, mark } => self.sent.push(Sent { id, request, way, mark }),
                Output::Search { id, uri, is_large } => self.searches.push((id, uri, is_large)),
                Output::Unwatched(why) => self.unwatched.push(why),
                Output::Paged { id, paged } => self.paged.push((id, paged)),
                Output::Ended(fate) => self.fates.push(fate),
                Output::Store { id, changes } => self.store(id, changes),
                Output::Fetch { user, after, now } => {
                    let expired = self.expire(now, |message| message.user == user);
                    let first = self.kept.values().find(|message| message.user == user && message.id > after).cloned();
                    let expired = expired.into_iter().map(|(_, amount)| amount).next().unwrap_or_default();
                    self.proxy.handle_fetched(self.now, &user, Some(Fetched { expired, first }));
                }
                Output::Sweep { now, .. } => {
                    let swept = self.expire(now, |_| true);
                    self.proxy.handle_swept(swept);
                }
            }
        }
        answers
    }

    fn expire(&mut self, now: u64, wanted: impl Fn(&SavedMessage) -> bool) -> Vec<(Arc<str>, Amount)> {
        let mut expired: BTreeMap<Arc<str>, Amount> = BTreeMap::new();
        self.kept.retain(|_, message| {
            let over = wanted(message) && message.expires <= now;
            if over {
                let amount = expired.entry(Arc::clone(&message.user)).or_default();
                (amount.messages, amount.octets) = (amount.messages + 1, amount.octets + octets(message));
            }
            !over
        });
        expired.into_iter().collect()
    }

    fn store(&mut self, id: Option<StoreId>, changes: Vec<Change>) {
        let mut said = self.stores;
        if self.stores == Stored::Yes {
            for change in changes {
                match change {
                    Change::Put(binding) => drop(self.stored.insert(binding.id, binding)),
                    Change::Remove(id) => drop(self.stored.remove(&id)),
                    Change::PutPublication(published) => drop(self.published.insert(published.id, published)),
                    Change::RemovePublication(id) => drop(self.published.remove(&id)),
                    Change::Keep(message) if self.keys.insert(message.key.clone()) => {
                        self.kept.insert(message.id, message);
                    }
                    Change::Keep(_) => said = Stored::Known,
                    Change::End { id, .. } => drop(self.kept.remove(&id)),
                }
            }
        }
        match id {
            Some(id) if self.answers => self.proxy.handle_stored(self.now, id, said),
            Some(id) => self.waiting = Some(id),
            None => {}
        }
    }
}

fn octets(message: &SavedMessage) -> u64 {
    (message.headers.len() + message.body.len()) as u64
}

fn proxy(start: Instant, now: Instant, settings: &Arc<Settings>, restored: Restored) -> Proxy {
    let clock = WallClock::new(start, Duration::from_secs(START));
    Proxy::new(now, Arc::clone(settings), clock, restored, StdRng::seed_from_u64(1))
}

#[allow(clippy::disallowed_methods, reason = "any instant will do")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

pub(crate) fn parse(text: &str) -> Request {
    match parse_datagram(&text.to_owned().into(), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// From port 5000 and so many.
pub(crate) fn udp(number: u16) -> Flow {
    let remote = format!("192.0.2.9:{}", 5000 + number).parse().unwrap();
    Flow { transport: Transport::Udp, local: "192.0.2.1:5060".parse().unwrap(), remote, connection: None }
}

/// The stream of that number.
pub(crate) fn tcp(number: u16) -> Flow {
    Flow { transport: Transport::Tcp, connection: Some(ConnectionId(number.into())), ..udp(number) }
}

pub(crate) fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

/// The user of that name, who has a telephone number too.
pub(crate) fn known(name: &str) -> Sender {
    let aor = uri(&format!("sip:{name}@chat.example.com"));
    Sender::Known(Identity::of(aor).with(None, Box::new([uri("tel:+15551234")])))
}

/// The Contacts of a response, as they stand there.
pub(crate) fn contacts(response: &Response) -> Vec<String> {
    response.headers.all(&HeaderName::Contact).map(str::to_owned).collect()
}

pub(crate) fn passes(request: &str) -> Result<(), u16> {
    let hosts = Hosts::new("chat.example.com", ["192.0.2.1".to_owned()]);
    admissible(&parse(request), &hosts).map_err(|reject| reject.code())
}
