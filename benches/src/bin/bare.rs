//! The bare broadcaster that `fanout` compares the server with.
//!
//! It reads frames of one fixed length and copies each to every other connection; it parses nothing. One reader and
//! one writer task per connection and one task for the room, on the runtime flavour of the server: what is left is
//! the cost of waking tasks and of the kernel's sends, which no chat server on this design can go below.
//!
//! `bare FRAME-LENGTH` prints the address it listens on. A connection gets one byte once it is in the room.

#![allow(clippy::disallowed_methods, reason = "a program with tasks of its own, not protocol logic")]

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, mpsc},
};

/// What a reader takes in with one call.
const READ: usize = 64 * 1024;
/// Frames that wait for the room, and frames that it takes in one turn.
const MAILBOX: usize = 256;
/// Frames that wait for a writer before the room waits for it.
const QUEUE: usize = 1024;
/// Sender of the greeting; no connection has this number.
const ROOM: usize = usize::MAX;
/// Slices of one vectored write.
const SLICES: usize = 64;

enum Event {
    Joined(usize, Arc<Outbox>),
    Frame(usize, Bytes),
    Left(usize),
}

/// The queue between the room and one connection's writer.
#[derive(Default)]
struct Outbox {
    state: Mutex<OutboxState>,
    filled: Notify,
    drained: Notify,
}

#[derive(Default)]
struct OutboxState {
    frames: VecDeque<Bytes>,
    closed: bool,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> anyhow::Result<()> {
    let length = std::env::args().nth(1).context("usage: bare FRAME-LENGTH")?;
    let length: usize = length.parse().context("the frame length is a number of bytes")?;
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let (room, mailbox) = mpsc::channel(MAILBOX);
    tokio::spawn(broadcast(mailbox));
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, id, length, room.clone()));
    }
    Ok(())
}

async fn serve(stream: TcpStream, id: usize, length: usize, room: mpsc::Sender<Event>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reading, writing) = stream.into_split();
    let outbox = Arc::new(Outbox::default());
    if room.send(Event::Joined(id, outbox.clone())).await.is_ok() {
        tokio::spawn(async move {
            let _ = write(writing, &outbox).await;
            outbox.close();
        });
        let _ = read(reading, id, length, &room).await;
        let _ = room.send(Event::Left(id)).await;
    }
    Ok(())
}

async fn read(mut stream: OwnedReadHalf, id: usize, length: usize, room: &mpsc::Sender<Event>) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(length.max(READ));
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        while buffer.len() >= length {
            let frame = buffer.split_to(length).freeze();
            if room.send(Event::Frame(id, frame)).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn broadcast(mut mailbox: mpsc::Receiver<Event>) {
    let mut members: Vec<(usize, Arc<Outbox>)> = Vec::new();
    let mut events = Vec::with_capacity(MAILBOX);
    let mut frames: Vec<(usize, Bytes)> = Vec::with_capacity(MAILBOX);
    while mailbox.recv_many(&mut events, MAILBOX).await > 0 {
        for event in events.drain(..) {
            match event {
                Event::Joined(id, outbox) => {
                    outbox.push(id, &[(ROOM, Bytes::from_static(b"+"))]).await;
                    members.push((id, outbox));
                }
                Event::Frame(id, frame) => frames.push((id, frame)),
                Event::Left(id) => members.retain(|(member, outbox)| {
                    if *member == id {
                        outbox.close();
                    }
                    *member != id
                }),
            }
        }
        for (member, outbox) in &members {
            outbox.push(*member, &frames).await;
        }
        frames.clear();
    }
}

async fn write(mut stream: OwnedWriteHalf, outbox: &Outbox) -> io::Result<()> {
    let mut frames = VecDeque::new();
    while outbox.take(&mut frames).await {
        while !frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = frames.len().min(SLICES);
            for (slice, frame) in slices.iter_mut().zip(&frames) {
                *slice = IoSlice::new(frame);
            }
            let mut written = stream.write_vectored(&slices[..count]).await?;
            while let Some(front) = frames.front_mut() {
                if written < front.len() {
                    front.advance(written);
                    break;
                }
                written -= front.len();
                frames.pop_front();
            }
        }
    }
    Ok(())
}

impl Outbox {
    /// Queues what others than `member` have sent and wakes the writer once; waits first while the queue is full.
    async fn push(&self, member: usize, frames: &[(usize, Bytes)]) {
        while !self.try_push(member, frames) {
            self.drained.notified().await;
        }
        self.filled.notify_one();
    }

    fn try_push(&self, member: usize, frames: &[(usize, Bytes)]) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return true;
        }
        if state.frames.len() >= QUEUE {
            return false;
        }
        state.frames.extend(frames.iter().filter(|(sender, _)| *sender != member).map(|(_, frame)| frame.clone()));
        true
    }

    /// Exchanges the queue for `empty`; false once the connection is closed.
    async fn take(&self, empty: &mut VecDeque<Bytes>) -> bool {
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.closed {
                    return false;
                }
                if !state.frames.is_empty() {
                    let full = state.frames.len() >= QUEUE;
                    std::mem::swap(&mut state.frames, empty);
                    if full {
                        self.drained.notify_one();
                    }
                    return true;
                }
            }
            self.filled.notified().await;
        }
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.frames.clear();
        self.filled.notify_one();
        self.drained.notify_one();
    }
}
