//! Taking part by MESSAGE alone (MSG-52).

use super::transfer::{PUSH, few};
use super::{OFFER, Peer, SECOND, Scene, tcp, udp, value};
use crate::{Account, Caller, EndReason, Output, PageFate, RequestId, Spoken};
use parlor_room::{ParticipantId, Rules, SessionId};
use parlor_sip::{HeaderName, Request, Response};
use std::time::Duration;

/// What goes to somebody.
#[derive(Debug)]
struct Paged {
    id: RequestId,
    request: Request,
}

impl Paged {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.request.body).unwrap()
    }

    fn kind(&self) -> &str {
        self.request.headers.first(&HeaderName::ContentType).unwrap()
    }
}

/// The messages among outputs, and what became of others.
fn paged(outputs: Vec<Output>) -> (Vec<Paged>, Vec<PageFate>) {
    let (mut pages, mut fates) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Page { id, page } => pages.push(Paged { id, request: page.request }),
            Output::PageEnded(fate) => fates.push(fate),
            _ => {}
        }
    }
    (pages, fates)
}

fn only(outputs: Vec<Output>) -> Paged {
    let (mut pages, _) = paged(outputs);
    assert_eq!(pages.len(), 1, "{pages:?}");
    pages.remove(0)
}

/// The answer that somebody is asked for who has proven nothing.
fn number_in(page: &Paged) -> String {
    page.text().strip_prefix("To be in sip:lobby@chat.example.com send this: ").expect("a question").to_owned()
}

fn left(outputs: &[Output]) -> Option<EndReason> {
    outputs.iter().find_map(|output| match output {
        Output::PagerLeft { reason, .. } => Some(*reason),
        _ => None,
    })
}

fn proven(name: &str) -> Caller {
    Caller::verified(Account { aor: format!("sip:{name}@example.org").parse().unwrap(), aliases: Box::default() })
}

fn scene(rules: impl FnOnce(&mut Rules)) -> Scene {
    Scene::with(
        |own| {
            own.by_message = true;
            rules(own);
        },
        |_| {},
    )
}

impl Scene {
    fn ask(&mut self, peer: &mut Peer, text: &str) -> (Response, Vec<Output>) {
        peer.extra = "Content-Type: text/plain\r\n".into();
        let request = peer.next("MESSAGE", Some(text));
        let tx = self.tx();
        self.focus.handle_request(self.now, &mut self.room, tx, &request, peer.flow, &self.caller.clone());
        let mut outputs = self.outputs();
        if let Some(at) = outputs.iter().position(|output| matches!(output, Output::Ask { .. })) {
            let Output::Ask { tx, request, ask } = outputs.remove(at) else { unreachable!() };
            self.focus.handle_posted(tx, &request, Ok(()));
            self.focus.handle_asked(self.now, &mut self.room, &ask);
            outputs.extend(self.outputs());
        }
        let at = outputs.iter().position(|output| matches!(output, Output::Respond { .. })).expect("an answer");
        let Output::Respond { response, .. } = outputs.remove(at) else { unreachable!() };
        (response, outputs)
    }

    /// Somebody sends a MESSAGE outside of dialogs, and what it says is said to all who are in by MESSAGE.
    pub(super) fn hears(&mut self, name: &'static str, is_proven: bool, text: &str) -> Vec<Output> {
        let mut peer = Peer::new(name);
        peer.extra = "Content-Type: text/plain\r\n".into();
        self.caller = if is_proven { proven(name) } else { Caller::UNVERIFIED };
        let (tx, request) = (self.tx(), peer.next("MESSAGE", Some(text)));
        self.focus.handle_request(self.now, &mut self.room, tx, &request, peer.flow, &self.caller.clone());
        self.caller = Caller::UNVERIFIED;
        let mut all = self.outputs();
        for at in 0..all.len() {
            match &all[at] {
                Output::Post { post, .. } => {
                    let from = post.participant;
                    self.focus.handle_posted(tx, &request, Ok(()));
                    all.extend(self.says(from, text));
                }
                Output::Ask { ask, .. } => {
                    let ask = ask.clone();
                    self.focus.handle_posted(tx, &request, Ok(()));
                    self.focus.handle_asked(self.now, &mut self.room, &ask);
                    all.extend(self.outputs());
                }
                _ => {}
            }
        }
        let answers = all.iter().filter(|output| matches!(output, Output::Respond { .. })).count();
        assert_eq!(answers, 1, "one answer");
        all
    }

