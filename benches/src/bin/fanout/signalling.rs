//! The SIP side of the participants: dialogs over a few TCP connections.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use mio::{Poll, net::TcpStream};
use parlor_benches::sip::{Connection, Message};

use crate::crowd::Crowd;

/// Connections that the dialogs are spread over.
const CONNECTIONS: usize = 4;
/// The domain that the server is configured with.
const DOMAIN: &str = "localhost";
/// The user part of the room's URI.
const ROOM: &str = "bench";

/// A user agent that speaks for all participants.
pub(crate) struct Signalling(Vec<Connection>);

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
            Ok(Connection::new(stream, local))
        };
        Ok(Signalling((0..CONNECTIONS).map(connection).collect::<anyhow::Result<_>>()?))
    }

    /// Sends the INVITE of participant `index`.
    pub(crate) fn invite(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.0[index % CONNECTIONS];
        let (local, room, uri, path) = (connection.local(), room(), uri(index), path(index));
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
        connection.push(&request);
        connection.flush()
    }

    /// Reads what has come on all connections and acknowledges the 2xx responses.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Vec<Admitted>> {
        let mut admitted = Vec::new();
        for connection in &mut self.0 {
            connection.fill()?;
            while let Some(message) = connection.message()? {
                admitted.extend(admitted_by(connection, &message)?);
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

/// Reads a response to an INVITE; a 2xx is acknowledged.
fn admitted_by(connection: &mut Connection, message: &Message) -> anyhow::Result<Option<Admitted>> {
    let (start, head) = (message.start(), &message.head);
    let Some(status) = start.strip_prefix("SIP/2.0 ") else {
        ensure!(!start.starts_with("BYE "), "the server ended a dialog:\n{head}");
        return Ok(None);
    };
    if status.starts_with('1') {
        return Ok(None);
    }
    ensure!(status.starts_with('2'), "a participant was not admitted:\n{head}");
    let index = message.header("Call-ID")?.trim_end_matches("@bench").parse().context("an unknown Call-ID")?;
    let answer = std::str::from_utf8(&message.body)?;
    let path = answer.lines().find_map(|line| line.strip_prefix("a=path:")).context("the answer has no path")?;
    connection.acknowledge(message, &format!("benchack{index}"))?;
    Ok(Some(Admitted { index, path: path.trim().to_owned() }))
}
