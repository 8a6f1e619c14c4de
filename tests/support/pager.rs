//! Somebody who is in a room by MESSAGE alone.

use super::server::Server;
use super::sip::{SipMessage, SipUser};

const TEXT: &str = "Content-Type: text/plain;charset=UTF-8\r\n";

/// A device that knows no MSRP.
pub(crate) struct Pager {
    /// Its socket.
    pub(crate) user: SipUser,
    /// The address of the room.
    pub(crate) room: String,
}

impl Pager {
    /// One that has not come in.
    pub(crate) fn at(server: &Server, user: SipUser, room: &str) -> Self {
        Self { user, room: server.room(room) }
    }

    /// One that is in, by that socket, with these headers in its `/join`, and has taken what the room says to that.
    pub(crate) fn join(server: &Server, user: SipUser, room: &str, headers: &str) -> Self {
        let mut pager = Self::at(server, user, room);
        let answer = pager.send(&format!("{TEXT}{headers}"), "/join");
        assert_eq!(answer.code(), 202, "{answer:#?}");
        let mut told = pager.next().body;
        // Who has proven nothing is asked first.
        if let Some(number) = told.strip_prefix(&format!("To be in {} send this: ", pager.room)) {
            assert_eq!(pager.send(&format!("{TEXT}{headers}"), number).code(), 202);
            told = pager.next().body;
        }
        assert!(told.starts_with(&format!("You are in {}", pager.room)), "{told}");
        pager
    }

    /// Sends the room a MESSAGE and gives the answer, to a password if one is asked for and known.
    pub(crate) fn send(&mut self, headers: &str, body: &str) -> SipMessage {
        self.user.send(self.user.request("MESSAGE", &self.room, headers, body));
        let answer = self.user.final_response();
        match self.user.login.clone().filter(|_| answer.code() == 401) {
            None => answer,
            Some(login) => {
                let login = login.answer(&answer, "MESSAGE", &self.room, body);
                self.user.send(self.user.request("MESSAGE", &self.room, &format!("{login}{headers}"), body));
                self.user.final_response()
            }
        }
    }

    /// Sends a text and gives the code of the answer.
    pub(crate) fn say(&mut self, text: &str) -> u16 {
        self.send(TEXT, text).code()
    }

    /// The next message of the room, which is not answered.
    pub(crate) fn unanswered(&mut self) -> SipMessage {
        let message = self.user.receive();
        assert_eq!(message.method(), "MESSAGE", "{message:#?}");
        message
    }

    /// The next message of the room, which is answered.
    pub(crate) fn next(&mut self) -> SipMessage {
        let message = self.unanswered();
        self.user.answer(&message);
        message
    }

    /// Asks for something, and gives what the room says to it.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        assert_eq!(self.say(command), 202, "{command}");
        self.next().body
    }

    /// The next thing that is said in the room.
    pub(crate) fn hears(&mut self, text: &str) {
        assert_eq!(self.next().body, text);
    }
}
