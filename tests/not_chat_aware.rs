//! Participants whose client knows no chat rooms: they are told that they are in one (CHAT-21).

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;

const SAYS_SO: &str = "a=chatroom:nickname private-messages\r\n";

/// CHAT-21: without `a=chatroom` one is told, after the welcome, that this is a room and who is in it; from then on it gets
/// what everybody gets. With it, even if it names nothing, one is told nothing.
#[test]
fn told_where_it_is() {
    let server = Setup::default().set("rooms.welcome", "\"Hello\"").start();
    let mut alice = Participant::join(&server, "alice");
    alice.hears("Hello");
    let mut aware = join(&server, "carol", "a=chatroom\r\n");
    aware.hears("Hello");
    let mut bob = join(&server, "bob", "");
    bob.hears("Hello");
    let told = bob.hear();
    assert_eq!(cpim::header(&told, "From"), format!("<{}>", bob.room));
    let text = cpim::content(&told);
    assert!(text.contains("chat room") && text.contains("everybody") && text.contains(&bob.room), "{text}");
    let named: Vec<&str> = text.lines().filter(|line| line.starts_with("- ")).collect();
    let shown = ["Alice <sip:alice@example.com>", "Carol <sip:carol@example.com>", "Bob <sip:bob@example.com>"];
    assert_eq!(named, shown.map(|name| format!("- {name}")));
    alice.say("hello bob");
    for other in [&mut aware, &mut bob] {
        other.hears("hello bob");
    }
    assert_eq!(alice.ask(&alice.telling("sip:bob@example.com", "psst")), 428, "CHAT-55");
}

/// CHAT-21: of many only some are named, and what is told fits into one short message.
#[test]
fn many_are_counted() {
    let server = Server::plain();
    let _others: Vec<_> = (0..120).map(|n| Participant::join(&server, &format!("somebody{n}"))).collect();
    let mut bob = join(&server, "bob", "");
    let text = bob.hear_text();
    assert!(text.len() < 4096, "{} bytes", text.len());
    let named = text.lines().filter(|line| line.starts_with("- ")).count();
    assert!((10..=50).contains(&named), "{named}");
    assert!(text.ends_with(&format!("and {} more", 121 - named)), "{text}");
}

/// CHAT-101: what is told names the anonymous by their pseudonyms.
#[test]
fn pseudonyms() {
    let server = Server::plain();
    let _hidden = Participant::join_with(&server, "alice", "lobby", "Privacy: id\r\n");
    let mut bob = join(&server, "bob", "");
    let text = bob.hear_text();
    assert!(text.contains("\n- sip:anonymous1@anonymous.invalid\n"), "{text}");
    assert!(!text.to_lowercase().contains("alice"), "{text}");
}

/// interop.md §1: Blink, which says nothing of chat rooms, knows them and takes private messages.
#[test]
fn known_clients_are_told_nothing() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let change = |offer: String| offer.replace(SAYS_SO, "").replace("s=-", "s=Blink 5.9.1 (Linux)");
    let mut bob = Participant::join_as(&server, SipUser::tcp(&server, "bob"), "lobby", change);
    assert_eq!(alice.ask(&alice.telling("sip:bob@example.com", "psst")), 200);
    bob.hears("psst");
}

fn join(server: &Server, name: &str, says: &str) -> Participant {
    let says = says.to_owned();
    Participant::join_as(server, SipUser::tcp(server, name), "lobby", move |offer| offer.replace(SAYS_SO, &says))
}
