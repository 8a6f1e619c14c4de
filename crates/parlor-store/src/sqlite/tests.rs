//! A database from inside: its versions, its transactions.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, Sender, channel};

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        domain: "example.com".to_owned(),
        realm: "example.com".to_owned(),
        secrets: vec![Secret { algorithm: "SHA-256".to_owned(), ha1: "00".repeat(32) }],
        addresses: vec![format!("sip:{name}@example.com")],
    }
}

struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("parlor.db")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.file()).unwrap()
    }
}

fn names(store: &Sqlite) -> Vec<String> {
    let all = store.users(None).wait().unwrap().unwrap();
    all.users.into_iter().map(|user| user.name).collect()
}

/// What the first version of the tables held is there after the upgrade, with everything that belongs to it. The SQL is
/// written down here as it was, since the steps that lead away from it may not change it.
#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    let scene = Scene::new();
    let old = Connection::open(scene.file()).unwrap();
    old.execute_batch(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, domain TEXT NOT NULL, realm TEXT NOT NULL,
            UNIQUE (name, domain), UNIQUE (name, realm)) STRICT;
         CREATE TABLE user_secrets (user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            algorithm TEXT NOT NULL, ha1 TEXT NOT NULL, PRIMARY KEY (user, algorithm)) STRICT, WITHOUT ROWID;
         CREATE TABLE user_addresses (uri TEXT PRIMARY KEY,
            user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, position INTEGER NOT NULL)
            STRICT, WITHOUT ROWID;
         CREATE INDEX user_addresses_by_user ON user_addresses (user, position);
         CREATE TABLE revisions (topic TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         INSERT INTO revisions VALUES ('users', 7);
         INSERT INTO users VALUES (3, 'alice', 'example.com', 'example.com');
         INSERT INTO user_secrets VALUES (3, 'MD5', 'aa'), (3, 'SHA-256', 'bb');
         INSERT INTO user_addresses VALUES ('tel:+15551234', 3, 1), ('sip:alice@example.com', 3, 0);
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let store = scene.open();
    assert_eq!(store.publications(0).wait().unwrap(), []);
    let all = store.users(None).wait().unwrap().unwrap();
    assert_eq!(all.revision, Revision(7));
    let secret = |algorithm: &str, ha1: &str| Secret { algorithm: algorithm.to_owned(), ha1: ha1.to_owned() };
    let alice = User {
        secrets: vec![secret("MD5", "aa"), secret("SHA-256", "bb")],
        addresses: vec!["sip:alice@example.com".to_owned(), "tel:+15551234".to_owned()],
        ..user("alice")
    };
    assert_eq!(all.users, [alice]);
}

/// Only the steps that were not made are made, and a step that fails leaves the database as it was.
#[test]
fn each_step_is_made_once_and_whole() {
    let first = "CREATE TABLE a (x INTEGER);";
    let second = "INSERT INTO a VALUES (1);";
    let broken = "INSERT INTO a VALUES (2); INSERT INTO none VALUES (1);";
    let mut db = Connection::open_in_memory().unwrap();
    let sum = |db: &Connection| db.query_one("SELECT total(x) FROM a", [], |row| row.get::<_, f64>(0)).unwrap();
    schema::upgrade(&mut db, &[first]).unwrap();
    schema::upgrade(&mut db, &[first, second]).unwrap();
    schema::upgrade(&mut db, &[first, second]).unwrap();
    assert_eq!(sum(&db), 1.0);
    schema::upgrade(&mut db, &[first, second, broken]).unwrap_err();
    assert_eq!(sum(&db), 1.0);
    schema::upgrade(&mut db, &[first, second, second]).unwrap();
    assert_eq!(sum(&db), 2.0);
}

/// A database of a version that this program does not know is left alone.
#[test]
fn a_newer_database_is_refused() {
    let scene = Scene::new();
    drop(scene.open());
    let newer = Connection::open(scene.file()).unwrap();
    newer.pragma_update(None, "user_version", 1_000_000).unwrap();
    let refused = Sqlite::open(&scene.file()).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 1_000_000, .. }), "{refused}");
}

/// What lets one log in can be read by its owner alone, in the files beside the database too.
#[test]
fn only_the_owner_reads_the_files() {
    let scene = Scene::new();
    let store = scene.open();
    store.add_user(user("alice")).wait().unwrap();
    let files: Vec<_> = std::fs::read_dir(scene.directory.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "the log of a database that is open");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", file.path());
    }
}

/// Has the thread do something that lasts until the test lets it go.
fn hold(store: &Sqlite, write: bool) -> (Receiver<()>, Sender<()>, Pending<()>) {
    let (started, has_started) = channel();
    let (let_go, wait) = channel::<()>();
    let work = move |_: &Connection| {
        started.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    };
    let held = if write { store.write(work) } else { store.read(work) };
    (has_started, let_go, held)
}

/// Writes that wait for the thread come into one transaction: while one of them is still at work, what those before it
/// did is not to be seen. One that fails takes nothing with it, and each asker is told its own, after the commit.
#[test]
fn writes_that_wait_share_a_transaction() {
    let scene = Scene::new();
    let store = scene.open();
    let other = scene.open();
    let (started, first_let_go, first) = hold(&store, true);
    started.recv().unwrap();
    let added: Vec<_> = ["alice", "bob", "alice", "carol"].map(|name| store.add_user(user(name))).into();
    let (started, let_go, last) = hold(&store, true);
    first_let_go.send(()).unwrap();
    first.wait().unwrap();
    started.recv().unwrap();
    assert!(names(&other).is_empty(), "nothing is committed");
    assert!(added.iter().all(|added| !added.is_told()), "so nobody is told");
    let_go.send(()).unwrap();
    last.wait().unwrap();
    let told: Vec<_> = added.into_iter().map(Pending::wait).collect();
    assert!(matches!(told[2], Err(StoreError::UserExists(_))), "{told:?}");
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 3);
    assert_eq!(names(&other), ["alice", "bob", "carol"]);
}

/// More than may wait is refused at once, and nobody blocks.
#[test]
fn what_waits_is_bounded() {
    let scene = Scene::new();
    let store = scene.open();
    let (started, let_go, held) = hold(&store, false);
    started.recv().unwrap();
    let asked: Vec<_> = (0..=QUEUE).map(|_| store.users(None)).collect();
    let refused = asked.into_iter().next_back().unwrap().wait().unwrap_err();
    assert!(matches!(refused, StoreError::Overloaded), "{refused}");
    let_go.send(()).unwrap();
    held.wait().unwrap();
}

/// What was asked for before the end is done, and there afterwards.
#[test]
fn everything_asked_for_is_done_before_the_end() {
    let scene = Scene::new();
    let store = scene.open();
    let added: Vec<_> = (0..100).map(|number| store.add_user(user(&format!("user{number}")))).collect();
    drop(store);
    assert_eq!(names(&scene.open()).len(), 100);
    added.into_iter().for_each(|added| added.wait().unwrap());
}
