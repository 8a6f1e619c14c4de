//! The SIP side of the participants: dialogs over a few TCP connections.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

use anyhow::{Context, bail, ensure};
use mio::{Poll, net::TcpStream};

use crate::crowd::Crowd;

/// Connections that the dialogs are spread over.
const CONNECTIONS: usize = 4;
/// The domain that the server is configured with.
const DOMAIN: &str = "localhost";
/// The user part of the room's URI.
const ROOM: &str = "bench";

/// A user agent that speaks for all participants.
pub(crate) struct Signalling(Vec<Connection>);

struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// What a 2xx to our INVITE says.
pub(crate) struct Admitted {
    /// Which participant.
    pub(crate) index: usize,
    /// The switch's URI for the session, from the answer's `a=path`.
    pub(crate) path: String,
}

/// The URI that a participant sends from; all have the same length.
pub(crate) fn uri(index: usize) -> String {
    format!("sip:p{index:05}@{DOMAIN}")
}

/// The room's URI.
pub(crate) fn room() -> String {
    format!("sip:{ROOM}@{DOMAIN}")
}

/// The MSRP URI that a participant offers.
pub(crate) fn path(index: usize) -> String {
    format!("msrp://127.0.0.1:9/benchsession{index:012};tcp")
}

impl Signalling {
    /// Connects; the tokens of the connections begin at `token`.
    pub(crate) fn connect(address: SocketAddr, poll: &Poll, token: usize) -> anyhow::Result<Signalling> {
        let connection = |number| {
            let stream = std::net::TcpStream::connect(address).context("SIP over TCP")?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let local = stream.local_addr()?;
            let mut stream = TcpStream::from_std(stream);
            Crowd::watch(poll, &mut stream, token + number)?;
            Ok(Connection { stream, local, input: Vec::new(), output: Vec::new() })
        };
        Ok(Signalling((0..CONNECTIONS).map(connection).collect::<anyhow::Result<_>>()?))
    }

    /// Sends the INVITE of participant `index`.
    pub(crate) fn invite(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.0[index % CONNECTIONS];
        let (local, room, uri, path) = (connection.local, room(), uri(index), path(index));
        let session = format!(
            "v=0\r\no=bench {index} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=message 9 TCP/MSRP *\r\na=setup:active\r\na=path:{path}\r\n\
             a=accept-types:message/cpim text/plain\r\na=accept-wrapped-types:*\r\na=chatroom\r\n"
        );
        let request = format!(
            "INVITE {room} SIP/2.0\r\n\
             Via: SIP/2.0/TCP {local};rport;branch=z9hG4bKbenchinvite{index}\r\n\
             Max-Forwards: 70\r\nFrom: <{uri}>;tag=bench{index}\r\nTo: <{room}>\r\n\
             Call-ID: {index}@bench\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:p{index:05}@{local};transport=tcp>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{session}",
            session.len()
        );
        connection.output.extend_from_slice(request.as_bytes());
        connection.flush()
    }

    /// Reads what has come on all connections and acknowledges the 2xx responses.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Vec<Admitted>> {
        let mut admitted = Vec::new();
        for connection in &mut self.0 {
            connection.fill()?;
            while let Some(message) = connection.message()? {
                if let Some(response) = connection.admitted(&message)? {
                    admitted.push(response);
                }
            }
            connection.flush()?;
        }
        Ok(admitted)
    }

    /// Sees to it that the dialogs live on.
    pub(crate) fn watch(&mut self) -> anyhow::Result<()> {
        self.receive().map(|_| ())
    }
}

impl Connection {
    fn fill(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 16 * 1024];
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

    /// Takes the next complete message out of the input.
    fn message(&mut self) -> anyhow::Result<Option<String>> {
        let skipped = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.input.drain(..skipped);
        let Some(head) = memchr::memmem::find(&self.input, b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&self.input[..head + 2]);
        let length: usize = header(&text, "Content-Length").unwrap_or("0").parse().context("Content-Length")?;
        let end = head + 4 + length;
        if self.input.len() < end {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&self.input.drain(..end).collect::<Vec<u8>>()).into_owned()))
    }

    /// Reads a response to an INVITE; a 2xx is acknowledged.
    fn admitted(&mut self, message: &str) -> anyhow::Result<Option<Admitted>> {
        let line = message.lines().next().unwrap_or_default();
        let Some(status) = line.strip_prefix("SIP/2.0 ") else {
            ensure!(!line.starts_with("BYE "), "the server ended a dialog:\n{message}");
            return Ok(None);
        };
        if status.starts_with('1') {
            return Ok(None);
        }
        ensure!(status.starts_with('2'), "a participant was not admitted:\n{message}");
        let call = header(message, "Call-ID").context("no Call-ID")?;
        let index = call.trim_end_matches("@bench").parse().context("an unknown Call-ID")?;
        let path = message.lines().find_map(|line| line.strip_prefix("a=path:")).context("the answer has no path")?;
        let contact = header(message, "Contact").context("no Contact")?;
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let (from, to) = (header(message, "From").context("no From")?, header(message, "To").context("no To")?);
        let acknowledgement = format!(
            "ACK {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};rport;branch=z9hG4bKbenchack{index}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 1 ACK\r\n\
             Content-Length: 0\r\n\r\n",
            self.local
        );
        self.output.extend_from_slice(acknowledgement.as_bytes());
        Ok(Some(Admitted { index, path: path.trim().to_owned() }))
    }
}

/// The first value of a header.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
