//! MESSAGE to users who are away: it waits for them (MSG-23, MSG-50, MSG-53).

use std::time::{Duration, Instant};

use crate::support::device::{Device, aor};
use crate::support::eventually;
use crate::support::server::{Server, Setup};
use crate::support::sip::{SipMessage, SipUser, server_uri};

/// A server where bob has an account, and guests may write to him.
fn setup() -> Setup {
    Setup::default().set("auth.mode", "[\"digest\", \"none\"]").user("bob", &[])
}

/// A device of bob's that is not registered yet.
fn device(server: &Server) -> Device {
    Device::over(SipUser::udp(server, "bob").with_account())
}

/// Sends bob a text and gives the code of the answer.
fn write(user: &mut SipUser, headers: &str, text: &str) -> u16 {
    let message = user.request("MESSAGE", &aor("bob"), &format!("Content-Type: text/plain\r\n{headers}"), text);
    user.send(message);
    let answer = user.final_response();
    if answer.code() < 300 {
        assert!(answer.headers.find("Contact").is_none() && answer.body.is_empty(), "MSG-20: {answer:#?}");
    }
    answer.code()
}

/// The next message, which is then answered.
fn next(bob: &mut Device) -> SipMessage {
    let message = bob.user.expect_request("MESSAGE");
    bob.user.answer(&message);
    message
}

/// Nothing else has come for bob: what alice writes now is next, be it kept behind others first or not.
fn quiet(alice: &mut SipUser, bob: &mut Device) {
    alice.send(alice.request("MESSAGE", &aor("bob"), "Content-Type: text/plain\r\n", "that is all"));
    assert_eq!(next(bob).body, "that is all");
    assert!([200, 202].contains(&alice.final_response().code()));
}

/// Nothing but this message has come for bob, though perhaps again.
fn only(bob: &mut Device, message: &SipMessage) {
    for again in bob.user.unread(&server_uri()) {
        assert_eq!(again.header("Call-ID"), message.header("Call-ID"), "{again:#?}");
    }
}

/// MSG-50: messages wait, and come in their order when a device registers, each once the one before has arrived; they say
/// from whom they are and when they were sent.
#[test]
fn messages_wait_for_a_device() {
    let server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    let date = "Sat, 13 Nov 2010 23:29:00 GMT";
    assert_eq!(write(&mut alice, &format!("Date: {date}\r\nSubject: Tea\r\n"), "one"), 202);
    assert_eq!(write(&mut alice, "", "two"), 202);
    assert_eq!(write(&mut alice, "Expires: 3600\r\n", "three"), 202);
    server.shows("parlor_kept_messages", 3.0);
    let mut bob = device(&server);
    bob.register_here();
    let first = bob.user.expect_request("MESSAGE");
    assert_eq!(first.body, "one");
    assert!(first.header("From").contains(&alice.uri()) && first.header("From").contains(";tag="), "{first:#?}");
    assert_eq!((first.header("To"), first.header("Date")), (&*format!("<{}>", aor("bob")), date));
    assert_eq!((first.header("Subject"), first.header("Content-Type")), ("Tea", "text/plain"));
    assert_eq!((first.header("Max-Forwards"), first.headers.all("Via").len()), ("70", 1));
    only(&mut bob, &first);
    bob.user.answer(&first);
    let second = next(&mut bob);
    assert_eq!(second.body, "two");
    assert!(second.header("Date").ends_with(" GMT"), "it is told when it was sent");
    let third = next(&mut bob);
    assert_eq!((third.body.as_str(), third.header("Expires")), ("three", "3600"));
    server.shows("parlor_kept_messages", 0.0);
    server.shows("parlor_pager_messages_total{result=\"kept\"}", 3.0);
    server.shows("parlor_pager_messages_total{result=\"delivered_later\"}", 3.0);
    quiet(&mut alice, &mut bob);
}

/// MSG-53: what was answered with 202 comes after the server was killed, in its order and once.
#[test]
fn nothing_is_lost_or_doubled_by_a_kill() {
    let mut server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    for text in ["one", "two", "three"] {
        assert_eq!(write(&mut alice, "", text), 202);
    }
    server.kill_and_restart();
    server.shows("parlor_kept_messages", 3.0);
    let mut bob = device(&server);
    bob.register_here();
    assert_eq!(next(&mut bob).body, "one");
    server.shows("parlor_kept_messages", 2.0);
    let open = bob.user.expect_request("MESSAGE");
    assert_eq!(open.body, "two");
    // Not answered: whether it has arrived nobody knows. It comes again as the same.
    server.kill_and_restart();
    let again = bob.user.expect_request("MESSAGE");
    for name in ["Call-ID", "CSeq", "From"] {
        assert_eq!(again.header(name), open.header(name));
    }
    assert_eq!(again.body, "two");
    bob.user.answer(&again);
    assert_eq!(next(&mut bob).body, "three");
    server.shows("parlor_kept_messages", 0.0);
    server.kill_and_restart();
    server.shows("parlor_kept_messages", 0.0);
    bob.register_here();
    quiet(&mut alice, &mut bob);
}

