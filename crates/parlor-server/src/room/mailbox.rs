//! What waits for a room from the SIP task, in one order.
//!
//! For what may be refused there are so many places: for what begins something, and as many for what goes on in dialogs, of
//! which one dialog has but a few. What may not be refused has its own: an ACK and a BYE of each dialog, and the answers to what
//! the room itself has asked, of which there are no more than it asked for.

use super::SipInput;
use super::dialogs::{Dialogs, InDialog};
use super::registry::Dispatch;
use parlor_sip::Request;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many SIP messages that may be refused wait for one room: two seconds of a rush of joins, as machines stand still at
/// times.
pub(super) const PLACES: usize = 1024;
/// So many of them may be taken by those who only ask, so that they keep nobody from joining.
pub(super) const ASKED: usize = 64;

/// Where messages for a room are put in.
#[derive(Debug)]
pub(crate) struct Mailbox {
    letters: mpsc::UnboundedSender<Letter>,
    places: Arc<Semaphore>,
    places_in_dialogs: Arc<Semaphore>,
    dialogs: Dialogs,
}

/// Where the room takes them out.
#[derive(Debug)]
pub(crate) struct Letters(mpsc::UnboundedReceiver<Letter>);

#[derive(Debug)]
struct Letter {
    input: SipInput,
    /// Free again once the room has the message.
    _place: Place,
}

/// What a message takes up.
#[derive(Debug, Default)]
struct Place {
    _common: Option<OwnedSemaphorePermit>,
    _of_dialog: Option<OwnedSemaphorePermit>,
}

impl Mailbox {
    /// An empty one.
    pub(crate) fn new() -> (Self, Letters) {
        let (letters, taken) = mpsc::unbounded_channel();
        let places = || Arc::new(Semaphore::new(PLACES));
        let (places, places_in_dialogs) = (places(), places());
        (Self { letters, places, places_in_dialogs, dialogs: Dialogs::default() }, Letters(taken))
    }

    /// How many more of those may come that may be refused.
    pub(super) fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// The dialogs of the room.
    pub(super) fn dialogs(&self) -> &Dialogs {
        &self.dialogs
    }

    /// Puts a message in, if there is a place for it.
    pub(super) fn offer(&self, input: SipInput) -> Dispatch {
        let place = match &input {
            SipInput::Request { request, .. } | SipInput::Ack(request) => self.place_of(request),
            SipInput::Response { spare: true, .. } => self.place(),
            // Who only writes keeps nobody from joining.
            SipInput::UserMessage(..) => self.place().filter(|_| self.free() >= PLACES - ASKED),
            SipInput::Response { spare: false, .. }
            | SipInput::Failed(_)
            | SipInput::Delayed(_)
            | SipInput::Located(..)
            | SipInput::Shutdown => return self.put(input, Place::default()),
            #[cfg(test)]
            SipInput::Fault => return self.put(input, Place::default()),
        };
        match place {
            Some(place) => self.put(input, place),
            None => Dispatch::Overloaded(input),
        }
    }

    fn place_of(&self, request: &Request) -> Option<Place> {
        let Ok(Some(tag)) = request.headers.to_tag() else { return self.place() };
        match self.dialogs.place(&tag, &request.method) {
            InDialog::Kept(place) => Some(Place { _common: None, _of_dialog: Some(place) }),
            InDialog::Shared(place) => {
                let common = free_in(&self.places_in_dialogs)?;
                Some(Place { _common: Some(common), _of_dialog: Some(place) })
            }
            InDialog::Full => None,
            // It will be refused, and so keeps nobody else from anything.
            InDialog::NoDialog if self.free() > PLACES - ASKED => self.place(),
            InDialog::NoDialog => None,
        }
    }

    fn place(&self) -> Option<Place> {
        Some(Place { _common: Some(free_in(&self.places)?), _of_dialog: None })
    }

    fn put(&self, input: SipInput, place: Place) -> Dispatch {
        match self.letters.send(Letter { input, _place: place }) {
            Ok(()) => Dispatch::Taken,
            Err(mpsc::error::SendError(letter)) => Dispatch::NoRoom(letter.input),
        }
    }
}

fn free_in(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).try_acquire_owned().ok()
}

