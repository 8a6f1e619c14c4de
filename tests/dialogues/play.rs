//! Plays a script against a server of its own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::pattern::{self, Names};
use super::script::{self, Action};
use crate::support::PATIENCE;
use crate::support::msrp::MsrpPeer;
use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipMessage, SipUser, host_and_port};

/// Plays one script to its end.
pub(super) fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut setup, mut stage) = (Setup::default(), None);
    for step in script::read(&text) {
        let played = catch_unwind(AssertUnwindSafe(|| match step.action {
            Action::Config { key, value } => setup = setup.clone().set(&key, &value),
            Action::Room { name, line } => setup = setup.clone().room(&name, &line),
            action => stage.get_or_insert_with(|| Stage::of(setup.clone().start())).play(action),
        }));
        if let Err(panic) = played {
            eprintln!("at {}:{}", path.display(), step.line);
            drop(stage);
            resume_unwind(panic);
        }
    }
}

struct Stage {
    server: Server,
    clients: BTreeMap<String, Client>,
    names: Names,
}

#[derive(Default)]
struct Client {
    sip: Option<SipUser>,
    msrp: Option<MsrpPeer>,
    listener: Option<TcpListener>,
}

impl Stage {
    fn of(server: Server) -> Self {
        let known = [
            ("domain", DOMAIN.to_owned()),
            ("server", server.sip.to_string()),
            ("msrp", server.msrp.to_string()),
            ("room", server.room("lobby")),
        ];
        let names = known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { server, clients: BTreeMap::new(), names }
    }

    fn play(&mut self, action: Action) {
        match action {
            Action::Does { who, what } => self.act(&who, &what),
            Action::Sends { who, lines } => {
                let bytes = wire_form(&lines, &mut self.names);
                self.client(&who).write(&bytes);
            }
            Action::Expects { who, lines } => {
                let mut names = std::mem::take(&mut self.names);
                self.client(&who).expect(&lines, &mut names);
                self.names = names;
            }
            Action::Config { .. } | Action::Room { .. } => unreachable!("read before the server starts"),
        }
    }

    fn act(&mut self, who: &str, what: &str) {
        let words: Vec<_> = what.split(' ').collect();
        match words[..] {
            ["joins", room] => self.join(who, room),
            ["calls", "over", transport] => {
                let user = match transport {
                    "udp" => SipUser::udp(&self.server, who),
                    "tcp" => SipUser::tcp(&self.server, who),
                    other => panic!("no transport: {other}"),
                };
                self.know(who, "address", user.local().to_string());
                self.know(who, "port", user.local().port().to_string());
                self.know(who, "uri", user.uri());
                self.client(who).sip = Some(user);
            }
            ["connects"] => {
                let peer = MsrpPeer::connect(self.server.msrp);
                self.client(who).msrp = Some(peer);
            }
            ["connects", "to", uri] => {
                let uri = pattern::write(uri, &mut self.names);
                let (host, port) = host_and_port(&uri);
                let peer = MsrpPeer::connect(format!("{host}:{port}").parse().unwrap());
                self.client(who).msrp = Some(peer);
            }
            ["listens"] => {
                let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
                self.know(who, "port", listener.local_addr().unwrap().port().to_string());
                self.client(who).listener = Some(listener);
            }
            ["accepts"] => self.client(who).accept(),
            ["hangs", "up"] => drop(self.client(who).msrp.take().expect("connected")),
            ["is", "closed"] => self.client(who).msrp.as_mut().expect("connected").expect_closed(),
            ["returns", "to", "SIP"] => self.client(who).msrp = None,
            _ => panic!("not understood: {who} {what}"),
        }
    }

    fn join(&mut self, who: &str, room: &str) {
        let participant = Participant::join_room(&self.server, who, room);
        let Participant { user, msrp, path, session, .. } = participant;
        self.know(who, "path", path);
        self.know(who, "session", session);
        self.know(who, "uri", user.uri());
        let client = self.client(who);
        (client.sip, client.msrp) = (Some(user), Some(msrp));
    }

    fn know(&mut self, who: &str, what: &str, value: String) {
        self.names.insert(format!("{who}.{what}"), value);
    }

