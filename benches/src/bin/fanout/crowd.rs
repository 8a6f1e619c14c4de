//! All participants' connections to one process, driven by one thread.

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    frame::Scanner,
    ledger::Ledger,
    marker::Template,
    signalling::Signalling,
    wire::{Arrival, Expect, Wire},
};
use parlor_benches::process::Process;

/// What one read may take in; longer frames are refused.
const READ: usize = 512 * 1024;
/// What a sender prepares before it writes.
const PREPARED: usize = 64 * 1024;
/// No delivery for so long ends the run.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(25);

/// One participant's connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    pub(crate) wire: Wire,
    /// The beginning of a frame whose rest has not arrived.
    partial: Vec<u8>,
    pub(crate) output: Vec<u8>,
    written: usize,
}

/// The participants of one room.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    pub(crate) peers: Vec<Peer>,
    /// Keeps the dialogs; their tokens follow those of the peers.
    signalling: Option<Signalling>,
    pub(crate) expect: Expect,
    reader: Reader,
}

/// What all peers read with.
pub(crate) struct Reader {
    scanner: Scanner,
    scratch: Vec<u8>,
}

/// What is sent in a slice.
pub(crate) struct Load<'a> {
    /// The number of the slice, never used twice.
    pub(crate) slice: u16,
    /// By sender: its peer and its message.
    pub(crate) senders: &'a [(usize, Template)],
    /// Messages that each sender has in flight.
    pub(crate) window: u32,
    /// Sending ends after this time,
    pub(crate) time: Duration,
    /// or after so many messages.
    pub(crate) messages: u64,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) ledger: Ledger,
    pub(crate) cpu: Duration,
    pub(crate) elapsed: Duration,
    /// Highest resident memory seen, in KiB.
    pub(crate) resident: u64,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream, wire: Wire) -> Peer {
        Peer { stream, wire, partial: Vec::new(), output: Vec::new(), written: 0 }
    }

    /// Reads all there is. The connection is watched edge-triggered, so that a short read means it is empty.
    pub(crate) fn receive(
        &mut self,
        reader: &mut Reader,
        expect: &Expect,
        mut arrived: impl FnMut(Arrival) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let kept = self.partial.len();
            reader.scratch[..kept].copy_from_slice(&self.partial);
            let count = match self.stream.read(&mut reader.scratch[kept..]) {
                Ok(0) => bail!("the connection was closed"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let data = &reader.scratch[..kept + count];
            let used = self.wire.feed(data, &reader.scanner, expect, &mut self.output, &mut arrived)?;
            self.partial.clear();
            self.partial.extend_from_slice(&data[used..]);
            ensure!(self.partial.len() < READ, "a frame is longer than {READ} bytes");
            if kept + count < READ {
                return Ok(());
            }
        }
    }

    /// Writes what is prepared; true when nothing is left.
    pub(crate) fn flush(&mut self) -> anyhow::Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader { scanner: Scanner::new(), scratch: vec![0; READ] }
    }
}

impl Crowd {
    pub(crate) fn new(poll: Poll, reader: Reader, peers: Vec<Peer>, signalling: Option<Signalling>) -> Crowd {
        let events = Events::with_capacity(1024);
        Crowd { poll, events, peers, signalling, expect: Expect::default(), reader }
    }

