//! Somebody whom the server calls.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Instant;

use super::msrp::{MsrpPeer, Send};
use super::participant::Participant;
use super::server::Server;
use super::sip::{Call, SipMessage, SipUser, host_and_port};
use super::wire::Wire;
use super::{eventually, tls, unique};

/// A SIP socket that waits for calls, and a port for MSRP.
pub(crate) struct Callee {
    waits: Waits,
    name: String,
    msrp: TcpListener,
}

enum Waits {
    Udp(UdpSocket),
    Tcp(TcpListener),
    /// With certificate and key.
    Tls(TcpListener, PathBuf, PathBuf),
}

impl Callee {
    /// Over UDP.
    pub(crate) fn udp(server: &Server, name: &str) -> Self {
        Self::waiting(Waits::Udp(UdpSocket::bind((server.sip.ip(), 0)).unwrap()), server, name)
    }

    /// Over TCP.
    pub(crate) fn tcp(server: &Server, name: &str) -> Self {
        Self::waiting(Waits::Tcp(TcpListener::bind((server.sip.ip(), 0)).unwrap()), server, name)
    }

    /// Over TLS, with the certificate of another server.
    pub(crate) fn tls(server: &Server, name: &str, certified: &Server) -> Self {
        let listener = TcpListener::bind((server.sip.ip(), 0)).unwrap();
        Self::waiting(Waits::Tls(listener, certified.certificate(), certified.key()), server, name)
    }

    fn waiting(waits: Waits, server: &Server, name: &str) -> Self {
        Self { waits, name: name.to_owned(), msrp: TcpListener::bind((server.sip.ip(), 0)).unwrap() }
    }

    /// The URI to call, with the port that it waits on.
    pub(crate) fn uri(&self) -> String {
        let parameter = match &self.waits {
            Waits::Udp(_) => "",
            Waits::Tcp(_) => ";transport=tcp",
            Waits::Tls(..) => ";transport=tls",
        };
        format!("sip:{}@{}{parameter}", self.name, self.address())
    }

    /// Where it waits.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.waits {
            Waits::Udp(socket) => socket.local_addr().unwrap(),
            Waits::Tcp(listener) | Waits::Tls(listener, ..) => listener.local_addr().unwrap(),
        }
    }

    /// The same callee once more, for when the server connects again.
    pub(crate) fn again(&self, server: &Server) -> Self {
        let waits = match &self.waits {
            Waits::Udp(socket) => Waits::Udp(socket.try_clone().unwrap()),
            Waits::Tcp(listener) => Waits::Tcp(listener.try_clone().unwrap()),
            Waits::Tls(listener, certificate, key) => {
                Waits::Tls(listener.try_clone().unwrap(), certificate.clone(), key.clone())
            }
        };
        Self::waiting(waits, server, &self.name)
    }

    /// Waits until the server has connected over TLS and found that this is somebody else.
    pub(crate) fn goes_unbelieved(self) {
        let Waits::Tls(listener, certificate, key) = self.waits else { panic!("{} has no TLS", self.name) };
        let mut wire = tls::accept(stream(&listener), &certificate, &key);
        eventually("the server goes away", || {
            wire.fill(Instant::now());
            wire.ended().then_some(())
        });
    }

    /// Waits until it is called.
    pub(crate) fn await_call(self, server: &Server) -> Called {
        let (user, msrp) = self.connected(server);
        Called { trusted: Some(server.certificate()), ..Called::of(user, msrp) }
    }

    /// Waits until the server has connected, if it must.
    pub(crate) fn connected(self, server: &Server) -> (SipUser, TcpListener) {
        let mut user = match self.waits {
            Waits::Udp(socket) => SipUser::udp_from(server, &self.name, socket),
            Waits::Tcp(listener) => SipUser::accepted(server, &self.name, Wire::plain(stream(&listener))),
            Waits::Tls(listener, certificate, key) => {
                SipUser::accepted_tls(server, &self.name, tls::accept(stream(&listener), &certificate, &key))
            }
        };
        user.domain = server.sip.ip().to_string();
        (user, self.msrp)
    }
}

