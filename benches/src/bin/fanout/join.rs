//! How the participants come into the room.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use mio::{Events, Poll, Token, event::Event, net::TcpStream};

use crate::{
    crowd::{Crowd, Peer, Reader},
    signalling::{self, Admitted, Signalling},
    wire::{Arrival, Expect, Wire},
};
use parlor_benches::process::{Bare, Server};

/// Joins that are under way at once.
const AT_ONCE: usize = 32;
/// No join for so long ends the run.
const PATIENCE: Duration = Duration::from_secs(20);

/// What joining cost.
pub(crate) struct Joining {
    /// CPU of the server for each join.
    pub(crate) cpu: Duration,
    pub(crate) per_second: f64,
}

/// Participants on their way in.
struct Entrance {
    poll: Poll,
    reader: Reader,
    entries: Vec<Entry>,
}

struct Entry {
    stage: Stage,
    peer: Option<Peer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Inviting,
    Connecting,
    Binding,
    In,
}

/// Joins `count` participants: INVITE, ACK, connect, bind.
pub(crate) fn join(server: &Server, count: usize) -> anyhow::Result<(Crowd, Joining)> {
    let mut entrance = Entrance { poll: Poll::new()?, reader: Reader::new(), entries: Vec::new() };
    let mut signalling = Signalling::connect(server.sip, &entrance.poll, count)?;
    let (before, start) = (server.process.cpu(), Instant::now());
    let mut bound = 0;
    entrance.drive(count, |entrance, events, came| {
        bound += came;
        while entrance.entries.len() < count.min(bound + AT_ONCE) {
            signalling.invite(entrance.entries.len())?;
            entrance.entries.push(Entry { stage: Stage::Inviting, peer: None });
        }
        if events.iter().any(|event| event.token().0 >= count) {
            for admitted in signalling.receive()? {
                entrance.connect(server.msrp, admitted)?;
            }
        }
        Ok(())
    })?;
    let elapsed = start.elapsed();
    let cpu = server.process.cpu().since(&before) / u32::try_from(count)?;
    let mut crowd = entrance.crowd(Some(signalling));
    crowd.settle()?;
    Ok((crowd, Joining { cpu, per_second: count as f64 / elapsed.as_secs_f64() }))
}

/// Connects `count` participants to the broadcaster.
pub(crate) fn attach(bare: &Bare, count: usize) -> anyhow::Result<Crowd> {
    let mut entrance = Entrance { poll: Poll::new()?, reader: Reader::new(), entries: Vec::new() };
    let mut attached = 0;
    entrance.drive(count, |entrance, _, came| {
        attached += came;
        while entrance.entries.len() < count.min(attached + AT_ONCE) {
            let index = entrance.entries.len();
            let mut stream = TcpStream::connect(bare.address)?;
            Crowd::watch(&entrance.poll, &mut stream, index)?;
            let peer = Some(Peer::new(stream, Wire::bare()));
            entrance.entries.push(Entry { stage: Stage::Connecting, peer });
        }
        Ok(())
    })?;
    Ok(entrance.crowd(None))
}

impl Entrance {
    /// Runs until `count` participants are in; `more` starts further ones and is told of events and arrivals.
    fn drive(
        &mut self,
        count: usize,
        mut more: impl FnMut(&mut Entrance, &Events, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let (mut inside, mut progress) = (0, Instant::now());
        more(self, &events, 0)?;
        while inside < count {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            let mut came = 0;
            for event in &events {
                came += usize::from(self.advance(event).with_context(|| format!("participant {}", event.token().0))?);
            }
            if came > 0 {
                (inside, progress) = (inside + came, Instant::now());
            }
            ensure!(progress.elapsed() < PATIENCE, "{inside} of {count} participants are in and no more come");
            more(self, &events, came)?;
        }
        Ok(())
    }

    fn connect(&mut self, address: SocketAddr, admitted: Admitted) -> anyhow::Result<()> {
        let index = admitted.index;
        let mut stream = TcpStream::connect(address)?;
        Crowd::watch(&self.poll, &mut stream, index)?;
        let entry = self.entries.get_mut(index).context("nobody of this Call-ID was invited")?;
        ensure!(entry.stage == Stage::Inviting, "a second answer to one INVITE");
        let wire = Wire::msrp(signalling::path(index), admitted.path);
        *entry = Entry { stage: Stage::Connecting, peer: Some(Peer::new(stream, wire)) };
        Ok(())
    }

    /// Goes on with one participant; true if that brought it in.
    fn advance(&mut self, event: &Event) -> anyhow::Result<bool> {
        let Token(index) = event.token();
        let Some(Entry { stage, peer: Some(peer) }) = self.entries.get_mut(index) else {
            return Ok(false);
        };
        if *stage == Stage::Connecting && event.is_writable() {
            if let Some(error) = peer.stream.take_error()? {
                return Err(error.into());
            }
            peer.stream.set_nodelay(true)?;
            if let Wire::Msrp(session) = &peer.wire {
                peer.output = bind(&session.path, &session.peer);
            }
            *stage = Stage::Binding;
        }
        let before = *stage;
        if *stage != Stage::Connecting {
            peer.flush()?;
            peer.receive(&mut self.reader, &Expect::default(), |arrival| {
                if matches!(arrival, Arrival::Accepted) {
                    *stage = Stage::In;
                }
                Ok(())
            })?;
            peer.flush()?;
        }
        Ok(before == Stage::Binding && *stage == Stage::In)
    }

    fn crowd(self, signalling: Option<Signalling>) -> Crowd {
        Crowd::new(
            self.poll,
            self.reader,
            self.entries.into_iter().filter_map(|entry| entry.peer).collect(),
            signalling,
        )
    }
}

/// The empty SEND that binds the connection to the session.
fn bind(path: &str, peer: &str) -> Vec<u8> {
    format!(
        "MSRP benchbind0000000 SEND\r\nTo-Path: {peer}\r\nFrom-Path: {path}\r\n\
         Message-ID: bind{:x}\r\nByte-Range: 1-0/0\r\n-------benchbind0000000$\r\n",
        path.len()
    )
    .into_bytes()
}
