//! One user: a SIP connection, a subscription and a session.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use parlor_benches::sip::{Connection, Message};

/// A user's connection.
pub(crate) struct Client {
    connection: Connection,
    index: usize,
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
        Client { connection: Connection::new(stream, local), index, known: Known::default() }
    }

    /// The stream, to be watched.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.connection.stream()
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
        let (index, local) = (self.index, self.connection.local());
        let text = format!(
            "{method} sip:bench@localhost SIP/2.0\r\nVia: SIP/2.0/TCP {local};rport;branch=z9hG4bK{method}{index}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:p{index:05}@localhost>;tag=b{index}\r\nTo: <sip:bench@localhost>\r\n\
             Call-ID: {method}{index}\r\nCSeq: 1 {method}\r\nContact: <sip:p{index:05}@{local};transport=tcp>\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.connection.push(&text);
        self.connection.flush()
    }

    /// Reads what has come and answers it.
    pub(crate) fn receive(&mut self) -> anyhow::Result<()> {
        self.connection.fill().with_context(|| format!("user {}", self.index))?;
        while let Some(message) = self.connection.message()? {
            self.handle(&message)?;
        }
        self.connection.flush()
    }

    fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        if message.start().starts_with("NOTIFY ") {
            self.known.notifies += 1;
            self.known.octets += message.octets() as u64;
            self.known.users = user_count(&message.body).unwrap_or(self.known.users);
            return self.answer(message);
        }
        ensure!(message.start().starts_with("SIP/2.0 2"), "user {}: {}", self.index, message.head);
        if message.header("CSeq")?.ends_with(" SUBSCRIBE") {
            self.known.subscribed = true;
            return Ok(());
        }
        self.known.joined = true;
        self.connection.acknowledge(message, &format!("ack{}", self.index))
    }

    fn answer(&mut self, message: &Message) -> anyhow::Result<()> {
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            text += &format!("{name}: {}\r\n", message.header(name)?);
        }
        self.connection.push(&(text + "Content-Length: 0\r\n\r\n"));
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
