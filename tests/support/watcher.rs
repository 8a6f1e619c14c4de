//! Somebody who subscribes to who is in a room, and reads what it is told.

use std::sync::LazyLock;

use super::schema::Schema;
use super::server::Server;
use super::sip::{Call, SipMessage, SipUser};

/// A subscriber.
pub(crate) struct Watcher {
    /// Its SIP side.
    pub(crate) user: SipUser,
    /// Its dialog with the room.
    pub(crate) call: Call,
}

/// One NOTIFY.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// As it came.
    pub(crate) message: SipMessage,
    /// What the document is: `full`, `partial` or `deleted`; empty without a document.
    pub(crate) state: String,
    /// Its number.
    pub(crate) version: u32,
    /// Those it tells of.
    pub(crate) users: Vec<User>,
}

/// A user in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// The URI.
    pub(crate) entity: String,
    /// Whether it says that they are gone.
    pub(crate) is_gone: bool,
    /// The whole element.
    pub(crate) xml: String,
}

/// What every SUBSCRIBE of these tests says unless the test says otherwise.
pub(crate) const EVENT: &str = "Event: conference\r\nExpires: 600\r\n";

impl Watcher {
    /// Subscribes over TCP; the first NOTIFY is taken.
    pub(crate) fn of(server: &Server, name: &str, room: &str) -> (Self, Notice) {
        Self::with(server, SipUser::tcp(server, name), room, EVENT)
    }

    /// Subscribes by this socket with these headers.
    pub(crate) fn with(server: &Server, user: SipUser, room: &str, headers: &str) -> (Self, Notice) {
        let call = Call::new(&user, &server.room(room));
        let mut watcher = Self { user, call };
        let response = watcher.subscribe(headers);
        assert_eq!(response.code(), 200, "{response:#?}");
        watcher.call.established(&response);
        let first = watcher.next();
        (watcher, first)
    }

    /// Sends SUBSCRIBE and gives the final response, which comes before any NOTIFY of that subscription.
    pub(crate) fn subscribe(&mut self, headers: &str) -> SipMessage {
        let request = self.call.request("SUBSCRIBE", headers, "");
        self.user.send(request);
        self.user.final_response()
    }

    /// The next NOTIFY, which is answered.
    pub(crate) fn next(&mut self) -> Notice {
        let notice = self.unanswered();
        self.user.answer(&notice.message);
        notice
    }

    /// The next NOTIFY, which is not answered.
    pub(crate) fn unanswered(&mut self) -> Notice {
        let message = self.user.receive();
        assert_eq!(message.method(), "NOTIFY", "{message:#?}");
        Notice::read(message)
    }

    /// NOTIFYs until one fits.
    pub(crate) fn until(&mut self, what: &str, fits: impl Fn(&Notice) -> bool) -> Notice {
        for _ in 0..100 {
            let notice = self.next();
            if fits(&notice) {
                return notice;
            }
        }
        panic!("{}: no NOTIFY of {what}", self.user.name);
    }
}

impl Notice {
    /// Reads a NOTIFY, and checks what is true of each (EVT-10, EVT-40, EVT-42, EVT-46, EVT-59).
    pub(crate) fn read(message: SipMessage) -> Self {
        static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::of_rfc(4575, "xs:schema"));
        assert!(message.header("Event").starts_with("conference"), "{message:#?}");
        let subscription = message.header("Subscription-State");
        assert!(subscription.starts_with("active;expires=") || subscription.starts_with("terminated;reason="));
        if message.body.is_empty() {
            return Self { message, state: String::new(), version: 0, users: Vec::new() };
        }
        assert_eq!(message.header("Content-Type"), "application/conference-info+xml");
        if let Some(schema) = &*SCHEMA {
            schema.check(&message.body).unwrap();
        }
        let body = message.body.clone();
        let root = body.split_once("<conference-info ").unwrap().1;
        let state = attribute(root, "state").to_owned();
        let has =
            |state: &str| root.split_once('>').is_some_and(|(_, rest)| rest.contains(&format!("state=\"{state}\"")));
        match state.as_str() {
            "full" => assert!(!has("partial") && !has("deleted"), "{body}"),
            "partial" => assert!(!body.contains("<users ") || body.contains("<users state=\"partial\">"), "{body}"),
            _ => assert!(root.trim_end().ends_with("\"/>"), "{body}"),
        }
        let users = body.split_once("<users ").map_or("", |(_, rest)| rest.split("</users>").next().unwrap());
        Self {
            state,
            version: attribute(root, "version").parse().expect("a version"),
            users: users.split("<user ").skip(1).map(User::read).collect(),
            message,
        }
    }

    /// Subscription-State.
    pub(crate) fn subscription(&self) -> &str {
        self.message.header("Subscription-State")
    }

    /// Those it tells of as being in the room.
    pub(crate) fn present(&self) -> Vec<&str> {
        self.users.iter().filter(|user| !user.is_gone).map(|user| user.entity.as_str()).collect()
    }

    /// Those it tells of as gone.
    pub(crate) fn gone(&self) -> Vec<&str> {
        self.users.iter().filter(|user| user.is_gone).map(|user| user.entity.as_str()).collect()
    }

    /// One whom it tells of.
    pub(crate) fn user(&self, entity: &str) -> &User {
        self.users.iter().find(|user| user.entity == entity).unwrap_or_else(|| panic!("no {entity} in {self:#?}"))
    }

    /// The text of the first element of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text(&self.message.body, name)
    }
}

impl User {
    fn read(xml: &str) -> Self {
        let (entity, state) = (attribute(xml, "entity").to_owned(), attribute(xml, "state"));
        Self { entity, is_gone: state == "deleted", xml: format!("<user {xml}") }
    }

    /// The text of the first element of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text(&self.xml, name)
    }
}

/// The value of an attribute in the tag that `xml` begins within.
fn attribute<'a>(xml: &'a str, name: &str) -> &'a str {
    let tag = xml.split('>').next().unwrap();
    let found = tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    found.unwrap_or_else(|| panic!("no {name} in <{tag}>"))
}

fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
