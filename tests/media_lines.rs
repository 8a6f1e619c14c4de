//! Dialogs with several media lines: further sessions beside the chat, and audio and video that are none of ours.

use crate::support::cpim;
use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{SipMessage, SipUser, offer};
use crate::support::watcher::Watcher;

/// REQ-1, CHAT-D1, CHAT-41: what is sent on any line reaches everybody else once, and no line of its sender; what others
/// say comes on the first line alone. To the room the lines are one participant.
#[test]
fn each_line_is_a_session() {
    let server = Setup::default().set("rooms.welcome", "\"Welcome\"").start();
    let mut bob = Participant::join(&server, "bob");
    bob.hears("Welcome");
    let (mut alice, mut further) = join_with(&server, "alice", 1);
    let mut second = further.remove(0);
    alice.hears("Welcome");
    server.shows("parlor_msrp_sessions", 3.0);
    server.shows("parlor_participants", 2.0);

    let sent = second.sending(&alice, "on the second line");
    second.msrp.write(sent.bytes());
    assert_eq!(second.msrp.response(&sent.tid), 200);
    bob.hears("on the second line");
    alice.say("on the first");
    bob.hears("on the first");
    bob.say("to you");
    alice.hears("to you");
    // Whatever came on the second line would have come before this.
    let sent = second.sending(&alice, "again");
    second.msrp.write(sent.bytes());
    assert_eq!(second.msrp.response(&sent.tid), 200);
    assert_eq!(second.msrp.unasked().count(), 0, "no welcome, no copy");
    let late = second.sending(&alice, "gone");
    alice.leave();
    server.shows("parlor_msrp_sessions", 1.0);
    second.msrp.write(late.bytes());
    assert_eq!(second.msrp.response(&late.tid), 481, "CHAT-150");
}

/// EVT-50, EVT-52: the roster shows the lines of a dialog as the media of one endpoint.
#[test]
fn lines_are_one_endpoint() {
    let server = Server::plain();
    let (_alice, _further) = join_with(&server, "alice", 2);
    let (_, shown) = Watcher::of(&server, "bob", "lobby");
    let alice = shown.user("sip:alice@example.com");
    assert_eq!((alice.xml.matches("<endpoint ").count(), alice.xml.matches("<media ").count()), (1, 3), "{alice:?}");
    assert_eq!(shown.text("user-count"), Some("1"));
}

/// EVT-53: where the voices and pictures of a room are is shown to those who look for them.
#[test]
fn bridges_are_shown() {
    let (audio, video) = ("sip:den@audio.example.net", "sip:den@video.example.net");
    let bridges = format!("audio_bridge = {audio:?}\nvideo_bridge = {video:?}");
    let server = Setup::default().room("den", &bridges).start();
    let (_, shown) = Watcher::of(&server, "bob", "den");
    for (medium, uri) in [("audio", audio), ("video", video)] {
        let entry = format!("<uri>{uri}</uri><display-text>{medium}</display-text><purpose>participation</purpose>");
        assert!(shown.message.body.contains(&entry), "{}", shown.message.body);
        assert!(shown.message.body.contains(&format!("<type>{medium}</type>")));
    }
    let (_, plain) = Watcher::of(&server, "bob", "lobby");
    assert!(!plain.message.body.contains("audio"));
}

/// SIP-62, SIP-65, CHAT-18: lines are added and removed by re-INVITE and by UPDATE; those that stay do not notice, and
/// one that was removed is none any more. When only the second line is left, it is where the chat goes on.
#[test]
fn lines_come_and_go() {
    for method in ["INVITE", "UPDATE"] {
        let server = Server::plain();
        let mut bob = Participant::join(&server, "bob");
        let (mut alice, _) = join_with(&server, "alice", 0);
        let first = alice.path.clone();
        let path = own_path(&alice.user);
        let answer = change(&mut alice, method, &lines(&[&first, &path]));
        assert_eq!(answer.media().iter().filter(|media| !media.contains(" 0 ")).count(), 2, "{answer:#?}");
        let mut second = FurtherLine::bind(&server, &path, answer.attributes("path")[1]);
        server.shows("parlor_msrp_sessions", 3.0);
        alice.say("still here");
        bob.hears("still here");

        let answer = change(&mut alice, method, &without(&lines(&[&first, &path]), &path));
        assert_eq!(answer.media()[1], "m=message 0 TCP/MSRP *");
        let late = second.sending(&alice, "late");
        second.msrp.write(late.bytes());
        assert_eq!(second.msrp.response(&late.tid), 481, "SIP-65");

        let path = own_path(&alice.user);
        let answer = change(&mut alice, method, &lines(&[&first, &path]));
        let mut third = FurtherLine::bind(&server, &path, answer.attributes("path")[1]);
        let answer = change(&mut alice, method, &without(&lines(&[&first, &path]), &first));
        assert_eq!(answer.media()[0], "m=message 0 TCP/MSRP *", "{method}");
        server.shows("parlor_msrp_sessions", 2.0);
        server.shows("parlor_participants", 2.0);
        bob.say("where are you?");
        let heard = third.msrp.next_send();
        assert_eq!(cpim::content(heard.content()), "where are you?");
    }
}