    fn client(&mut self, who: &str) -> &mut Client {
        self.clients.entry(who.to_owned()).or_default()
    }
}

impl Client {
    fn write(&mut self, bytes: &[u8]) {
        match (&mut self.msrp, &mut self.sip) {
            (Some(msrp), _) => msrp.write(bytes),
            (None, Some(sip)) => sip.send(bytes),
            (None, None) => panic!("neither called nor connected"),
        }
    }

    fn accept(&mut self) {
        let listener = self.listener.as_ref().expect("listening");
        listener.set_nonblocking(true).unwrap();
        let stream = crate::support::eventually("the server connects", || listener.accept().ok()).0;
        stream.set_nonblocking(false).unwrap();
        self.msrp = Some(MsrpPeer::over(crate::support::wire::Wire::plain(stream)));
    }

    fn expect(&mut self, lines: &[String], names: &mut Names) {
        match (&mut self.msrp, &mut self.sip) {
            (Some(msrp), _) => expect_msrp(msrp, lines, names),
            (None, Some(sip)) => expect_sip(sip, lines, names),
            (None, None) => panic!("neither called nor connected"),
        }
    }
}

/// All lines, in this order, and nothing else.
fn expect_msrp(peer: &mut MsrpPeer, lines: &[String], names: &mut Names) {
    let message = peer.receive();
    let mut came: Vec<_> = message.head.split("\r\n").map(str::to_owned).collect();
    if let Some(body) = &message.body {
        came.push(String::new());
        came.extend(shown_lines(&String::from_utf8_lossy(body)));
    }
    came.push(format!("-------{}{}", message.tid, message.flag));
    let all_fit =
        came.len() == lines.len() && came.iter().zip(lines).all(|(line, pattern)| pattern::fits(pattern, line, names));
    assert!(all_fit, "expected\n{}\nbut came\n{}", lines.join("\n"), came.join("\n"));
}

/// The start line, each header that is written, and each line of the body that is written.
fn expect_sip(user: &mut SipUser, lines: &[String], names: &mut Names) {
    let message = next_sip(user);
    let mut parts = lines.split(String::is_empty);
    let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assert!(pattern::fits(&head[0], &message.start, names), "expected {}, but came {message:#?}", head[0]);
    let headers: Vec<_> = message.headers.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    for wanted in &head[1..] {
        let found = headers.iter().any(|header| pattern::fits(wanted, header, names));
        assert!(found, "expected {wanted}, but came {message:#?}");
    }
    let mut came = shown_lines(&message.body).into_iter();
    for wanted in body {
        let found = came.any(|line| pattern::fits(wanted, &line, names));
        assert!(found, "expected {wanted}, but came {message:#?}");
    }
}

fn next_sip(user: &mut SipUser) -> SipMessage {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let message = user.receive_within(left).expect("a SIP message comes");
        if !(100..200).contains(&message.code()) {
            return message;
        }
    }
}

/// Lines without their CRLF; one that ends in a bare LF with the sign for it.
fn shown_lines(text: &str) -> Vec<String> {
    let shown = |line: &str| match (line.strip_suffix("\r\n"), line.strip_suffix('\n')) {
        (Some(line), _) => line.to_owned(),
        (None, Some(line)) => format!("{line}␊"),
        (None, None) => line.to_owned(),
    };
    let mut lines: Vec<_> = text.split_inclusive('\n').map(shown).collect();
    if text.is_empty() || text.ends_with('\n') {
        lines.push(String::new());
    }
    lines
}

/// The bytes of lines to send.
fn wire_form(lines: &[String], names: &mut Names) -> Vec<u8> {
    let mut text = String::new();
    for line in lines {
        let written = pattern::write(line, names);
        match (written.strip_suffix('␊'), written.strip_suffix('⌇')) {
            (Some(line), _) => text += &format!("{line}\n"),
            (None, Some(line)) => text += line,
            (None, None) => text += &format!("{written}\r\n"),
        }
    }
    let length = text.find("\r\n\r\n").map_or(0, |end| text.len() - end - 4);
    text.replace("${length}", &length.to_string()).into_bytes()
}
