//! SIP over a stream or datagrams.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parlor_sip::{
    ConnectionId, Flow, Limits, Message, ParseError, StreamDecoder, StreamEvent, Transport, parse_datagram,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use crate::stream::{self, Stream, Tls};

/// What SIP goes over.
pub(crate) struct Channel {
    flow: Flow,
    limits: Limits,
    carrier: Carrier,
    /// When the peer last sent anything, a keepalive's answer included.
    heard_at: Instant,
}

enum Carrier {
    Stream { stream: Stream, decoder: Box<StreamDecoder> },
    Datagram(UdpSocket),
}

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    Message(Message),
    Invalid(ParseError),
    /// A keepalive to be answered (SIP-7).
    Ping,
}

impl Channel {
    /// Connects to the first of the addresses that answers, as connection number `id`.
    pub(crate) async fn open(
        transport: Transport,
        addresses: &[SocketAddr],
        tls: Option<&Tls>,
        limits: Limits,
        id: u64,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        if transport == Transport::Udp {
            let remote = addresses[0];
            let socket = datagrams(remote).await.map_err(|error| (remote, error))?;
            let local = socket.local_addr().map_err(|error| (remote, error))?;
            let flow = Flow { transport, local, remote, connection: None };
            return Ok(Self { flow, limits, carrier: Carrier::Datagram(socket), heard_at: Instant::now() });
        }
        let connected = stream::connect(addresses, tls).await?;
        let (local, remote) = (connected.local, connected.remote);
        let flow = Flow { transport, local, remote, connection: Some(ConnectionId(id)) };
        let decoder = Box::new(StreamDecoder::new(limits));
        let carrier = Carrier::Stream { stream: connected.stream, decoder };
        Ok(Self { flow, limits, carrier, heard_at: Instant::now() })
    }

    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Waits for the next message. May be dropped at any time without loss.
    pub(super) async fn receive(&mut self) -> io::Result<Received> {
        match &mut self.carrier {
            Carrier::Stream { stream, decoder } => loop {
                match decoder.poll().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                    Some(StreamEvent::Message(message)) => return Ok(Received::Message(message)),
                    Some(StreamEvent::Invalid(error)) => return Ok(Received::Invalid(error)),
                    Some(StreamEvent::Ping) => return Ok(Received::Ping),
                    None => {}
                }
                let mut read = BytesMut::with_capacity(READ);
                if stream.read_buf(&mut read).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.heard_at = Instant::now();
                decoder.push(read.freeze());
            },
            Carrier::Datagram(socket) => loop {
                let mut read = BytesMut::with_capacity(LONGEST_DATAGRAM);
                socket.recv_buf(&mut read).await?;
                self.heard_at = Instant::now();
                // RFC 5626 §3.5.1: keepalives of line ends alone are no messages.
                if read.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(match parse_datagram(&read.freeze(), &self.limits) {
                    Ok(message) => Received::Message(message),
                    Err(error) => Received::Invalid(error),
                });
            },
        }
    }

    /// Sends a whole message, or a keepalive.
    pub(super) async fn send(&mut self, bytes: &Bytes) -> io::Result<()> {
        let sending = async {
            match &mut self.carrier {
                Carrier::Stream { stream, .. } => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Carrier::Datagram(socket) => socket.send(bytes).await.map(|_| ()),
            }
        };
        timeout(SEND_PATIENCE, sending).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

async fn datagrams(remote: SocketAddr) -> io::Result<UdpSocket> {
    let any = match remote {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected: datagrams of others do not reach us, and our own address is known.
    socket.connect(remote).await?;
    Ok(socket)
}

const READ: usize = 4 * 1024;
const LONGEST_DATAGRAM: usize = 64 * 1024;
/// How long the peer may take to take one message.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
