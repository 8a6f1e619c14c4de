//! Who is named in a room while away is told, now or later, where the room wants it (MSG-50).

use crate::support::device::Device;
use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipMessage, SipUser};

fn server(rules: &str) -> Server {
    Setup::default()
        .set("auth.mode", "\"digest\"")
        .user("alice", &[])
        .user("bob", &[])
        .user("carol", &[])
        .room("den", rules)
        .start()
}

fn member(server: &Server, name: &str) -> Participant {
    Participant::join_as(server, SipUser::tcp(server, name).with_account(), "den", |offer| offer)
}

fn device(server: &Server, name: &str) -> Device {
    let mut device = Device::over(SipUser::udp(server, name).with_account());
    device.register_here();
    device
}

fn next(device: &mut Device) -> SipMessage {
    let message = device.user.expect_request("MESSAGE");
    device.user.answer(&message);
    message
}

/// MSG-50, MSG-54: a member by its list, and somebody who was in, are told what was said of them: at once by a device that is
/// there, or when one registers; it survives a restart. Who is in, and who has nothing to do with the room, is not.
#[test]
fn who_is_away_is_told() {
    let mut server = server(&format!("keep_mentions = true\nmembers = [\"sip:carol@{DOMAIN}\"]"));
    let mut alice = member(&server, "alice");
    let bob = member(&server, "bob");
    alice.say("bob is here, and dave is nobody");
    bob.leave();
    alice.say("carol and @Bob, tea?");
    server.shows("parlor_kept_messages", 2.0);
    server.shows("parlor_mentions_total", 2.0);
    let mut carol = device(&server, "carol");
    let told = next(&mut carol);
    assert_eq!(told.body, format!("You were named in den by <sip:alice@{DOMAIN}>: carol and @Bob, tea?"));
    assert!(told.header("From").contains(&server.room("den")), "{told:#?}");
    assert!(told.header("To").contains(&format!("sip:carol@{DOMAIN}")), "{told:#?}");
    assert!(!told.header("Date").is_empty());
    server.shows("parlor_kept_messages", 1.0);
    drop(alice);
    server.kill_and_restart();
    let mut bob = device(&server, "bob");
    assert!(next(&mut bob).body.ends_with("tea?"));
    server.shows("parlor_kept_messages", 0.0);
    let mut alice = member(&server, "alice");
    alice.say("CAROL: now");
    assert!(next(&mut carol).body.ends_with("CAROL: now"));
    alice.say("carol again, within a minute");
    server.shows("parlor_mentions_total", 1.0);
}

/// It is off unless a room says otherwise.
#[test]
fn off_by_default() {
    let server = server(&format!("members = [\"sip:carol@{DOMAIN}\"]"));
    let mut alice = member(&server, "alice");
    alice.say("carol?");
    alice.say("carol!");
    server.shows("parlor_messages_total{kind=\"room\"}", 2.0);
    server.shows("parlor_mentions_total", 0.0);
    server.shows("parlor_kept_messages", 0.0);
}