    /// Comes in, and takes all that the room says to that.
    fn comes(&mut self, name: &'static str, accept: &str) -> Peer {
        let mut peer = Peer::new(name);
        let rest = self.comes_in(&mut peer, accept);
        self.take_all(rest);
        peer
    }

    /// Asks to come in, and says the number back; what comes of that.
    pub(super) fn comes_in(&mut self, peer: &mut Peer, accept: &str) -> Vec<Output> {
        peer.extra = format!("Content-Type: text/plain\r\n{accept}");
        let (response, rest) = self.ask(peer, "/join");
        assert_eq!(response.code, 202);
        let number = number_in(&only(rest));
        peer.extra = format!("Content-Type: text/plain\r\n{accept}");
        let request = peer.next("MESSAGE", Some(&number));
        let (response, rest) = self.request(&request, peer.flow);
        assert_eq!(response.code, 202);
        rest
    }

    /// Answers what comes, and what comes after that; gives it.
    fn take_all(&mut self, outputs: Vec<Output>) -> Vec<String> {
        let (mut pages, mut all) = (paged(outputs).0, Vec::new());
        while !pages.is_empty() {
            let page = pages.remove(0);
            all.push(page.text().to_owned());
            pages.extend(paged(self.answered(&page, 200)).0);
        }
        all
    }

    fn answered(&mut self, page: &Paged, code: u16) -> Vec<Output> {
        self.answer(page.id, &Response::new(code, "Whatever"))
    }

    /// Who says what a MESSAGE says, and on which device.
    fn posted(&mut self, request: &Request) -> (Option<ParticipantId>, Option<SessionId>) {
        let tx = self.tx();
        self.focus.handle_request(self.now, &mut self.room, tx, request, tcp(), &self.caller.clone());
        let post = self.outputs().into_iter().find_map(|output| match output {
            Output::Post { post, .. } => Some(post),
            _ => None,
        });
        (post.as_ref().map(|post| post.participant), post.and_then(|post| post.device))
    }

    fn first(&self) -> ParticipantId {
        self.room.participants().next().unwrap().0
    }

    fn hears_itself(&mut self, who: ParticipantId) -> Vec<Output> {
        let said =
            Spoken { from: who, is_private: false, essence: "text/plain", size: 2, cpim: None, text: Some("hi") };
        self.focus.page(self.now, &mut self.room, &said, |_, _| true);
        self.outputs()
    }

    fn says(&mut self, from: ParticipantId, text: &str) -> Vec<Output> {
        let cpim = format!("From: <sip:x@y>\r\nTo: <sip:z@y>\r\n\r\nContent-Type: text/plain\r\n\r\n{text}");
        let size = text.len() as u64;
        let (cpim, text) = (Some(cpim.as_bytes()), Some(text));
        let spoken = Spoken { from, is_private: false, essence: "text/plain", size, cpim, text };
        self.focus.page(self.now, &mut self.room, &spoken, |_, own| own != from);
        self.outputs()
    }
}

