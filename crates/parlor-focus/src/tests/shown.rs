//! What the roster shows of a room and of those who are in.

use super::subscribe::{Notified, notified, one, watcher};
use super::*;
use crate::Sidebar;
use parlor_events::conference_info::{DisconnectionMethod, EndpointStatus, JoiningMethod, MediaStatus, State, User};
use parlor_room::{FileHashes, FileState, Role, Roles, SharedFile, UserList, WallClock};

/// What somebody who asks now is told.
fn shown(scene: &mut Scene) -> Notified {
    let mut peer = watcher("watcher");
    peer.extra = "Event: conference\r\nExpires: 0\r\n".into();
    let notified = scene.subscribes(&mut peer);
    scene.accepts(&notified);
    notified
}

fn users(notified: &Notified) -> &[User] {
    &notified.document().users.as_ref().expect("EVT-45").list
}

/// A user agent of somebody who is in by another one too.
fn second(name: &'static str) -> Peer {
    Peer { contact: format!("<sip:{name}@192.0.2.10:5070;transport=tcp>"), ..Peer::new(name) }
}

impl Scene {
    fn joins_as(&mut self, mut peer: Peer) -> SessionId {
        let (response, _) = self.request(&peer.invite(Some(OFFER)), peer.flow);
        assert_eq!(response.code, 200);
        peer.learn(&response);
        self.ack(&peer.ack(None));
        self.room.sessions().last().expect("a session").0
    }
}

/// EVT-51, EVT-52, EVT-53, EVT-55, CHAT-140: the room and a user with two devices.
#[test]
fn a_room_and_a_user() {
    let mut scene = Scene::with(
        |rules| (rules.topic, rules.max_participants) = ("Release planning".into(), 200),
        |settings| settings.clock = Some(WallClock::new(start(), Duration::from_millis(1_772_463_600_250))),
    );
    scene.joins_as(Peer::new("alice"));
    scene.joins_as(second("alice"));
    let notified = shown(&mut scene);
    let document = notified.document();
    assert_eq!(document.entity, "sip:lobby@chat.example.com");
    let description = document.description.as_ref().expect("EVT-45");
    assert_eq!(description.subject.as_deref(), Some("Release planning"));
    assert_eq!((description.conf_uris[0].uri.as_str(), description.conf_uris.len()), ("sip:lobby@chat.example.com", 1));
    assert_eq!(description.conf_uris[0].purpose.as_deref(), Some("participation"));
    assert_eq!(description.maximum_user_count, Some(200));
    assert_eq!(description.available_media[0].media_type, "message");
    assert_eq!(document.host.as_ref().and_then(|host| host.display_text.as_deref()), Some("chat.example.com"));
    let [alice] = users(&notified) else { panic!("one user: {document:?}") };
    assert_eq!((alice.entity.as_str(), alice.display_text.as_deref()), ("sip:alice@example.org", Some("alice")));
    assert_eq!(alice.roles, ["member"]);
    let entities: Vec<_> = alice.endpoints.iter().map(|endpoint| endpoint.entity.as_str()).collect();
    assert_eq!(entities, ["sip:alice@192.0.2.9:5070;transport=tcp", "sip:alice@192.0.2.10:5070;transport=tcp"]);
    let endpoint = &alice.endpoints[0];
    assert_eq!(endpoint.status, Some(EndpointStatus::Connected));
    assert_eq!(endpoint.joining_method, Some(JoiningMethod::DialedIn));
    let when = endpoint.joining_info.as_ref().and_then(|info| info.when.as_deref()).expect("a time");
    assert!(when.starts_with("2026-03-02T15:00:0") && when.ends_with('Z'), "{when}");
    let media = &endpoint.media[0];
    assert_eq!((media.id.as_str(), media.status), ("1", Some(MediaStatus::SendRecv)));
    assert_eq!(media.label.as_deref(), Some(description.available_media[0].label.as_str()));
}