fn stream(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let stream = eventually("the server connects", || listener.accept().ok()).0;
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Somebody who has got the server's INVITE.
pub(crate) struct Called {
    /// Its SIP side.
    pub(crate) user: SipUser,
    /// The INVITE.
    pub(crate) invite: SipMessage,
    tag: String,
    msrp: TcpListener,
    /// The server's certificate, for MSRP inside TLS.
    trusted: Option<PathBuf>,
}

impl Called {
    /// Waits until this user is called.
    pub(crate) fn of(mut user: SipUser, msrp: TcpListener) -> Self {
        let invite = user.expect_request("INVITE");
        Self { user, invite, tag: unique("t"), msrp, trusted: None }
    }

    /// The same with a port of its own for MSRP.
    pub(crate) fn at(server: &Server, user: SipUser) -> Self {
        Self::of(user, TcpListener::bind((server.sip.ip(), 0)).unwrap())
    }

    /// Answers with a provisional response or a failure.
    pub(crate) fn says(&mut self, status: &str) {
        let invite = self.tagged(&self.tag);
        self.user.answer_with(&invite, status, "");
    }

    /// The INVITE as responses with this tag repeat it.
    fn tagged(&self, tag: &str) -> SipMessage {
        let mut invite = self.invite.clone();
        for (name, value) in &mut invite.headers.0 {
            if name == "To" {
                *value += &format!(";tag={tag}");
            }
        }
        invite
    }

    /// The 200 of a device that has this tag; `setup` is `active` or `passive`.
    pub(crate) fn ok(&self, tag: &str, path: &str, setup: &str) -> String {
        let (host, port) = host_and_port(path);
        let protocol = if path.starts_with("msrps:") { "TCP/TLS/MSRP" } else { "TCP/MSRP" };
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=message {port} {protocol} *\r\n\
             a=accept-types:message/cpim text/*\r\na=accept-wrapped-types:*\r\na=setup:{setup}\r\na=path:{path}\r\n\
             a=chatroom:nickname private-messages\r\n"
        );
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for (name, value) in &self.tagged(tag).headers.0 {
            if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name.as_str()) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        let contact = self.user.contact();
        text + &format!(
            "Contact: <{contact}>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// The path that it can be connected to.
    pub(crate) fn path(&self) -> String {
        let scheme = if self.invite.attribute("path").starts_with("msrps:") { "msrps" } else { "msrp" };
        format!("{scheme}://{}/{};tcp", self.msrp.local_addr().unwrap(), unique("s"))
    }

    /// Takes the call and binds the session: connects, or with `passive` waits to be connected to.
    pub(crate) fn accept(mut self, setup: &str) -> Participant {
        let path = self.path();
        let ok = self.ok(&self.tag, &path, setup);
        self.user.send(ok);
        let ack = self.user.expect_request("ACK");
        assert!(ack.header("To").ends_with(&self.tag), "{ack:#?}");
        let call = Call::of_invite(&self.user, &self.invite, &self.tag);
        let session = self.invite.attribute("path").to_owned();
        let room = self.invite.header("From").split(['<', '>']).nth(1).unwrap().to_owned();
        let msrp = if setup == "passive" {
            let mut msrp = MsrpPeer::accepted(&self.msrp);
            msrp.answer_next(200);
            msrp
        } else {
            let (host, port) = host_and_port(&session);
            let address = format!("{host}:{port}").parse().unwrap();
            let trusted = self.trusted.filter(|_| session.starts_with("msrps:"));
            let wire = trusted.map_or_else(|| Wire::connect(address), |trusted| tls::connect(address, &trusted));
            let mut msrp = MsrpPeer::over(wire);
            let bind = Send::empty(&session, &path);
            msrp.write(bind.bytes());
            assert_eq!(msrp.response(&bind.tid), 200, "binding");
            msrp
        };
        Participant { user: self.user, call, msrp, path, session, room }
    }
}