/// MSG-52: who sends `/join` is in, as everybody sees, is told so one message at a time, and can ask and leave.
#[test]
fn coming_and_going() {
    let mut scene = scene(|rules| {
        rules.welcome = "Be kind.".into();
        rules.by_message_for = Duration::from_secs(7200);
    });
    let mut alice = Peer::new("alice");
    let (response, _) = scene.ask(&mut alice, "/join");
    assert_eq!((response.code, value(&response, "Contact")), (202, None));
    let rest = scene.comes_in(&mut alice, "");
    assert_eq!((scene.room.participants().len(), scene.focus.places()), (1, 1));
    let page = only(rest);
    assert_eq!(page.request.headers.max_forwards(), Ok(Some(70)));
    assert_eq!(page.request.headers.from().unwrap().uri, *scene.room.uri(), "MSG-54");
    assert_eq!(page.request.headers.to().unwrap().uri.to_string(), "sip:alice@example.org");
    assert_eq!(page.request.uri.to_string(), "sip:alice@192.0.2.9:40001;transport=tcp");
    assert!(!page.request.headers.has(&HeaderName::Contact), "MSG-11");
    assert!(page.text().starts_with("You are in sip:lobby@chat.example.com"), "{page:?}");
    let rest = scene.answered(&page, 200);
    assert_eq!(scene.take_all(rest), ["Be kind."]);
    for (asked, told) in [
        ("/nick Ally", "You are Ally now."),
        ("/who", "1 here: Ally"),
        ("/nick \u{7}", "That cannot be a nickname."),
        ("/help", "2 hours"),
    ] {
        let (response, rest) = scene.ask(&mut alice, asked);
        assert_eq!(response.code, 202);
        assert!(scene.take_all(rest)[0].contains(told), "{asked}");
    }
    alice.extra = "Content-Type: text/plain\r\n".into();
    let request = alice.next("MESSAGE", Some("hello all"));
    let (post, device) = scene.posted(&request);
    assert_eq!((post, device), (Some(scene.first()), Some(scene.session())));
}

/// What is no command is said to the room, from this device; who is not in is told how to come in.
#[test]
fn what_is_said() {
    let mut scene = scene(|_| {});
    let mut bob = Peer::new("bob");
    let (refused, _) = scene.ask(&mut bob, "hello");
    assert_eq!(refused.code, 403);
    assert!(value(&refused, "Warning").unwrap().starts_with("399 chat.example.com \"Send /join"), "{refused:?}");
    let mut closed = Scene::new();
    for text in ["/join", "hello"] {
        let (refused, _) = closed.ask(&mut bob, text);
        assert_eq!((refused.code, value(&refused, "Warning")), (403, None));
    }
    let audio = OFFER.replace("m=message 35631", "m=audio 35631");
    let (refused, _) = scene.request(&Peer::new("carol").invite(Some(&audio)), tcp());
    assert_eq!(refused.code, 488);
    let warning = value(&refused, "Warning").unwrap();
    assert!(warning.starts_with("304 ") && warning.contains("MSRP") && warning.contains("/join"), "{warning}");
}

/// MSG-17: one message at a time; what does not fit is counted and told when the rest has come.
#[test]
fn what_waits_is_bounded() {
    let mut scene = scene(|_| {});
    scene.comes("alice", "");
    let carol = scene.comes("carol", "");
    let carol = scene.room.participant_at(&format!("sip:{}@example.org", carol.name).parse().unwrap()).unwrap();
    let first = only(scene.says(carol, "number 0"));
    assert_eq!((first.text(), first.kind()), ("<sip:carol@example.org> number 0", "text/plain;charset=UTF-8"));
    let mut dropped = 0;
    for n in 1..40 {
        let (pages, fates) = paged(scene.says(carol, &format!("number {n}")));
        assert!(pages.is_empty());
        dropped += fates.iter().filter(|fate| **fate == PageFate::Dropped).count();
    }
    assert_eq!(dropped, 8);
    let rest = scene.answered(&first, 200);
    let told = scene.take_all(rest);
    assert_eq!((told.len(), told.last().map(String::as_str)), (32, Some("You missed 8 messages.")));
    let mut large = Vec::new();
    (0..20).for_each(|_| large.extend(scene.says(carol, &"x".repeat(4500))));
    assert_eq!(scene.take_all(large).len(), 8, "32 KiB");
}