/// CHAT-111, CHAT-112, EVT-E9: the nickname is the user's attribute and what is to be shown, also of the device it was set on;
/// of several that are different the user has the latest.
#[test]
fn nicknames() {
    let mut scene = Scene::new();
    let (first, second) = (scene.joins_as(Peer::new("alice")), scene.joins_as(second("alice")));
    scene.room.set_nickname(scene.now, first, Some("Al <ly>")).unwrap();
    scene.room.set_nickname(scene.now, second, Some("Mobile")).unwrap();
    let notified = shown(&mut scene);
    let alice = &users(&notified)[0];
    assert_eq!((alice.nickname.as_deref(), alice.display_text.as_deref()), (Some("Mobile"), Some("Mobile")));
    let names: Vec<_> = alice.endpoints.iter().map(|endpoint| endpoint.display_text.as_deref()).collect();
    assert_eq!(names, [Some("Al <ly>"), Some("Mobile")]);
}

/// EVT-50, EVT-52: who may only read receives only; who holds is on hold.
#[test]
fn roles_and_directions() {
    let moderators = UserList::parse(["sip:alice@example.org"]).unwrap();
    let roles = Roles { moderators, everybody: Role::Visitor, ..Roles::default() };
    let mut scene = Scene::with(|rules| (rules.roles, rules.moderated) = (roles, true), |_| {});
    scene.joins_as(Peer::new("alice"));
    scene.joins_as(Peer::new("bob"));
    let mut carol = scene.joined("carol");
    let hold = OFFER.replace("a=setup:actpass", "a=inactive\r\na=setup:actpass");
    let hold = hold.replace("o=- 3941000000 3941000000", "o=- 3941000000 3941000001");
    assert_eq!(scene.request(&carol.next("UPDATE", Some(&hold)), carol.flow).0.code, 200);
    let notified = shown(&mut scene);
    let told: Vec<_> = users(&notified)
        .iter()
        .map(|user| (user.roles[0].as_str(), user.endpoints[0].status, user.endpoints[0].media[0].status))
        .collect();
    let connected = Some(EndpointStatus::Connected);
    let expected = [
        ("moderator", connected, Some(MediaStatus::SendRecv)),
        ("visitor", connected, Some(MediaStatus::RecvOnly)),
        ("visitor", Some(EndpointStatus::OnHold), Some(MediaStatus::Inactive)),
    ];
    assert_eq!(told, expected);
}

/// EVT-56, CHAT-101, CHAT-104: of who is anonymous nothing is told but the pseudonym.
#[test]
fn anonymous_users() {
    let mut scene = Scene::new();
    let mut hidden = Peer::new("alice");
    hidden.extra += "Privacy: id\r\n";
    scene.joins_as(hidden);
    let notified = shown(&mut scene);
    let text = String::from_utf8(notified.request.body.to_vec()).unwrap();
    assert!(!text.contains("alice") && !text.contains("192.0.2.9"), "{text}");
    let [user] = users(&notified) else { panic!("one user") };
    assert_eq!(user.entity, "sip:anonymous1@anonymous.invalid");
    assert!(user.endpoints[0].entity.contains("anonymous.invalid"));
}

/// Files that can be fetched by their hash are listed, in the form that Blink knows, behind what RFC 4575 defines.
#[test]
fn files() {
    let mut scene = Scene::new();
    let file = SharedFile {
        name: "test.bin".into(),
        kind: "application/octet-stream".into(),
        size: Some(3000),
        hashes: FileHashes { sha1: Some([0xED; 20]), sha256: None },
        sender: "sip:alice@example.com".into(),
        sender_name: Some("Alice".into()),
        state: FileState::Complete,
        expires: None,
    };
    scene.room.add_file(SharedFile { hashes: FileHashes::default(), name: "unknown.bin".into(), ..file.clone() });
    assert_eq!(shown(&mut scene).document().description.as_ref().and_then(|told| told.files.clone()), None);
    scene.room.add_file(file.clone());
    scene.room.add_file(SharedFile { state: FileState::Arriving, name: "later.bin".into(), ..file });
    let notified = shown(&mut scene);
    let files = notified.document().description.as_ref().and_then(|told| told.files.clone()).expect("a list");
    let [file, arriving] = &files[..] else { panic!("{files:?}") };
    assert_eq!((arriving.name.as_str(), arriving.status.as_str()), ("later.bin", "INCOMPLETE"));
    assert_eq!((file.name.as_str(), file.size, file.status.as_str()), ("test.bin", 3000, "OK"));
    assert_eq!(file.sender, "Alice <sip:alice@example.com>");
    assert_eq!(file.hash, format!("sha-1:{}", ["ED"; 20].join(":")));
    let text = String::from_utf8(notified.request.body.to_vec()).unwrap();
    assert!(text.find("</available-media>").unwrap() < text.find("<agp-conf:resources").unwrap());

    // EVT-33: however long their names are, they make no document that is told late; the latest are shown.
    let last = scene.room.files().last().expect("a file").1.clone();
    for n in 0..200 {
        scene.room.add_file(SharedFile { name: format!("{}{n}", "&".repeat(250)).into(), ..last.clone() });
    }
    let notified = shown(&mut scene);
    assert!(notified.request.body.len() < 36 * 1024, "{}", notified.request.body.len());
    let files = notified.document().description.as_ref().and_then(|told| told.files.clone()).expect("a list");
    assert!(files.last().is_some_and(|latest| latest.name.ends_with("199")));
}

