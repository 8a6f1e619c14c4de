//! One user: a SIP connection, a subscription and a session.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

use anyhow::{Context, bail, ensure};
use mio::net::TcpStream;

/// A user's connection.
pub(crate) struct Client {
    stream: TcpStream,
    local: SocketAddr,
    index: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    pub(crate) known: Known,
}

/// What a user has learned.
#[derive(Default)]
pub(crate) struct Known {
    /// Its SUBSCRIBE was accepted.
    pub(crate) subscribed: bool,
    /// Its INVITE was accepted.
    pub(crate) joined: bool,
    /// How many are in the room, as it was told last.
    pub(crate) users: usize,
    pub(crate) notifies: u64,
    /// Octets of NOTIFYs, heads included.
    pub(crate) octets: u64,
}

impl Client {
    /// A user on a connection that is open.
    pub(crate) fn new(stream: TcpStream, local: SocketAddr, index: usize) -> Client {
        Client { stream, local, index, input: Vec::new(), output: Vec::new(), known: Known::default() }
    }

    /// The stream, to be watched.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends SUBSCRIBE.
    pub(crate) fn subscribe(&mut self) -> anyhow::Result<()> {
        self.request("SUBSCRIBE", "Event: conference\r\nExpires: 3600\r\n", "")
    }

    /// Sends INVITE.
    pub(crate) fn join(&mut self) -> anyhow::Result<()> {
        let session = format!(
            "v=0\r\no=bench {0} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=message 9 TCP/MSRP *\r\na=setup:active\r\na=path:msrp://127.0.0.1:9/benchsession{0:012};tcp\r\n\
             a=accept-types:message/cpim text/plain\r\na=accept-wrapped-types:*\r\na=chatroom\r\n",
            self.index
        );
        self.request("INVITE", "Content-Type: application/sdp\r\n", &session)
    }

    fn request(&mut self, method: &str, headers: &str, body: &str) -> anyhow::Result<()> {
        let (index, local) = (self.index, self.local);
        let text = format!(
            "{method} sip:bench@localhost SIP/2.0\r\nVia: SIP/2.0/TCP {local};rport;branch=z9hG4bK{method}{index}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:p{index:05}@localhost>;tag=b{index}\r\nTo: <sip:bench@localhost>\r\n\
             Call-ID: {method}{index}\r\nCSeq: 1 {method}\r\nContact: <sip:p{index:05}@{local};transport=tcp>\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.output.extend_from_slice(text.as_bytes());
        self.flush()
    }

    /// Reads what has come and answers it.
    pub(crate) fn receive(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed the connection of user {}", self.index),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(head) = memchr::memmem::find(&self.input, b"\r\n\r\n") {
            let text = std::str::from_utf8(&self.input[..head + 2])?.to_owned();
            let length: usize = header(&text, "Content-Length").context("no Content-Length")?.parse()?;
            let end = head + 4 + length;
            if self.input.len() < end {
                break;
            }
            let message: Vec<u8> = self.input.drain(..end).collect();
            self.handle(&text, &message[head + 4..], message.len())?;
        }
        self.flush()
    }

    fn handle(&mut self, head: &str, body: &[u8], octets: usize) -> anyhow::Result<()> {
        let method = header(head, "CSeq").and_then(|value| value.split(' ').nth(1)).context("no CSeq")?.to_owned();
        let start = head.lines().next().unwrap_or_default();
        if start.starts_with("NOTIFY ") {
            self.known.notifies += 1;
            self.known.octets += octets as u64;
            self.known.users = user_count(body).unwrap_or(self.known.users);
            self.answer(head);
            return Ok(());
        }
        ensure!(start.starts_with("SIP/2.0 2"), "user {}: {head}", self.index);
        match method.as_str() {
            "SUBSCRIBE" => self.known.subscribed = true,
            _ => {
                self.known.joined = true;
                self.acknowledge(head)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, head: &str) {
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let value = header(head, name).unwrap_or_default();
            text += &format!("{name}: {value}\r\n");
        }
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }

    fn acknowledge(&mut self, head: &str) -> anyhow::Result<()> {
        let contact = header(head, "Contact").context("no Contact")?;
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let [from, to, call] = ["From", "To", "Call-ID"].map(|name| header(head, name).unwrap_or_default());
        let text = format!(
            "ACK {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};rport;branch=z9hG4bKack{}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            self.local, self.index
        );
        self.output.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// What a document says of how many are in the room.
fn user_count(body: &[u8]) -> Option<usize> {
    let (open, close) = (&b"<user-count>"[..], &b"</user-count>"[..]);
    let at = memchr::memmem::find(body, open)? + open.len();
    let length = memchr::memmem::find(&body[at..], close)?;
    std::str::from_utf8(&body[at..at + length]).ok()?.parse().ok()
}

/// The first value of a header.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