/// MSG-16, MSG-52: `message/cpim` for who listed it, text for others and where it does not fit, then a notice.
#[test]
fn in_the_form_that_is_taken() {
    let mut scene = scene(|_| {});
    scene.comes("alice", "Accept: text/plain, message/cpim\r\n");
    scene.comes("carol", "");
    let carol = scene.room.participants().last().unwrap().0;
    let page = only(scene.says(carol, "hello"));
    assert_eq!(page.kind(), "message/cpim");
    assert!(page.text().starts_with("From: <sip:x@y>") && page.text().ends_with("\r\n\r\nhello"));
    let page = only(scene.answered(&page, 413));
    assert_eq!((page.kind(), page.text()), ("text/plain;charset=UTF-8", "<sip:carol@example.org> hello"));
    let page = only(scene.answered(&page, 413));
    assert_eq!(page.text(), "Not shown here: 5 bytes of text/plain from <sip:carol@example.org>");
    let (_, fates) = paged(scene.answered(&page, 200));
    assert_eq!(fates, [PageFate::Told]);
    let page = only(scene.says(carol, "hello"));
    assert_eq!(page.kind(), "message/cpim", "another may fit");
    let page = only(scene.answered(&page, 415));
    assert_eq!(page.kind(), "text/plain;charset=UTF-8");
    scene.answered(&page, 200);
    let page = only(scene.says(carol, "one"));
    scene.answered(&page, 200);
    assert_eq!(only(scene.says(carol, "hello")).kind(), "text/plain;charset=UTF-8", "it takes none");
    let image = Spoken { from: carol, is_private: true, essence: "image/png", size: 9, cpim: None, text: None };
    let mut other = self::scene(|_| {});
    other.comes("alice", "Accept: message/cpim\r\n");
    let image = Spoken { from: other.first(), ..image };
    other.focus.page(other.now, &mut other.room, &image, |_, _| true);
    let page = only(other.outputs());
    assert_eq!(page.text(), "Not shown here: (to you alone) 9 bytes of image/png from <sip:alice@example.org>");
}

/// Who never took anything is not sent a second message; who did is tried again, and given up after a while.
#[test]
fn devices_that_are_gone() {
    let mut scene = scene(|_| {});
    let mut mallory = Peer::new("mallory");
    mallory.flow = udp("198.51.100.7:5060");
    scene.caller = proven("mallory");
    let (_, rest) = scene.ask(&mut mallory, "/join");
    scene.caller = Caller::UNVERIFIED;
    let outputs = scene.answered(&only(rest), 408);
    assert_eq!(left(&outputs), Some(EndReason::Unreachable));
    assert!(paged(outputs).0.is_empty() && scene.room.is_empty());
    scene.comes("alice", "");
    let alice = scene.first();
    let said = Spoken { from: alice, is_private: false, essence: "text/plain", size: 2, cpim: None, text: Some("hi") };
    scene.focus.page(scene.now, &mut scene.room, &said, |_, _| true);
    let mut page = only(scene.outputs());
    for _ in 0..10 {
        let (pages, fates) = paged(scene.answered(&page, 480));
        assert_eq!((pages.len(), fates), (0, vec![PageFate::Unreached]));
        assert!(paged(scene.pass(29 * SECOND)).0.is_empty());
        page = only(scene.pass(SECOND));
    }
    let outputs = scene.answered(&page, 480);
    assert_eq!(left(&outputs), Some(EndReason::Unreachable));
    scene.comes("alice", "");
    let alice = scene.first();
    let said = Spoken { from: alice, ..said };
    scene.focus.page(scene.now, &mut scene.room, &said, |_, _| true);
    let page = only(scene.outputs());
    assert_eq!(left(&scene.answered(&page, 404)), Some(EndReason::Unreachable), "nobody is there");
}

/// It stays as long as it says something, and leaves by word, by time, by force, and when the room ends; each is told.
#[test]
fn the_end() {
    let mut scene = scene(|rules| rules.by_message_for = Duration::from_secs(600));
    let mut alice = scene.comes("alice", "");
    scene.pass(Duration::from_secs(500));
    let (_, rest) = scene.ask(&mut alice, "/who");
    scene.take_all(rest);
    assert_eq!(left(&scene.pass(Duration::from_secs(599))), None);
    let outputs = scene.pass(SECOND);
    assert_eq!(left(&outputs), Some(EndReason::Expired));
    assert!(only(outputs).text().contains("/join brings you back"));
    assert!(scene.room.is_empty() && scene.focus.poll_timeout().is_none());
    let mut alice = scene.comes("alice", "");
    let (response, outputs) = scene.ask(&mut alice, "/leave");
    assert_eq!((response.code, left(&outputs)), (202, Some(EndReason::Left)));
    assert_eq!(only(outputs).text(), "You have left the room.");
    scene.comes("alice", "");
    let who = scene.first();
    scene.focus.eject(scene.now, &mut scene.room, who);
    let outputs = scene.outputs();
    assert_eq!(left(&outputs), Some(EndReason::Removed));
    scene.comes("alice", "");
    let alice = scene.first();
    scene.says(ParticipantId(0), "one");
    let said = Spoken { from: alice, is_private: false, essence: "text/plain", size: 2, cpim: None, text: Some("hi") };
    scene.focus.page(scene.now, &mut scene.room, &said, |_, _| true);
    scene.outputs();
    scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
    let page = only(scene.outputs());
    assert_eq!(page.text(), "The server is going down. You missed 2 messages.");
    assert!(scene.room.is_empty() && scene.focus.is_idle());
}

