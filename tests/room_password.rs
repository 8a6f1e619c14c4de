//! Rooms that one may join with their password alone.

use std::process::{Command, Stdio};

use crate::support::digest::{Login, challenges, parameter};
use crate::support::participant::own_path;
use crate::support::server::{DOMAIN, PROGRAM, Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::watcher::EVENT;

/// What `parlor room-password` writes for the room `den`.
fn hashed(algorithms: &str, password: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = format!("domain = {DOMAIN:?}\n[auth]\nalgorithms = {algorithms}\n[[room]]\nname = \"den\"\n");
    std::fs::write(directory.path().join("parlor.toml"), config).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["room-password", "den"])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("password = \"") && !line.contains(password), "{line}");
    line
}

/// A request to a room, answered for each realm that asks with what its login knows.
fn ask(server: &Server, user: &mut SipUser, (method, headers): (&str, &str), logins: &[(&str, &Login)]) -> SipMessage {
    let mut call = Call::new(user, &server.room("den"));
    let body = if method == "INVITE" { offer(&own_path(user)) } else { String::new() };
    let mut asked: Vec<(&Login, SipMessage)> = Vec::new();
    for times in 1..=logins.len() + 1 {
        // Each request uses its nonces once more.
        let answers = asked.iter().map(|(login, challenge)| {
            let mut credentials = login.credentials(challenge, method, &call.target, &body);
            credentials.nc = u32::try_from(times).unwrap();
            credentials.header()
        });
        let all = format!("{headers}{}", answers.collect::<String>());
        let response = call.ask_once(user, method, &all, &body);
        if response.code() != 401 {
            if method == "INVITE" && response.code() == 200 {
                call.established(&response);
                user.send(call.ack(""));
            }
            return response;
        }
        let realm = parameter(&challenges(&response)[0], "realm").to_owned();
        let Some((_, login)) = logins.iter().find(|(known, _)| *known == realm) else { return response };
        asked.push((login, response));
    }
    panic!("asked again and again");
}

fn realm() -> String {
    format!("sip:den@{DOMAIN}")
}

const JOIN: (&str, &str) = ("INVITE", "");

/// Issue 3.10, SIP-120, SIP-125: the room asks in a realm of its own, with each algorithm; its name and the password let
/// anybody in; a wrong one, or another name, is refused with 403. Other rooms ask for nothing.
#[test]
fn the_password_of_a_room() {
    let password = hashed("[\"SHA-256\", \"MD5\"]", "open sesame");
    let server = Setup::default()
        .set("auth.algorithms", "[\"SHA-256\", \"MD5\"]")
        .room("den", &password)
        .room("lobby", "")
        .start();
    let realm = realm();
    for algorithm in ["SHA-256", "MD5"] {
        let login = |name: &str, password: &str| {
            let mut login = Login::new(name, password);
            login.algorithm = algorithm;
            login
        };
        let code = |login: &Login| ask(&server, &mut SipUser::tcp(&server, "alice"), JOIN, &[(&realm, login)]).code();
        assert_eq!(code(&login("den", "open sesame")), 200);
        assert_eq!(code(&login("den", "open barley")), 403, "{algorithm}");
        assert_eq!(code(&login("alice", "open sesame")), 403, "{algorithm}");
    }
    let asked = ask(&server, &mut SipUser::udp(&server, "alice"), JOIN, &[]);
    let named: Vec<_> = challenges(&asked).iter().map(|asked| parameter(asked, "algorithm").to_owned()).collect();
    assert_eq!(named, ["SHA-256", "MD5"]);
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("lobby"));
    let offered = offer(&own_path(&user));
    assert_eq!(call.ask_once(&mut user, "INVITE", "", &offered).code(), 200);
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"wrong\"}", 4.0);
}

/// A password in a file goes with any user name, for the rooms of the configuration and for those made on demand.
#[test]
fn a_password_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "open sesame\n").unwrap();
    for on_demand in [false, true] {
        let key = format!("password_file = {file:?}");
        let setup = match on_demand {
            true => Setup::default().set("rooms.password_file", &format!("{file:?}")),
            false => Setup::default().room("den", &key),
        };
        let server = setup.start();
        let realm = realm();
        for (name, password, code) in [("alice", "open sesame", 200), ("x", "open sesame", 200), ("alice", "no", 403)] {
            let login = Login::new(name, password);
            let mut user = SipUser::tcp(&server, "alice");
            assert_eq!(ask(&server, &mut user, JOIN, &[(&realm, &login)]).code(), code, "{name} {password}");
        }
    }
}

