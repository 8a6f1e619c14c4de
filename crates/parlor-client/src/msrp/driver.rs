//! Moves the bytes of a session.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep_until;

use super::outgoing::Command;
use super::session::{BindError, Session};
use crate::event::{Closed, Event};
use crate::limits::Limits;
use crate::stream::Stream;

/// A session with its connection.
pub(crate) struct Driver {
    session: Session,
    read: ReadHalf<Stream>,
    write: WriteHalf<Stream>,
    buffer: BytesMut,
    /// Written, but perhaps still held by the layer below.
    unflushed: bool,
    commands: mpsc::Receiver<Command>,
    /// Told when a sender no longer waits.
    abandoned: mpsc::UnboundedReceiver<()>,
    events: EventSender,
    /// The event that waits for room.
    waiting: Option<Event>,
}

/// Where events go, from both sides of a room: a queue that is bounded in events and in octets.
#[derive(Clone)]
pub(crate) struct EventSender {
    queue: mpsc::Sender<(Event, OwnedSemaphorePermit)>,
    octets: Arc<Semaphore>,
    limit: usize,
}

/// Where events come out.
#[derive(Debug)]
pub(crate) struct Events(mpsc::Receiver<(Event, OwnedSemaphorePermit)>);

/// A queue for events.
pub(crate) fn events(limits: &Limits) -> (EventSender, Events) {
    let limit = limits.event_octets.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let (queue, receiver) = mpsc::channel(limits.events.max(1));
    (EventSender { queue, octets: Arc::new(Semaphore::new(limit)), limit }, Events(receiver))
}

impl Events {
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.0.recv().await.map(|(event, _)| event)
    }

    /// No more events are wanted.
    pub(crate) fn close(&mut self) {
        self.0.close();
    }
}

/// Room for one event.
pub(crate) struct Room<'a> {
    place: mpsc::Permit<'a, (Event, OwnedSemaphorePermit)>,
    octets: OwnedSemaphorePermit,
}

impl Room<'_> {
    pub(crate) fn fill(self, event: Event) {
        self.place.send((event, self.octets));
    }
}

impl EventSender {
    /// Waits for room; `None` when nobody takes events any more.
    pub(crate) async fn reserve(&self, event: &Event) -> Option<Room<'_>> {
        let octets = u32::try_from(octets(event).min(self.limit)).expect("the limit fits");
        let place = self.queue.reserve().await.ok()?;
        let octets = Arc::clone(&self.octets).acquire_many_owned(octets).await.ok()?;
        Some(Room { place, octets })
    }
}

fn octets(event: &Event) -> usize {
    match event {
        Event::Message(message) | Event::Notice(message) => message.body.len(),
        Event::Chunk { bytes, .. } => bytes.len(),
        Event::Roster(change) => change.octets(),
        Event::Start { .. } | Event::End { .. } | Event::Report(_) | Event::Composing { .. } | Event::Closed(_) => 0,
    }
}

impl Driver {
    pub(crate) fn new(
        session: Session,
        stream: Stream,
        commands: mpsc::Receiver<Command>,
        abandoned: mpsc::UnboundedReceiver<()>,
        events: EventSender,
    ) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            session,
            read,
            write,
            buffer: BytesMut::new(),
            unflushed: false,
            commands,
            abandoned,
            events,
            waiting: None,
        }
    }

    /// Runs until the session is bound.
    pub(crate) async fn bind(&mut self) -> Result<(), BindError> {
        loop {
            if let Some(bound) = self.session.bound() {
                return bound;
            }
            if let Err(why) = self.step().await {
                self.session.handle_closed(why);
            }
        }
    }

    /// Runs until the connection is over.
    pub(crate) async fn run(&mut self) -> Closed {
        loop {
            if let Err(why) = self.step().await {
                self.session.handle_closed(why);
                self.hand_on_rest().await;
                return why;
            }
        }
    }

    /// Waits for one thing to happen, and does it. May be dropped at any time without loss.
    async fn step(&mut self) -> Result<(), Closed> {
        let Self { session, read, write, buffer, unflushed, commands, abandoned, events, waiting } = self;
        if waiting.is_none() {
            *waiting = session.poll_event();
        }
        let due = session.poll_timeout();
        buffer.reserve(READ);
        tokio::select! {
            room = async { events.reserve(waiting.as_ref().expect("checked")).await }, if waiting.is_some() => {
                if let (Some(event), Some(room)) = (waiting.take(), room) {
                    room.fill(event);
                }
            }
            written = write_some(write, session.next_write()), if session.wants_write() || *unflushed => {
                let octets = written.map_err(|_| Closed::ConnectionLost)?;
                *unflushed = octets > 0;
                session.handle_written(Instant::now(), octets);
            }
            // One chunk at a time, so that responses pass between chunks (MSRP-35).
            Some(command) = commands.recv(), if !session.wants_write() && session.bound() == Some(Ok(())) => {
                session.handle_command(command);
            }
            Some(()) = abandoned.recv() => session.handle_abandoned(),
            // While an event waits nothing is read, so what waits is what one read brought.
            octets = read.read_buf(buffer), if waiting.is_none() && !session.is_congested() => {
                if octets.map_err(|_| Closed::ConnectionLost)? == 0 {
                    return Err(Closed::ConnectionLost);
                }
                session.handle_read(Instant::now(), buffer.split().freeze())?;
            }
            () = async { sleep_until(due.expect("checked").into()).await }, if due.is_some() => {
                session.handle_timeout(Instant::now());
            }
        }
        Ok(())
    }

    /// What has come before the end.
    async fn hand_on_rest(&mut self) {
        while let Some(event) = self.waiting.take().or_else(|| self.session.poll_event()) {
            match self.events.reserve(&event).await {
                Some(room) => room.fill(event),
                None => return,
            }
        }
    }
}

/// Writes a part of the octets, or flushes when there are none.
async fn write_some(write: &mut WriteHalf<Stream>, octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        return write.flush().await.map(|()| 0);
    }
    match write.write(octets).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Octets of one read.
const READ: usize = 32 * 1024;