/// MSRP-98b, CHAT-151: a line whose connection is lost ends alone; the dialog ends with the last one.
#[test]
fn a_line_is_lost_alone() {
    let server = Setup::default().set("msrp.bind_timeout", "\"3s\"").start();
    let (mut alice, mut further) = join_with(&server, "alice", 1);
    let (first, unbound) = (alice.path.clone(), own_path(&alice.user));
    change(&mut alice, "UPDATE", &lines(&[&first, &further[0].path, &unbound]));
    server.shows("parlor_msrp_sessions", 3.0);
    server.shows("parlor_msrp_bind_timeouts_total", 1.0);
    server.shows("parlor_msrp_sessions", 2.0);
    let mut bob = Participant::join(&server, "bob");
    let sent = further[0].sending(&alice, "unharmed");
    further[0].msrp.write(sent.bytes());
    bob.hears("unharmed");
}

/// SIP-60, SIP-61, CHAT-D1: audio, video and lines that are too many are refused with port 0, wherever they stand, in each
/// offer again, and the chat goes on beside them.
#[test]
fn other_media_do_no_harm() {
    let server = Setup::default().set("limits.message_lines", "2").start();
    let mut bob = Participant::join(&server, "bob");
    let user = SipUser::tcp(&server, "alice");
    let further: Vec<_> = (0..2).map(|_| own_path(&user)).collect();
    let with_others = |offer: &str| {
        let (head, chat) = offer.split_at(offer.find("m=message").unwrap());
        let further: String = further.iter().map(|path| message_line(path)).collect();
        format!(
            "{head}m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n{chat}m=video 4002/2 RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\n{further}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
        )
    };
    let mut joined = Joined::invite(&server, user, "lobby", |offer| with_others(&offer));
    let port = server.msrp.port();
    let wanted = [
        "m=audio 0 RTP/AVP 0 8".to_owned(),
        format!("m=message {port} TCP/MSRP *"),
        "m=video 0 RTP/SAVPF 96".to_owned(),
        format!("m=message {port} TCP/MSRP *"),
        "m=message 0 TCP/MSRP *".to_owned(),
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel".to_owned(),
    ];
    assert_eq!(joined.answer.media(), wanted);
    let connection = joined.connection(&server);
    let mut alice = joined.bind(connection);
    let again = with_others(&offer(&alice.path));
    for method in ["INVITE", "UPDATE"] {
        let answer = change(&mut alice, method, &again);
        assert_eq!(answer.media(), wanted, "{method}");
    }
    alice.say("no harm");
    bob.hears("no harm");
    bob.say("none");
    alice.hears("none");
}

/// A further line of somebody in the room, on a connection of its own.
struct FurtherLine {
    path: String,
    session: String,
    msrp: MsrpPeer,
}

impl FurtherLine {
    fn bind(server: &Server, path: &str, session: &str) -> Self {
        let mut msrp = MsrpPeer::connect(server.msrp);
        let bind = Send::empty(session, path);
        msrp.write(bind.bytes());
        assert_eq!(msrp.response(&bind.tid), 200, "binding");
        Self { path: path.to_owned(), session: session.to_owned(), msrp }
    }

    /// What is sent on it when the room is to hear `said`.
    fn sending(&self, of: &Participant, said: &str) -> Send {
        Send::whole(&self.session, &self.path, &cpim::text(of.user.uri(), &of.room, said))
    }
}

/// Somebody joins with so many further lines.
fn join_with(server: &Server, name: &str, further: usize) -> (Participant, Vec<FurtherLine>) {
    let user = SipUser::tcp(server, name);
    let paths: Vec<_> = (0..further).map(|_| own_path(&user)).collect();
    let added: String = paths.iter().map(|path| message_line(path)).collect();
    let mut joined = Joined::invite(server, user, "lobby", |offer| offer + &added);
    let sessions: Vec<_> = joined.answer.attributes("path").into_iter().skip(1).map(str::to_owned).collect();
    let connection = joined.connection(server);
    let participant = joined.bind(connection);
    assert_eq!(sessions.len(), further);
    let lines = paths.iter().zip(&sessions).map(|(path, session)| FurtherLine::bind(server, path, session));
    (participant, lines.collect())
}

/// An offer with these paths, each on a line.
fn lines(paths: &[&str]) -> String {
    paths[1..].iter().fold(offer(paths[0]), |offer, path| offer + &message_line(path))
}

fn message_line(path: &str) -> String {
    let offer = offer(path);
    offer[offer.find("m=message").unwrap()..].to_owned()
}

/// The same with that line given up.
fn without(offer: &str, path: &str) -> String {
    let line = message_line(path);
    let port = line.split(' ').nth(1).unwrap();
    offer.replace(&line, &line.replacen(&format!("m=message {port} "), "m=message 0 ", 1))
}

/// A later offer, and its answer.
fn change(of: &mut Participant, method: &str, offer: &str) -> SipMessage {
    let request = of.call.request(method, "", offer);
    of.user.send(request);
    let answer = of.user.expect(200);
    if method == "INVITE" {
        of.user.send(of.call.ack(""));
    }
    answer
}
