//! `parlor user` beside a server that runs.

use crate::support::device::{Device, bindings};
use crate::support::eventually;
use crate::support::participant::{Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};

/// Whether somebody may join with this password.
fn may_join(server: &Server, name: &str, password: &str) -> bool {
    let mut user = SipUser::tcp(server, name).with_account().with_password(password);
    let mut call = Call::new(&user, &server.room("lobby"));
    let sdp = offer(&own_path(&user));
    let response = call.ask_to_join(&mut user, "", &sdp);
    match response.code() {
        200 => {
            call.established(&response);
            user.send(call.ack(""));
            assert_eq!(call.ask_once(&mut user, "BYE", "", "").code(), 200);
            true
        }
        401 => false,
        other => panic!("{other}"),
    }
}

/// A user that is added, whose password is set or who is removed is so without a restart; one that is in a room stays.
#[test]
fn changes_are_noticed_while_the_server_runs() {
    let server = Setup::default()
        .set("auth.mode", "\"digest\"")
        .set("auth.failures_per_address", "1000000")
        .user("bob", &[])
        .start();
    assert!(may_join(&server, "bob", "s3cret of bob") && !may_join(&server, "alice", "first"));
    server.change_users(&["add", "alice"], "first\n");
    eventually("alice may join", || may_join(&server, "alice", "first").then_some(()));
    server.change_users(&["passwd", "alice"], "second\n");
    eventually("with her other password", || may_join(&server, "alice", "second").then_some(()));
    assert!(!may_join(&server, "alice", "first"));
    let bob = SipUser::tcp(&server, "bob").with_account();
    let mut bob = Participant::join_as(&server, bob, "lobby", |offer| offer);
    server.change_users(&["remove", "bob"], "");
    eventually("bob may join no more", || (!may_join(&server, "bob", "s3cret of bob")).then_some(()));
    bob.say("I am still here");
}

/// A user that is removed has no devices any more, at once and after a restart.
#[test]
fn devices_go_with_their_user() {
    let mut server = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).user("bob", &[]).start();
    let mut devices = ["alice", "bob", "bob"].map(|name| {
        let mut device = Device::udp(&server, name);
        device.user = device.user.with_account();
        device.register_here();
        device
    });
    server.shows("parlor_registrations", 3.0);
    server.change_users(&["remove", "bob"], "");
    server.shows("parlor_registrations", 1.0);
    assert_eq!(devices[1].register("").code(), 401);
    server.kill_and_restart();
    server.shows("parlor_registrations", 1.0);
    assert_eq!(bindings(&devices[0].register("")).len(), 1);
}

/// A name is a user's or a room's: no room is made under a user's, and nobody registers under a room's; an account comes before
/// a room that was there first, which ends as it would.
#[test]
fn a_name_is_a_users_or_a_rooms() {
    let server = Setup::default()
        .set("auth.mode", "[\"none\", \"digest\"]")
        .set("auth.failures_per_address", "1000000")
        .set("rooms.linger", "\"0s\"")
        .user("alice", &["sip:helpdesk@chat.example.test"])
        .start();
    let join = |room: &str| {
        let mut user = SipUser::tcp(&server, "guest");
        let mut call = Call::new(&user, &server.room(room));
        let sdp = offer(&own_path(&user));
        call.ask_to_join(&mut user, "", &sdp).code()
    };
    for users in ["alice", "helpdesk"] {
        assert_eq!(join(users), 404, "{users}");
        let mut user = SipUser::tcp(&server, "guest");
        user.send(user.request("OPTIONS", &server.room(users), "", ""));
        assert_eq!(user.final_response().code(), 404, "{users}");
    }
    let guest = Participant::join_room(&server, "guest", "bob");
    server.change_users(&["add", "bob"], "s3cret of bob\n");
    let mut bob = Device::udp(&server, "bob");
    bob.user = bob.user.with_account();
    let contact = format!("Contact: <{}>\r\n", bob.user.contact());
    eventually("the account comes first", || (bob.register(&contact).code() == 200).then_some(()));
    let late = Participant::join_room(&server, "late", "bob");
    late.leave();
    guest.leave();
    server.shows("parlor_rooms", 1.0);
    assert_eq!(join("bob"), 404, "the room has ended");

    let server = Setup::default().set("registrar.trust_loopback", "true").set("rooms.linger", "\"0s\"").start();
    let room = Participant::join_room(&server, "guest", "carol");
    let mut carol = Device::udp(&server, "carol");
    let contact = format!("Contact: <{}>\r\n", carol.user.contact());
    assert_eq!(carol.register(&contact).code(), 404, "it is a room's");
    room.leave();
    server.shows("parlor_rooms", 1.0);
    carol.register_here();
    let mut user = SipUser::tcp(&server, "guest");
    let mut call = Call::new(&user, &server.room("carol"));
    let sdp = offer(&own_path(&user));
    assert_eq!(call.ask_to_join(&mut user, "", &sdp).code(), 404, "it is a user's");
}

/// Users are there after the server was killed, those too that were added in its last moment.
#[test]
fn users_outlive_the_server() {
    let mut server = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).start();
    server.change_users(&["add", "bob"], "s3cret of bob\n");
    server.kill_and_restart();
    assert!(may_join(&server, "alice", "s3cret of alice") && may_join(&server, "bob", "s3cret of bob"));
}

/// A database that cannot be used ends the start with a line that names it.
#[test]
fn a_broken_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("parlor-data")).unwrap();
    std::fs::write(directory.path().join("parlor-data/parlor.db"), "no database, but long enough to be read as one")
        .unwrap();
    std::fs::write(directory.path().join("parlor.toml"), "[auth]\nmode = \"digest\"\n").unwrap();
    let output = std::process::Command::new(crate::support::server::PROGRAM)
        .current_dir(directory.path())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("parlor-data/parlor.db") && told.contains("not a database"), "{told}");
}
