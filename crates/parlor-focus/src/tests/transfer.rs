//! Files in dialogs of their own (RFC 5547).

use super::*;
use crate::{FileSettings, Quota, Transfer};
use parlor_room::{FileHashes, FileSelector, FileState, SharedFile};

/// As Blink pushes a file.
pub(super) const PUSH: &str = "v=0\r\n\
o=- 3941000001 3941000001 IN IP4 192.0.2.9\r\n\
s=-\r\n\
t=0 0\r\n\
m=message 35632 TCP/MSRP *\r\n\
c=IN IP4 192.0.2.9\r\n\
a=path:msrp://192.0.2.9:35632/eeb820f9763af2ba158e;tcp\r\n\
a=sendonly\r\n\
a=accept-types:*\r\n\
a=setup:actpass\r\n\
a=file-selector:name:\"test.bin\" type:application/octet-stream size:3000 hash:sha-1:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01\r\n\
a=x-file-offset\r\n\
a=file-transfer-id:16484e3a-67c2-49ae-9c1f-f6469b3f8d63\r\n";

/// As a file is asked for by what the roster says of it.
pub(super) const PULL: &str = "v=0\r\n\
o=- 1 1 IN IP4 192.0.2.9\r\n\
s=-\r\n\
t=0 0\r\n\
m=message 35633 TCP/MSRP *\r\n\
a=path:msrp://192.0.2.9:35633/pull;tcp\r\n\
a=recvonly\r\n\
a=accept-types:*\r\n\
a=setup:actpass\r\n\
a=file-selector:hash:sha-1:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01\r\n\
a=file-transfer-id:pull1\r\n";

/// A room with place for files, and one file in it.
pub(super) fn scene() -> Scene {
    scene_with(|_| {})
}

pub(super) fn scene_with(rules: impl FnOnce(&mut Rules)) -> Scene {
    let mut scene = Scene::with(rules, |settings| settings.files = Some(few()));
    scene.room.add_file(file("old.bin"));
    scene
}

/// Place for small files, three at once.
pub(super) fn few() -> FileSettings {
    FileSettings { max_bytes: 4000, transfers: Quota::new(3), transfers_of_participant: 2 }
}

fn file(name: &str) -> SharedFile {
    SharedFile {
        name: name.into(),
        kind: "application/pdf".into(),
        size: Some(3000),
        hashes: FileHashes { sha1: Some([1; 20]), sha256: None },
        sender: "sip:bob@example.org".into(),
        sender_name: None,
        state: FileState::Complete,
        expires: None,
    }
}

impl Scene {
    /// The answer to an INVITE of alice's second device, with what came of it.
    fn offered(&mut self, offer: &str) -> (Peer, Response, Vec<Output>) {
        let mut peer = Peer::new("alice");
        let (response, outputs) = self.request(&peer.invite(Some(offer)), peer.flow);
        peer.learn(&response);
        (peer, response, outputs)
    }

    fn code(&mut self, offer: &str) -> u16 {
        self.offered(offer).1.code
    }
}

fn transfers(outputs: &[Output]) -> Vec<Transfer> {
    let transfer = |output: &Output| match output {
        Output::OpenTransfer { transfer, .. } => Some(transfer.clone()),
        _ => None,
    };
    outputs.iter().filter_map(transfer).collect()
}