impl Letters {
    /// The next message; none when nobody can put any in.
    pub(super) async fn next(&mut self) -> Option<SipInput> {
        self.0.recv().await.map(|letter| letter.input)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogs::ASKED as ASKED_IN_DIALOG;
    use super::*;
    use bytes::Bytes;
    use parlor_focus::{Caller, RequestId};
    use parlor_sip::{
        Endpoint, Event, Flow, Limits, Message, Method, Response, TransactionLimits, Transport, parse_datagram,
    };
    use std::time::Instant;

    const TAG: &str = "1-00000000000000aa";

    fn input(method: &str, tag: &str) -> SipInput {
        let text = format!(
            "{method} sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCall-ID: c\r\n\
             From: <sip:alice@example.com>;tag=1\r\nTo: <sip:lobby@example.com>;tag={tag}\r\nCSeq: 1 {method}\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(&Bytes::from(text), &Limits::default()) else {
            panic!("a request")
        };
        if request.method == Method::Ack {
            return SipInput::Ack(Box::new(request));
        }
        let address = "192.0.2.1:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
        let mut endpoint = Endpoint::new(TransactionLimits::default(), rand::make_rng());
        endpoint.handle_message(Instant::now(), flow, Message::Request(request));
        match endpoint.poll_event() {
            Some(Event::Request { tx, request, flow }) => {
                SipInput::Request { tx, request, flow, caller: Caller::UNVERIFIED, reserved: None }
            }
            other => panic!("{other:?}"),
        }
    }

    fn response(spare: bool) -> SipInput {
        SipInput::Response { id: RequestId(1), response: Box::new(Response::new(200, "OK")), spare }
    }

    fn is_taken(mailbox: &Mailbox, input: SipInput) -> bool {
        matches!(mailbox.offer(input), Dispatch::Taken)
    }

    /// However much waits, an ACK and a BYE of each dialog that there is are taken, and all that the room has asked for.
    #[test]
    fn what_may_not_be_refused_has_places_of_its_own() {
        let (mailbox, mut letters) = Mailbox::new();
        let tags: Vec<String> = (0..PLACES).map(|n| format!("1-{n:016x}")).collect();
        tags.iter().for_each(|tag| mailbox.dialogs().insert(tag));
        let taken = |tag: &str| (0..2 * ASKED).take_while(|_| is_taken(&mailbox, input("UPDATE", tag))).count();
        assert_eq!([taken(&tags[0]), taken(&tags[1])], [ASKED_IN_DIALOG; 2], "nobody takes all");
        assert_eq!(tags[2..].iter().map(|tag| taken(tag)).sum::<usize>(), PLACES - 2 * ASKED_IN_DIALOG);
        assert_eq!(mailbox.free(), PLACES, "and nobody is kept from joining");
        assert_eq!(taken("1-cccccccccccccccc"), ASKED, "in no dialog");
        for method in ["BYE", "ACK"] {
            assert!(!is_taken(&mailbox, input(method, "1-bbbbbbbbbbbbbbbb")), "{method} in no dialog");
            assert!(tags.iter().all(|tag| is_taken(&mailbox, input(method, tag))), "{method}");
            assert!(!tags.iter().any(|tag| is_taken(&mailbox, input(method, tag))), "{method} again");
        }
        let others = (0..2 * PLACES).filter(|_| is_taken(&mailbox, response(true))).count();
        assert_eq!(others, PLACES - ASKED);
        assert!((0..PLACES).all(|_| is_taken(&mailbox, response(false))));
        while letters.0.try_recv().is_ok() {}
        assert_eq!(mailbox.free(), PLACES);
        assert!(is_taken(&mailbox, input("BYE", &tags[0])), "the room has seen the one before");
    }

    /// A dialog that is gone has no place, and a room that is gone takes nothing.
    #[test]
    fn what_is_gone_takes_nothing() {
        let (mailbox, letters) = Mailbox::new();
        mailbox.dialogs().insert(TAG);
        mailbox.dialogs().remove(TAG);
        let taken = (0..2 * PLACES).filter(|_| is_taken(&mailbox, input("BYE", TAG))).count();
        assert_eq!(taken, ASKED);
        drop(letters);
        assert!(matches!(mailbox.offer(input("BYE", TAG)), Dispatch::NoRoom(_)));
        assert!(matches!(mailbox.offer(response(false)), Dispatch::NoRoom(_)));
    }
}