/// RFC 3261 §22.3: where users have passwords too, a newcomer proves both, one after the other; knowing one is not enough.
/// What was said for one room is good for no other, and not twice.
#[test]
fn beside_the_password_of_a_user() {
    let password = hashed("[\"SHA-256\"]", "open sesame");
    let server = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).room("den", &password).start();
    let (own, room) = (Login::new("alice", "s3cret of alice"), Login::new("den", "open sesame"));
    let realm = realm();
    let user = || SipUser::tcp(&server, "alice").with_account();
    assert_eq!(ask(&server, &mut user(), JOIN, &[(DOMAIN, &own), (&realm, &room)]).code(), 200);
    assert_eq!(ask(&server, &mut user(), JOIN, &[(DOMAIN, &own)]).code(), 401);
    assert_eq!(ask(&server, &mut user(), JOIN, &[(DOMAIN, &own), (&realm, &own)]).code(), 403);
    assert_eq!(ask(&server, &mut user(), JOIN, &[(&realm, &room)]).code(), 401);
}

/// Nobody learns without the password who is in: the roster asks for it too. What a room tells anybody asks for none.
#[test]
fn what_asks_for_it() {
    let password = hashed("[\"SHA-256\"]", "open sesame");
    let server = Setup::default().room("den", &password).start();
    let (realm, login) = (realm(), Login::new("den", "open sesame"));
    let mut alice = SipUser::tcp(&server, "alice");
    assert_eq!(ask(&server, &mut alice, ("SUBSCRIBE", EVENT), &[]).code(), 401);
    assert_eq!(ask(&server, &mut alice, ("SUBSCRIBE", EVENT), &[(&realm, &login)]).code(), 200);
    let mut bob = SipUser::tcp(&server, "bob");
    assert_eq!(ask(&server, &mut bob, ("OPTIONS", ""), &[]).code(), 200);
    let target = "Refer-To: <sip:carol@example.com>\r\n";
    assert_eq!(ask(&server, &mut bob, ("REFER", target), &[]).code(), 401);
    assert_eq!(ask(&server, &mut bob, ("REFER", target), &[(&realm, &login)]).code(), 403, "he is not in");
}

/// SIP-90: outside of dialogs REFER asks for it, as whoever is at a participant's address could write that one's name; in the
/// participant's own dialog it asks for none.
#[test]
fn having_others_called() {
    let password = hashed("[\"SHA-256\"]", "open sesame");
    let server = Setup::default().room("den", &password).start();
    let (realm, login) = (realm(), Login::new("den", "open sesame"));
    let mut alice = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&alice, &server.room("den"));
    let sdp = offer(&own_path(&alice));
    let asked = call.ask_once(&mut alice, "INVITE", "", &sdp);
    let right = login.answer(&asked, "INVITE", &call.target, &sdp);
    let accepted = call.ask_once(&mut alice, "INVITE", &right, &sdp);
    call.established(&accepted);
    alice.send(call.ack(""));
    let mut carol = SipUser::udp(&server, "carol");
    let target = format!("Refer-To: <{}>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n", carol.contact());
    let mut neighbour = SipUser::udp(&server, "alice");
    assert_eq!(ask(&server, &mut neighbour, ("REFER", &target), &[]).code(), 401);
    assert_eq!(ask(&server, &mut alice, ("REFER", &target), &[(&realm, &login)]).code(), 200);
    assert!(carol.expect_request("INVITE").header("From").contains("sip:den@"));
    let mut dave = SipUser::udp(&server, "dave");
    let target = format!("Refer-To: <{}>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n", dave.contact());
    assert_eq!(call.ask_once(&mut alice, "REFER", &target, "").code(), 200);
    assert!(dave.expect_request("INVITE").header("From").contains("sip:den@"));
}

/// Passwords cannot be tried for ever, nor credentials used again.
#[test]
fn guessing_and_replaying() {
    let password = hashed("[\"SHA-256\"]", "open sesame");
    let server = Setup::default().set("auth.failures_per_address", "3").room("den", &password).start();
    let realm = realm();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("den"));
    let body = offer(&own_path(&user));
    let asked = call.ask_once(&mut user, "INVITE", "", &body);
    let right = Login::new("den", "open sesame").answer(&asked, "INVITE", &call.target, &body);
    let accepted = call.ask_once(&mut user, "INVITE", &right, &body);
    assert_eq!(accepted.code(), 200);
    call.established(&accepted);
    user.send(call.ack(""));
    let mut thief = SipUser::tcp(&server, "alice");
    let mut again = Call::new(&thief, &server.room("den"));
    let replayed = again.ask_once(&mut thief, "INVITE", &right, &body);
    assert!(challenges(&replayed)[0].contains("stale=true"), "{replayed:#?}");
    for guess in ["one", "two", "three"] {
        let login = Login::new("den", guess);
        assert_eq!(ask(&server, &mut SipUser::tcp(&server, "bob"), JOIN, &[(&realm, &login)]).code(), 403);
    }
    let login = Login::new("den", "open sesame");
    assert_eq!(ask(&server, &mut SipUser::tcp(&server, "bob"), JOIN, &[(&realm, &login)]).code(), 403, "too many");
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"too_many_of_address\"}", 1.0);
}