/// MSG-E7: who has not heard of our 202, as we were killed, sends the message again: it comes once.
#[test]
fn what_comes_again_after_a_kill_is_there_once() {
    let mut server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    let message = alice.request("MESSAGE", &aor("bob"), "Content-Type: text/plain\r\n", "once");
    alice.send(&message);
    alice.expect(202);
    server.kill_and_restart();
    alice.send(&message);
    alice.expect(202);
    server.shows("parlor_kept_messages", 1.0);
    let mut bob = device(&server);
    bob.register_here();
    assert_eq!(next(&mut bob).body, "once");
    quiet(&mut alice, &mut bob);
}

/// MSG-23: what nobody wants any more is dropped and counted.
#[test]
fn messages_expire() {
    let server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(write(&mut alice, "Expires: 1\r\n", "soon over"), 202);
    assert_eq!(write(&mut alice, "Expires: 600\r\n", "lasting"), 202);
    let mut bob = device(&server);
    eventually("it is over", || {
        bob.register_here();
        let first = bob.user.expect_request("MESSAGE");
        let is_over = first.body == "lasting";
        bob.user.answer_with(&first, if is_over { "200 OK" } else { "486 Busy Here" }, "");
        is_over.then_some(())
    });
    quiet(&mut alice, &mut bob);
    server.shows("parlor_pager_messages_total{result=\"expired\"}", 1.0);
    server.shows("parlor_kept_messages", 0.0);
}

/// MSG-50, MSG-53: what may not wait is refused, as is what is too much, and who is unknown.
#[test]
fn what_may_not_wait() {
    let server = setup().set("limits.kept_messages_per_user", "2").set("rooms.on_demand", "false").start();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(write(&mut alice, "Expires: 0\r\n", "now or never"), 480);
    assert_eq!(write(&mut alice, "Expires: 60\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n", "long over"), 480);
    let codes = [1, 2, 3].map(|_| write(&mut alice, "", "hello"));
    assert_eq!(codes, [202, 202, 480]);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"mailbox_full\"}", 1.0);
    let message = alice.request("MESSAGE", &aor("nobody"), "Content-Type: text/plain\r\n", "hello");
    alice.send(message);
    alice.expect(404);
    let server = setup().set("messages.keep_for", "\"0s\"").start();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(write(&mut alice, "", "hello"), 480);
}

/// A device that has gone without saying so: the message is kept in time for its sender to be told, and if the device answers
/// after all, it does not come again.
#[test]
fn a_silent_device() {
    let server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    let mut bob = device(&server);
    bob.register_here();
    let sent = Instant::now();
    assert_eq!(write(&mut alice, "", "hello"), 202);
    assert!(sent.elapsed() < Duration::from_secs(15), "before she gives up: {:?}", sent.elapsed());
    server.shows("parlor_kept_messages", 1.0);
    let message = bob.user.expect_request("MESSAGE");
    bob.user.answer(&message);
    server.shows("parlor_kept_messages", 0.0);
    only(&mut bob, &message);
}

/// MSG-18: a device that refuses a message that has waited gets it no more; one that is busy gets it later.
#[test]
fn refused_after_waiting() {
    let server = setup().start();
    let mut alice = SipUser::udp(&server, "alice");
    for text in ["one", "two"] {
        assert_eq!(write(&mut alice, "", text), 202);
    }
    let mut bob = device(&server);
    bob.register_here();
    let first = bob.user.expect_request("MESSAGE");
    bob.user.answer_with(&first, "415 Unsupported Media Type", "Accept: text/html\r\n");
    let second = bob.user.expect_request("MESSAGE");
    assert_eq!(second.body, "two");
    bob.user.answer_with(&second, "486 Busy Here", "");
    server.shows("parlor_pager_messages_total{result=\"undeliverable\"}", 1.0);
    only(&mut bob, &second);
    bob.register_here();
    assert_eq!(next(&mut bob).body, "two");
    server.shows("parlor_kept_messages", 0.0);
}

/// Who writes to somebody who is there is answered by the device; who has been removed gets nothing.
#[test]
fn a_user_who_is_gone() {
    let server = setup().set("rooms.on_demand", "false").start();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(write(&mut alice, "", "hello"), 202);
    server.change_users(&["remove", "bob"], "");
    crate::support::settles("nobody is there", &404, || write(&mut alice, "", "hello"));
}

/// MSG-16, MSG-50: what is too large for datagrams waits until there is a stream; what came after it does not.
#[test]
fn large_messages_wait_for_a_stream() {
    let server = setup().start();
    let mut alice = SipUser::tcp(&server, "alice");
    let large = "x".repeat(2000);
    assert_eq!(write(&mut alice, "", &large), 202);
    assert_eq!(write(&mut alice, "", "small"), 202);
    let mut phone = device(&server);
    phone.register_here();
    assert_eq!(next(&mut phone).body, "small");
    server.shows("parlor_kept_messages", 1.0);
    assert_eq!(write(&mut alice, "", &large), 413, "the phone cannot have it");
    let mut laptop = Device::over(SipUser::tcp(&server, "bob").with_account());
    laptop.register_here();
    assert_eq!(next(&mut laptop).body, large);
    server.shows("parlor_kept_messages", 0.0);
}