/// The room's rules hold: who may come, how many, none without a name; joining again is no second device.
#[test]
fn rules_hold() {
    let mut scene = scene(|rules| {
        rules.max_participants = 1;
        rules.deny = parlor_room::UserList::parse(["sip:mallory@example.org"]).unwrap();
    });
    assert_eq!(scene.ask(&mut Peer::new("mallory"), "/join").0.code, 403);
    let mut hidden = Peer::new("eve");
    hidden.extra = "Privacy: id\r\nContent-Type: text/plain\r\n".into();
    let request = hidden.next("MESSAGE", Some("/join"));
    assert_eq!(scene.request(&request, tcp()).0.code, 433);
    let mut alice = scene.comes("alice", "");
    assert_eq!(scene.ask(&mut Peer::new("bob"), "/join").0.code, 486);
    let (again, rest) = scene.ask(&mut alice, "/join");
    assert_eq!((again.code, scene.room.sessions().len()), (202, 1));
    assert!(scene.take_all(rest)[0].starts_with("You are in"));
    let mut tls = self::scene(|rules| rules.require_tls = true);
    assert_eq!(tls.ask(&mut Peer::new("alice"), "/join").0.code, 403);
}

/// MSG-52: nobody is made to get what others ordered. Who has proven nothing says a number back, which is good for its name at
/// its place and for some minutes; what comes from elsewhere without it moves nobody, and neither does what is refused.
#[test]
fn nobody_is_aimed_at() {
    let mut scene = scene(|_| {});
    let mut alice = Peer::new("alice");
    let question = only(scene.ask(&mut alice, "/join").1);
    assert!(scene.room.is_empty() && scene.focus.places() == 0, "nothing is kept of who only asks");
    let number = number_in(&question);
    let mut other = Peer::new("alice");
    other.flow = udp("198.51.100.7:5060");
    for text in [number.as_str(), "/join 1234567890"] {
        number_in(&only(scene.ask(&mut other, text).1));
    }
    number_in(&only(scene.ask(&mut Peer::new("bob"), &number).1));
    scene.pass(Duration::from_secs(1200));
    number_in(&only(scene.ask(&mut alice, &number).1));
    assert!(scene.room.is_empty());
    let rest = scene.comes_in(&mut alice, "");
    scene.take_all(rest);
    assert_eq!(
        only(scene.ask(&mut other, "/who").1).request.uri.to_string(),
        "sip:alice@192.0.2.9:40001;transport=tcp"
    );
    let mut scene = self::scene(|_| {});
    scene.caller = proven("alice");
    let rest = scene.ask(&mut alice, "/join").1;
    scene.take_all(rest);
    other.extra = "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n".into();
    let refused = other.next("MESSAGE", Some("x"));
    assert_eq!(scene.request(&refused, other.flow).0.code, 415);
    let who = scene.first();
    assert!(only(scene.hears_itself(who)).request.uri.to_string().starts_with("sip:alice@192.0.2.9:"));
}

/// MSG-52: who has proven who it is is followed to another place, where it is not sent a second message before it took one; what
/// the place it has left says does not count.
#[test]
fn followed_and_asked_again() {
    let mut scene = scene(|_| {});
    scene.caller = proven("alice");
    let mut alice = Peer::new("alice");
    let rest = scene.ask(&mut alice, "/join").1;
    scene.take_all(rest);
    let who = scene.first();
    let before = only(scene.hears_itself(who));
    alice.flow = udp("198.51.100.7:5060");
    assert!(paged(scene.ask(&mut alice, "/who").1).0.is_empty(), "one is on its way");
    let again = only(scene.answered(&before, 404));
    assert_eq!((again.text(), again.request.uri.to_string().as_str()), (before.text(), "sip:alice@198.51.100.7:5060"));
    assert_eq!(left(&scene.answered(&again, 405)), Some(EndReason::Unreachable));
}

