//! `parlor user` beside a server that runs.

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