/// CHAT-131: sidebars are listed; when they change everything is told, as nothing else can say that the last one is gone.
#[test]
fn sidebars() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    scene.watched_by("bob");
    let den = Sidebar { uri: "sip:den@chat.example.com".parse().unwrap(), name: "Den".into() };
    let (focus, room) = (&mut scene.focus, &mut scene.room);
    focus.set_sidebars(room, &[den]);
    let told = one(&scene.outputs());
    let sidebars = told.document().sidebars.as_ref().expect("a list");
    assert_eq!((told.document().state, sidebars.list[0].uri.as_str()), (State::Full, "sip:den@chat.example.com"));
    assert_eq!(sidebars.list[0].display_text.as_deref(), Some("Den"));
    scene.accepts(&told);
    let (focus, room) = (&mut scene.focus, &mut scene.room);
    focus.set_sidebars(room, &[]);
    assert!(scene.outputs().is_empty(), "not within the second");
    let told = one(&scene.pass(SECOND));
    assert_eq!((told.document().state, told.document().sidebars.as_ref()), (State::Full, None));
    scene.accepts(&told);
    let (focus, room) = (&mut scene.focus, &mut scene.room);
    focus.set_sidebars(room, &[]);
    scene.outputs();
    assert!(notified(&scene.pass(SECOND)).is_empty(), "nothing has changed");
}

/// EVT-51, EVT-57: if it is wanted, subscribers are told how somebody left, and with the next NOTIFY that they are gone, be
/// they told in parts or in whole.
#[test]
fn departures() {
    for whole_up_to in [0, 64] {
        let mut scene = Scene::with(
            |_| {},
            |settings| (settings.subscriptions.departures, settings.subscriptions.whole_up_to) = (true, whole_up_to),
        );
        let mut alice = scene.joined("alice");
        let bob = scene.joins_as(Peer::new("bob"));
        scene.joined("carol");
        scene.watched_by("watcher");
        let outputs = scene.request(&alice.next("BYE", None), alice.flow).1;
        let told = one(&outputs);
        let how = |told: &Notified, name: &str| {
            let user = users(told).iter().find(|user| user.entity.contains(name)).map(|user| user.endpoints.clone());
            user.and_then(|endpoints| Some((endpoints.first()?.status?, endpoints.first()?.disconnection_method)))
        };
        let disconnected = |method| Some((EndpointStatus::Disconnected, Some(method)));
        assert_eq!(how(&told, "alice"), disconnected(DisconnectionMethod::Departed), "{whole_up_to}");
        assert_eq!(told.document().conference_state.and_then(|state| state.user_count), Some(2));
        assert!(scene.accepts(&told).is_empty());
        scene.focus.end_session(scene.now, &mut scene.room, bob, EndReason::Removed);
        scene.outputs();
        let told = one(&scene.pass(SECOND));
        assert_eq!(how(&told, "bob"), disconnected(DisconnectionMethod::Booted));
        assert_eq!(how(&told, "alice"), None);
        let deleted = |told: &Notified, name: &str| {
            users(told).iter().any(|user| user.entity.contains(name) && user.state == State::Deleted)
        };
        assert_eq!(deleted(&told, "alice"), whole_up_to == 0);
        scene.accepts(&told);
        let told = one(&scene.pass(SECOND));
        assert_eq!((deleted(&told, "bob"), deleted(&told, "alice")), (whole_up_to == 0, false));
        assert_eq!(users(&told).len(), 1, "bob as gone, or carol as the only one");
        assert!(scene.accepts(&told).is_empty());
        assert!(notified(&scene.pass(10 * SECOND)).is_empty(), "everything is told");
    }
}
