//! Somebody in a room.

use super::cpim;
use super::msrp::{MsrpMessage, MsrpPeer, Send};
use super::server::Server;
use super::sip::{Call, SipUser, offer};
use super::wire::Wire;
use super::{tls, unique};

/// A participant: a SIP user whose MSRP session is bound.
pub(crate) struct Participant {
    /// Its SIP side.
    pub(crate) user: SipUser,
    /// Its dialog with the room.
    pub(crate) call: Call,
    /// Its connection.
    pub(crate) msrp: MsrpPeer,
    /// Its own MSRP URI.
    pub(crate) path: String,
    /// The room's MSRP URI for this session.
    pub(crate) session: String,
    /// The room.
    pub(crate) room: String,
}

impl Participant {
    /// Joins the lobby over TCP.
    pub(crate) fn join(server: &Server, name: &str) -> Self {
        Self::join_room(server, name, "lobby")
    }

    /// Joins a room over TCP.
    pub(crate) fn join_room(server: &Server, name: &str, room: &str) -> Self {
        Self::join_as(server, SipUser::tcp(server, name), room, |offer| offer)
    }

    /// Joins by this SIP socket, with an offer changed as wanted.
    pub(crate) fn join_as(server: &Server, user: SipUser, room: &str, change: impl FnOnce(String) -> String) -> Self {
        Joined::invite(server, user, room, change).connected(server)
    }

    /// Joins a room over TCP with further headers in its INVITE, each with its line end.
    pub(crate) fn join_with(server: &Server, name: &str, room: &str, headers: &str) -> Self {
        Joined::invite_with(server, SipUser::tcp(server, name), room, headers, |offer| offer).connected(server)
    }

    /// What is sent when `to` alone is to hear `said`.
    pub(crate) fn telling(&self, to: &str, said: &str) -> Send {
        self.sending(&cpim::text(self.user.uri(), to, said))
    }

    /// What is sent when the room is to hear `said`.
    pub(crate) fn saying(&self, said: &str) -> Send {
        self.sending(&cpim::text(self.user.uri(), &self.room, said))
    }

    /// A message with this body, CPIM headers included, in one chunk.
    pub(crate) fn sending(&self, body: &[u8]) -> Send {
        Send::whole(&self.session, &self.path, body)
    }

    /// A chunk of a message.
    pub(crate) fn chunk(&self, id: &str, range: &str, body: &[u8], flag: char) -> Send {
        Send::chunk(&self.session, &self.path, id, range, body, flag)
    }

    /// Sends, and gives the code of the response.
    pub(crate) fn ask(&mut self, send: &Send) -> u16 {
        self.msrp.write(send.bytes());
        self.msrp.response(&send.tid)
    }

    /// Says something to the room, which takes it.
    pub(crate) fn say(&mut self, said: &str) {
        let send = self.saying(said);
        assert_eq!(self.ask(&send), 200, "{said}");
    }

    /// The next message of the room as a whole.
    pub(crate) fn hear(&mut self) -> Vec<u8> {
        let mut first = self.msrp.next_send();
        while first.body.is_none() {
            first = self.msrp.next_send();
        }
        self.gather(first)
    }

    /// What the next message says.
    pub(crate) fn hear_text(&mut self) -> String {
        cpim::content(&self.hear())
    }

    /// Hears exactly this text next.
    pub(crate) fn hears(&mut self, said: &str) {
        assert_eq!(self.hear_text(), said, "{} hears", self.user.name);
    }

    /// The rest of a message whose first chunk came; each chunk must begin where the one before ended.
    pub(crate) fn gather(&mut self, first: MsrpMessage) -> Vec<u8> {
        let id = first.header("Message-ID").to_owned();
        self.check_copy(&first);
        let mut whole = first.content().to_vec();
        let mut last = first;
        while last.flag == '+' {
            let fits = |message: &MsrpMessage| message.method == "SEND" && message.header("Message-ID") == id;
            last = self.msrp.receive_where("further chunk", fits);
            self.check_copy(&last);
            assert_eq!(last.byte_range().0, u64::try_from(whole.len()).unwrap() + 1, "{last:?}");
            whole.extend_from_slice(last.content());
        }
        assert_eq!(last.flag, '$', "{last:?}");
        whole
    }