    /// Reads on until nothing has come for a while; deliveries are a mistake now.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            self.poll_events(Duration::from_millis(200))?;
            if self.events.is_empty() {
                return Ok(());
            }
            for event in &self.events {
                let Token(index) = event.token();
                match self.peers.get_mut(index) {
                    Some(peer) => {
                        let result = peer.receive(&mut self.reader, &self.expect, |arrival| match arrival {
                            Arrival::Delivery(marker, _) => {
                                bail!("{marker:?} arrived once more")
                            }
                            Arrival::Accepted | Arrival::Notice => Ok(()),
                        });
                        result.with_context(|| format!("participant {index}"))?;
                        peer.flush()?;
                    }
                    None => self.signalling.iter_mut().try_for_each(Signalling::watch)?,
                }
            }
        }
    }

    /// Sends and receives until every copy of every message has arrived.
    pub(crate) fn run(&mut self, load: &Load<'_>, process: &Process) -> anyhow::Result<Outcome> {
        let peers: Vec<usize> = load.senders.iter().map(|(peer, _)| *peer).collect();
        let mut ledger = Ledger::new(load.slice, self.peers.len(), &peers, load.window);
        let mut accepted = if self.signalling.is_some() { Some(0) } else { None };
        let mut resident = process.resident()?;
        let before = process.cpu();
        let start = Instant::now();
        let (mut progress, mut sampled, mut last) = (start, start, 0);
        loop {
            let now = Instant::now();
            let sending = now - start < load.time;
            for (sender, (peer, template)) in load.senders.iter().enumerate() {
                send(&mut self.peers[*peer], sender, template, &mut ledger, load.messages, sending)
                    .with_context(|| format!("sender {sender}"))?;
            }
            let all_sent = !sending || ledger.messages() >= load.messages;
            if all_sent && ledger.outstanding() == 0 && accepted.is_none_or(|count| count >= ledger.messages()) {
                break;
            }
            self.poll_events(Duration::from_millis(100))?;
            self.take_events(&mut ledger, &mut accepted)?;
            let now = Instant::now();
            if now - sampled > SAMPLE {
                sampled = now;
                resident = resident.max(process.resident()?);
            }
            if ledger.deliveries > last {
                (last, progress) = (ledger.deliveries, now);
            } else if now - progress > PATIENCE {
                bail!(
                    "no delivery for {PATIENCE:?}: {} of {} messages, {} copies are missing, {accepted:?} accepted",
                    ledger.messages(),
                    load.messages,
                    ledger.outstanding()
                );
            }
        }
        let elapsed = start.elapsed();
        Ok(Outcome { ledger, cpu: process.cpu().since(&before), elapsed, resident })
    }

    fn take_events(&mut self, ledger: &mut Ledger, accepted: &mut Option<u64>) -> anyhow::Result<()> {
        for event in &self.events {
            let Token(index) = event.token();
            let Some(peer) = self.peers.get_mut(index) else {
                self.signalling.iter_mut().try_for_each(Signalling::watch)?;
                continue;
            };
            if event.is_readable() {
                let now = Instant::now();
                let result = peer.receive(&mut self.reader, &self.expect, |arrival| {
                    match arrival {
                        Arrival::Delivery(marker, bytes) => {
                            ledger.deliver(index, marker, bytes, now)?;
                        }
                        Arrival::Accepted => accepted.iter_mut().for_each(|count| *count += 1),
                        Arrival::Notice => {}
                    }
                    Ok(())
                });
                result.with_context(|| format!("participant {index}"))?;
            }
            if !peer.output.is_empty() {
                peer.flush()?;
            }
        }
        Ok(())
    }

    fn poll_events(&mut self, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Watches for bytes to read and for space to write, edge-triggered.
    pub(crate) fn watch(poll: &Poll, stream: &mut TcpStream, token: usize) -> anyhow::Result<()> {
        Ok(poll.registry().register(stream, Token(token), Interest::READABLE | Interest::WRITABLE)?)
    }
}

/// Writes as many messages as the sender's window and its socket take.
fn send(
    peer: &mut Peer,
    sender: usize,
    template: &Template,
    ledger: &mut Ledger,
    messages: u64,
    sending: bool,
) -> anyhow::Result<()> {
    loop {
        let now = Instant::now();
        while sending && ledger.open(sender) && ledger.messages() < messages && peer.output.len() < PREPARED {
            template.write(ledger.send(sender, now), &mut peer.output);
        }
        if peer.output.is_empty() || !peer.flush()? {
            return Ok(());
        }
    }
}
