//! Presence as clients see it: somebody who watches a user, and a user who publishes.

use std::sync::LazyLock;

use super::device::aor;
use super::schema::Schema;
use super::sip::{Call, SipMessage, SipUser};

/// Somebody who watches a user.
pub(crate) struct Watching {
    /// Its SIP side.
    pub(crate) user: SipUser,
    /// Its dialog.
    pub(crate) call: Call,
}

/// One NOTIFY.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// As it came.
    pub(crate) message: SipMessage,
}

/// What every SUBSCRIBE of these tests says unless the test says otherwise.
pub(crate) const PRESENCE: &str = "Event: presence\r\nExpires: 600\r\n";

impl Watching {
    /// Subscribes to a user; the first NOTIFY is taken.
    pub(crate) fn of(user: SipUser, name: &str) -> (Self, Told) {
        Self::with(user, name, PRESENCE)
    }

    /// Subscribes with these headers.
    pub(crate) fn with(mut user: SipUser, name: &str, headers: &str) -> (Self, Told) {
        let mut call = Call::new(&user, &aor(name));
        let response = call.ask(&mut user, "SUBSCRIBE", headers, "");
        assert_eq!(response.code(), 200, "{response:#?}");
        call.established(&response);
        let mut watching = Self { user, call };
        let first = watching.next();
        (watching, first)
    }

    /// Sends SUBSCRIBE in the dialog and gives the final response, which comes before its NOTIFY.
    pub(crate) fn subscribe(&mut self, headers: &str) -> SipMessage {
        self.call.ask(&mut self.user, "SUBSCRIBE", headers, "")
    }

    /// The next NOTIFY, which is answered.
    pub(crate) fn next(&mut self) -> Told {
        let message = self.user.expect_request("NOTIFY");
        self.user.answer(&message);
        Told::read(message)
    }

    /// NOTIFYs until one fits.
    pub(crate) fn until(&mut self, what: &str, fits: impl Fn(&Told) -> bool) -> Told {
        for _ in 0..20 {
            let told = self.next();
            if fits(&told) {
                return told;
            }
        }
        panic!("{}: no NOTIFY of {what}", self.user.name);
    }
}

impl Told {
    /// Reads a NOTIFY, and checks what is true of each (EVT-10, EVT-70, EVT-81).
    fn read(message: SipMessage) -> Self {
        static SCHEMA: LazyLock<Option<Schema>> =
            LazyLock::new(|| Schema::of_rfc(3863, "xs:schema targetNamespace=\"urn:ietf:params:xml:ns:pidf\""));
        assert!(message.header("Event").starts_with("presence"), "{message:#?}");
        let state = message.header("Subscription-State");
        assert!(state.starts_with("active;expires=") || state.starts_with("terminated;reason="), "{message:#?}");
        let is_current = !message.body.is_empty() && message.header("Content-Type") == "application/pidf+xml";
        if let Some(schema) = SCHEMA.as_ref().filter(|_| is_current) {
            schema.check(&message.body).unwrap();
        }
        Self { message }
    }

    /// Subscription-State.
    pub(crate) fn state(&self) -> &str {
        self.message.header("Subscription-State")
    }

    /// Whether each way is `open` or `closed`.
    pub(crate) fn basics(&self) -> Vec<&str> {
        self.elements("basic")
    }

    /// The addresses.
    pub(crate) fn contacts(&self) -> Vec<&str> {
        self.elements("contact")
    }

    /// What is said.
    pub(crate) fn notes(&self) -> Vec<&str> {
        self.elements("note")
    }

    /// The texts of the elements of that name.
    fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}"), format!("</{name}>"));
        let found = self.message.body.split(&open).skip(1);
        found.filter_map(|rest| Some(rest.split_once('>')?.1.split_once(&close)?.0)).collect()
    }
}

/// Sends a PUBLISH for a user, once more with its password if it is asked for one, and gives the final response.
pub(crate) fn publish(user: &mut SipUser, name: &str, headers: &str, body: &str) -> SipMessage {
    let kind = if body.is_empty() || headers.contains("Content-Type: ") {
        ""
    } else {
        "Content-Type: application/pidf+xml\r\n"
    };
    let mut call = Call::new(user, &aor(name));
    call.ask(user, "PUBLISH", &format!("{headers}{kind}"), body)
}

/// A document with one way that is open, and a note.
pub(crate) fn saying(name: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"pres:{name}\">\r\n<tuple id=\"desk\"><status>\
         <basic>open</basic></status><rpid:activities><rpid:meeting/></rpid:activities>\
         <contact priority=\"0.8\">sip:{name}@192.0.2.7:5070</contact><note xml:lang=\"en\">{note}</note></tuple>\r\n\
         </presence>\r\n"
    )
}