    fn check_copy(&self, copy: &MsrpMessage) {
        assert_eq!(copy.header("To-Path"), self.path, "{copy:?}");
        assert_eq!(copy.header("From-Path"), self.session, "{copy:?}");
        assert_eq!(copy.header("Content-Type"), "message/cpim", "{copy:?}");
        assert_ne!(copy.headers.find("Success-Report"), Some("yes"), "CHAT-45: {copy:?}");
    }

    /// Leaves by BYE.
    pub(crate) fn leave(mut self) {
        let bye = self.call.request("BYE", "", "");
        self.user.send(bye);
        loop {
            let message = self.user.receive();
            if message.code() == 200 && message.header("CSeq").ends_with("BYE") {
                return;
            }
        }
    }
}

/// A participant that has joined and not connected yet.
pub(crate) struct Joined {
    /// Its SIP side.
    pub(crate) user: SipUser,
    /// Its dialog with the room.
    pub(crate) call: Call,
    /// Its own MSRP URI.
    pub(crate) path: String,
    /// The room's MSRP URI for this session.
    pub(crate) session: String,
    /// The room.
    pub(crate) room: String,
    /// The room's answer.
    pub(crate) answer: super::sip::SipMessage,
}

impl Joined {
    /// INVITE, 200, ACK.
    pub(crate) fn invite(server: &Server, user: SipUser, room: &str, change: impl FnOnce(String) -> String) -> Self {
        Self::invite_with(server, user, room, "", change)
    }

    /// INVITE with further headers, 200, ACK.
    pub(crate) fn invite_with(
        server: &Server,
        mut user: SipUser,
        room: &str,
        headers: &str,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let path = own_path(&user);
        let room = server.room(room);
        let mut call = Call::new(&user, &room);
        let answer = call.ask_to_join(&mut user, headers, &change(offer(&path)));
        assert_eq!(answer.code(), 200, "{answer:#?}");
        call.established(&answer);
        user.send(call.ack(""));
        let session = answer.attribute("path").to_owned();
        Self { user, call, path, session, room, answer }
    }

    /// Connects to where the answer says.
    pub(crate) fn connection(&mut self, server: &Server) -> MsrpPeer {
        let (host, port) = super::sip::host_and_port(&self.session);
        let address = std::net::SocketAddr::new(host.parse().unwrap(), port.parse().unwrap());
        if self.session.starts_with("msrps:") {
            return MsrpPeer::over(tls::connect(address, &server.certificate()));
        }
        MsrpPeer::over(Wire::connect(address))
    }

    /// Connects and binds.
    pub(crate) fn connected(mut self, server: &Server) -> Participant {
        let connection = self.connection(server);
        self.bind(connection)
    }

    /// Binds the session to that connection.
    pub(crate) fn bind(self, mut msrp: MsrpPeer) -> Participant {
        let bind = Send::empty(&self.session, &self.path);
        msrp.write(bind.bytes());
        assert_eq!(msrp.response(&bind.tid), 200, "binding");
        assert_eq!(msrp.unasked().count(), 0, "the 200 to the bind comes first");
        let Self { user, call, path, session, room, .. } = self;
        Participant { user, call, msrp, path, session, room }
    }
}

/// An MSRP URI of our own; the port is where SIP comes from, since nobody connects to it.
pub(crate) fn own_path(user: &SipUser) -> String {
    let scheme = if user.transport() == "TLS" { "msrps" } else { "msrp" };
    format!("{scheme}://{}/{};tcp", user.local(), unique("s"))
}