/// RFC 5547 §8.3.1: recvonly, the selectors and the transfer's name repeated, and no participant.
#[test]
fn a_push_is_answered_as_a_file() {
    let mut scene = scene();
    scene.joined("alice");
    let (peer, response, outputs) = scene.offered(PUSH);
    assert_eq!(response.code, 200);
    let lines: Vec<&str> = text(&response).lines().filter(|line| line.starts_with("a=")).collect();
    let path = lines.iter().find(|line| line.starts_with("a=path:msrp://192.0.2.1:2855/parlor")).expect("our path");
    let expected = [
        "a=setup:passive",
        "a=accept-types:application/octet-stream",
        "a=max-size:4000",
        "a=recvonly",
        path,
        "a=file-selector:name:\"test.bin\" type:application/octet-stream size:3000 \
         hash:sha-1:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01:01",
        "a=file-transfer-id:16484e3a-67c2-49ae-9c1f-f6469b3f8d63",
    ];
    assert_eq!(lines, expected);
    let [Transfer::Receive(FileSelector { size: Some(3000), .. })] = &transfers(&outputs)[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!((scene.room.sessions().len(), scene.focus.places()), (1, 2));
    scene.ack(&peer.ack(None));
    assert_eq!(closed(&scene.pass(31 * SECOND)), Some(EndReason::BindTimeout));
}

/// RFC 5547 §8.3.2: sendonly, and what the file is.
#[test]
fn a_pull_is_answered_with_what_the_file_is() {
    let mut scene = scene();
    scene.joined("alice");
    let (_, response, outputs) = scene.offered(PULL);
    assert_eq!(response.code, 200);
    let said = text(&response);
    assert!(said.contains("a=sendonly\r\n") && said.contains("a=file-transfer-id:pull1\r\n"), "{said}");
    assert!(said.contains("a=file-selector:name:\"old.bin\" type:application/pdf size:3000 hash:sha-1:01:"), "{said}");
    assert!(matches!(transfers(&outputs)[..], [Transfer::Send(_)]));
}

/// Who is not in the room transfers nothing; what cannot be taken or found is refused with a reason.
#[test]
fn what_cannot_be_transferred_is_refused() {
    let mut scene = scene();
    assert_eq!(scene.code(PUSH), 403);
    assert_eq!(scene.code(PULL), 403);
    scene.joined("alice");
    for (offer, reason) in [
        (PUSH.replace("size:3000", "size:4001"), "The file is too large"),
        (PUSH.replace("size:3000", "size:0"), "The file is empty"),
        (PUSH.replace("size:3000", "size:x"), "Unusable file selector"),
        (PUSH.replace("a=sendonly", "a=sendrecv"), "A file is sent with sendonly or recvonly"),
        (format!("{PUSH}a=file-range:1001-3000\r\n"), "Only whole files are transferred"),
        (PULL.replace("sha-1:01", "sha-1:02"), "No such file"),
        (PULL.replace("accept-types:*", "accept-types:text/*"), "The file is not what the offer takes"),
        (format!("{PULL}a=max-size:2999\r\n"), "The file is not what the offer takes"),
    ] {
        let (_, response, outputs) = scene.offered(&offer);
        assert_eq!(response.code, 488, "{offer}");
        assert!(value(&response, "Warning").is_some_and(|warning| warning.contains(reason)), "{reason}: {response:?}");
        assert!(transfers(&outputs).is_empty());
    }
    assert_eq!(scene.code(&format!("{PUSH}a=file-range:1-3000\r\n")), 200);
    let mut other = file("other.bin");
    other.hashes = FileHashes { sha1: Some([2; 20]), sha256: None };
    scene.room.add_file(other);
    let by_size =
        PULL.split("a=file-selector").next().expect("a beginning").to_owned() + "a=file-selector:size:3000\r\n";
    let (_, response, _) = scene.offered(&by_size);
    assert!(value(&response, "Warning").is_some_and(|warning| warning.contains("Several")), "{response:?}");
}

/// Without a place for files the line is no session at all, and an empty selector is no file.
#[test]
fn where_there_is_no_place_for_files() {
    let mut scene = Scene::new();
    scene.joined("alice");
    assert_eq!(scene.code(PUSH), 488);
    let mut off =
        Scene::with(|rules| rules.files = parlor_room::FileRule::Off, |settings| settings.files = Some(few()));
    off.joined("alice");
    assert_eq!(off.code(PUSH), 403);
    assert_eq!(off.code(&format!("{OFFER}a=file-selector\r\n")), 200);
}

/// RFC 5547 §8.3: with a chat beside it the file is refused, still named.
#[test]
fn a_file_beside_a_chat_is_refused_by_its_line() {
    let mut scene = scene();
    let file_line = PUSH.split("t=0 0\r\n").nth(1).expect("media");
    let (_, response, outputs) = scene.offered(&format!("{OFFER}{file_line}"));
    assert_eq!(response.code, 200);
    let refused = text(&response).split("m=message 0 ").nth(1).expect("a refused line").to_owned();
    assert!(refused.contains("a=file-selector:name:\"test.bin\"") && refused.contains("a=file-transfer-id:16484e3a"));
    assert!(transfers(&outputs).is_empty() && scene.room.sessions().len() == 1);
}

/// RFC 5547 §8.1: the same again is answered with the same; another file, or the same one anew, needs a dialog of its own.
#[test]
fn a_later_offer_changes_nothing() {
    let mut scene = scene();
    scene.joined("alice");
    let (mut peer, first, _) = scene.offered(PUSH);
    scene.ack(&peer.ack(None));
    let (again, outputs) = scene.request(&peer.next("INVITE", Some(PUSH)), peer.flow);
    assert_eq!((again.code, text(&again)), (200, text(&first)));
    assert!(outputs.is_empty(), "{outputs:?}");
    scene.ack(&peer.ack(None));
    for other in [PUSH.replace("16484e3a", "26484e3a"), PUSH.replace("test.bin", "x.bin"), PUSH.replace("158e", "158f")]
    {
        let (refused, _) = scene.request(&peer.next("UPDATE", Some(&other)), peer.flow);
        assert_eq!(refused.code, 488);
    }
    let (refused, _) = scene.request(&peer.next("UPDATE", Some(OFFER)), peer.flow);
    assert_eq!(refused.code, 200, "the file's line is gone");
    assert!(text(&refused).contains("m=message 0 "));
}

/// RFC 5547 §8.4: port 0 ends the transfer; the dialog ends with it.
#[test]
fn port_zero_ends_the_transfer() {
    let mut scene = scene();
    scene.joined("alice");
    let chat = scene.session();
    scene.bound(chat);
    let (mut peer, _, _) = scene.offered(PUSH);
    scene.ack(&peer.ack(None));
    let over = PUSH.replace("message 35632", "message 0");
    let (answer, outputs) = scene.request(&peer.next("INVITE", Some(&over)), peer.flow);
    assert_eq!((answer.code, closed(&outputs)), (200, Some(EndReason::MediaRemoved)));
    assert!(text(&answer).contains("m=message 0 ") && text(&answer).contains("a=file-transfer-id:16484e3a"));
    scene.ack(&peer.ack(None));
    sent(&scene.pass(31 * SECOND), &Method::Bye);
}

/// Only participants transfer files: with the last session of one its transfers end too, whether it left or was removed.
#[test]
fn transfers_end_with_their_participant() {
    let mut scene = scene();
    let mut chat = scene.joined("alice");
    let other = scene.joined("alice");
    let (peer, _, _) = scene.offered(PUSH);
    scene.ack(&peer.ack(None));
    let closed = |outputs: &[Output]| outputs.iter().filter(|out| matches!(out, Output::CloseSession { .. })).count();
    let (_, outputs) = scene.request(&chat.next("BYE", None), chat.flow);
    assert_eq!(closed(&outputs), 1, "her other device is in");
    let mut chat = other;
    let (_, outputs) = scene.request(&chat.next("BYE", None), chat.flow);
    assert_eq!(closed(&outputs), 2, "the chat and the file");
    sent(&outputs, &Method::Bye);

    scene.joined("alice");
    scene.offered(PUSH);
    let back = scene.room.participants().next().expect("she is in").0;
    scene.focus.eject(scene.now, &mut scene.room, back);
    assert_eq!(closed(&scene.outputs()), 2, "the chat and the file of this time");
}

/// One participant has so many on their way, and all together so many; those that are over do not count.
#[test]
fn only_so_many_at_once() {
    let mut scene = scene();
    scene.joined("alice");
    scene.joined("bob");
    let (mut first, response, _) = scene.offered(PUSH);
    assert_eq!((response.code, scene.code(PULL), scene.code(PULL)), (200, 200, 486));
    let mut bob = Peer::new("bob");
    let mut codes = [0; 2].map(|_| scene.request(&bob.invite(Some(PULL)), bob.flow).0.code);
    assert_eq!(codes, [200, 503]);
    scene.ack(&first.ack(None));
    scene.request(&first.next("BYE", None), first.flow);
    codes[1] = scene.request(&bob.invite(Some(PULL)), bob.flow).0.code;
    assert_eq!(codes, [200, 200]);
}

/// RFC 5547 §8.5: OPTIONS tells that files are served.
#[test]
fn files_are_told_of() {
    let mut scene = scene();
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.next("OPTIONS", None), peer.flow);
    assert!(text(&response).contains("a=file-selector\r\n"), "{}", text(&response));
}
