//! A user agent's side of a SIP connection that does not block.

use anyhow::{Context, bail};
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

/// A connection to the server.
pub struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// A message as it came.
pub struct Message {
    /// Start line and headers.
    pub head: String,
    /// What follows them.
    pub body: Vec<u8>,
}

impl Connection {
    /// Over a stream that is open at this address of ours.
    pub fn new(stream: TcpStream, local: SocketAddr) -> Self {
        Self { stream, local, input: Vec::new(), output: Vec::new() }
    }

    /// The stream, to be watched.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends what [`Connection::flush`] is to write.
    pub fn push(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// When the server has closed the connection, or it is lost.
    pub fn fill(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed a SIP connection"),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes what can be written.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn flush(&mut self) -> anyhow::Result<()> {
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

    /// Takes the next message that is whole.
    ///
    /// # Errors
    /// When it is none.
    pub fn message(&mut self) -> anyhow::Result<Option<Message>> {
        let skipped = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.input.drain(..skipped);
        let Some(head) = memchr::memmem::find(&self.input, b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&self.input[..head + 2])?.to_owned();
        let mut message = Message { head: text, body: Vec::new() };
        let end = head + 4 + message.header("Content-Length")?.parse::<usize>()?;
        if self.input.len() < end {
            return Ok(None);
        }
        message.body.extend(self.input.drain(..end).skip(head + 4));
        Ok(Some(message))
    }

    /// Sends the ACK of this 2xx.
    ///
    /// # Errors
    /// When something is missing in it.
    pub fn acknowledge(&mut self, success: &Message, branch: &str) -> anyhow::Result<()> {
        let contact = success.header("Contact")?;
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let (from, to, call) = (success.header("From")?, success.header("To")?, success.header("Call-ID")?);
        self.push(&format!(
            "ACK {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            self.local
        ));
        Ok(())
    }
}

impl Message {
    /// The start line.
    pub fn start(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The first value of a header.
    ///
    /// # Errors
    /// When there is none.
    pub fn header(&self, name: &str) -> anyhow::Result<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(found, _)| found.trim_end().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).with_context(|| format!("no {name} in\n{}", self.head))
    }

    /// Octets of it all.
    pub fn octets(&self) -> usize {
        self.head.len() + 2 + self.body.len()
    }
}
