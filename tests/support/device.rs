//! A device of a user of the server's domain: it registers, and messages come to it.

use super::server::{DOMAIN, Server};
use super::sip::{SipMessage, SipUser};
use super::unique;

/// A device.
pub(crate) struct Device {
    pub(crate) user: SipUser,
    /// Whose bindings it changes.
    pub(crate) to: String,
    call_id: String,
    cseq: u32,
}

impl Device {
    /// One that speaks over that socket.
    pub(crate) fn over(mut user: SipUser) -> Self {
        user.domain = DOMAIN.to_owned();
        Self { to: user.uri(), user, call_id: unique("reg"), cseq: 0 }
    }

    /// One over UDP.
    pub(crate) fn udp(server: &Server, name: &str) -> Self {
        Self::over(SipUser::udp(server, name))
    }

    /// One over TCP.
    pub(crate) fn tcp(server: &Server, name: &str) -> Self {
        Self::over(SipUser::tcp(server, name))
    }

    /// A REGISTER with these headers.
    pub(crate) fn request(&mut self, headers: &str) -> String {
        self.cseq += 1;
        let (via, from, to) = (self.user.via(), self.user.uri(), &self.to);
        let (call_id, cseq, domain) = (&self.call_id, self.cseq, &self.user.domain);
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\n{via}Max-Forwards: 70\r\nFrom: <{from}>;tag={}\r\nTo: <{to}>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{headers}Content-Length: 0\r\n\r\n",
            unique("t")
        )
    }

    /// Sends a REGISTER and gives the answer, to a password if one is asked for and known.
    pub(crate) fn register(&mut self, headers: &str) -> SipMessage {
        let request = self.request(headers);
        self.user.send(request);
        let response = self.user.final_response();
        match self.user.login.clone().filter(|_| response.code() == 401) {
            None => response,
            Some(login) => {
                let answer = login.answer(&response, "REGISTER", &format!("sip:{}", self.user.domain), "");
                let request = self.request(&format!("{answer}{headers}"));
                self.user.send(request);
                self.user.final_response()
            }
        }
    }

    /// Registers where it is.
    pub(crate) fn register_here(&mut self) {
        let contact = format!("Contact: <{}>\r\n", self.user.contact());
        let response = self.register(&contact);
        assert_eq!(response.code(), 200, "{response:#?}");
    }

    /// Its Contact with its instance and a flow, as RFC 5626 wants it.
    pub(crate) fn outbound_contact(&self) -> String {
        let contact = self.user.contact();
        format!(
            "Supported: path, outbound\r\nContact: <{contact};ob>;reg-id=1;\
             +sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"\r\n"
        )
    }
}

/// The address of a user of the server's domain.
pub(crate) fn aor(name: &str) -> String {
    format!("sip:{name}@{DOMAIN}")
}

/// The Contacts of a response: each URI, and for how many seconds.
pub(crate) fn bindings(response: &SipMessage) -> Vec<(String, u32)> {
    let values = response.headers.0.iter().filter(|(name, _)| name == "Contact").map(|(_, value)| value);
    let read = |value: &String| {
        let uri = value.split(['<', '>']).nth(1).expect("<URI>").to_owned();
        let expires = value.split(";expires=").nth(1).expect("each has its time");
        let digits = expires.split(';').next().unwrap();
        (uri, digits.parse().unwrap())
    };
    values.map(read).collect()
}