/// What could not be sent for want of room is tried again, also to who never took anything.
#[test]
fn unsent_is_nobodys_fault() {
    let mut scene = scene(|_| {});
    scene.caller = proven("alice");
    let greeting = only(scene.ask(&mut Peer::new("alice"), "/join").1);
    for _ in 0..20 {
        scene.focus.handle_request_delayed(scene.now, &mut scene.room, greeting.id);
        let (pages, fates) = paged(scene.outputs());
        assert!(pages.is_empty() && fates.len() <= 1, "{fates:?}");
    }
    let again = only(scene.pass(30 * SECOND));
    assert_eq!(again.text(), greeting.text());
    assert_eq!(scene.take_all(Vec::new()).len(), 0);
    let (pages, fates) = paged(scene.answered(&again, 200));
    assert_eq!((pages.len(), fates), (0, vec![PageFate::Delivered]));
}

/// A device that failed and speaks again has all its time again.
#[test]
fn who_speaks_is_there() {
    let mut scene = scene(|_| {});
    let mut alice = scene.comes("alice", "");
    let who = scene.first();
    let mut page = only(scene.hears_itself(who));
    for _ in 0..9 {
        scene.answered(&page, 480);
        page = only(scene.pass(30 * SECOND));
    }
    scene.answered(&page, 480);
    page = only(scene.ask(&mut alice, "/who").1);
    scene.pass(60 * SECOND);
    assert_eq!(left(&scene.answered(&page, 480)), None);
}

/// Nobody puts words into the room's mouth or another's, however a name is chosen or a line is ended.
#[test]
fn words_are_their_speakers() {
    let mut scene = scene(|_| {});
    scene.comes("alice", "");
    let mut mallory = scene.comes("mallory", "");
    let who = scene.room.participants().last().unwrap().0;
    for (name, shown) in [
        ("The topic is", "<The topic is> "),
        ("bob> (to you alone) <x", "<sip:mallory@example.org> "),
        ("(to you alone) <bob", "<sip:mallory@example.org> "),
    ] {
        let (_, rest) = scene.ask(&mut mallory, &format!("/nick {name}"));
        scene.take_all(rest);
        for line in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let rest = scene.says(who, &format!("one{line}<bob> two"));
            assert_eq!(scene.take_all(rest), [format!("{shown}one\n  <bob> two")], "{line:?}");
        }
    }
    let kind = format!("image/{}", "x".repeat(5000));
    let said = Spoken { from: who, is_private: false, essence: &kind, size: 1, cpim: None, text: None };
    scene.focus.page(scene.now, &mut scene.room, &said, |_, own| own != who);
    assert!(only(scene.outputs()).text().len() < 200);
    let text = "x\n".repeat(400);
    let said = Spoken { text: Some(&text), ..said };
    let told = scene.focus.mention(scene.now, &scene.room, &"sip:bob@example.org".parse().unwrap(), &said);
    assert!(told.body.len() < 510 && told.body.starts_with(b"You were named in lobby by <sip:mallory@"), "MSG-16");
}

/// Who is removed takes the files with it that it was bringing, and a room that closes greets nobody.
#[test]
fn the_end_of_all_that_is_theirs() {
    let mut scene = Scene::with(|rules| rules.by_message = true, |settings| settings.files = Some(few()));
    let mut alice = scene.comes("alice", "");
    let mut pushing = Peer::new("alice");
    let (response, _) = scene.request(&pushing.invite(Some(PUSH)), pushing.flow);
    assert_eq!(response.code, 200);
    pushing.learn(&response);
    scene.ack(&pushing.ack(None));
    scene.room.close();
    let (response, rest) = scene.ask(&mut alice, "/join");
    assert_eq!((response.code, paged(rest).0.len()), (503, 0));
    let who = scene.first();
    scene.focus.eject(scene.now, &mut scene.room, who);
    let outputs = scene.outputs();
    assert!(outputs.iter().any(|output| matches!(output, Output::CloseSession { .. })), "{outputs:?}");
    assert!(scene.room.is_empty() && scene.focus.transfers.is_empty());
}
