//! `parlor user`, as a person or a script runs it.

#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const CONFIG: &str = "domain = \"chat.example.test\"\n[auth]\nalgorithms = [\"SHA-256\", \"MD5\"]\n";

struct Scene(tempfile::TempDir);

impl Scene {
    fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("parlor.toml"), config).unwrap();
        Self(directory)
    }

    /// Runs `parlor user` with something on standard input.
    fn user(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_parlor"))
            .arg("user")
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that refuses may not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn done(&self, arguments: &[&str], input: &str) {
        let output = self.user(arguments, input);
        assert!(output.status.success(), "{arguments:?} {output:?}");
    }

    fn refused(&self, arguments: &[&str], input: &str, message: &str) {
        let output = self.user(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(message), "{arguments:?} {told}");
    }

    fn list(&self) -> Vec<String> {
        let output = self.user(&["list"], "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join("parlor-data").join(name)
    }
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Users are added, listed, given another password and removed.
#[test]
fn users_come_and_go() {
    let scene = Scene::new(CONFIG);
    assert!(scene.list().is_empty());
    scene.done(&["add", "bob", "--password-stdin"], "s3cret of bob\n");
    scene.done(&["add", "alice", "--alias", "tel:+1-555-1234", "--alias", "im:alice@example.org"], "s3cret\r\nmore");
    let alice = "sip:alice@chat.example.test MD5,SHA-256 im:alice@chat.example.test tel:+15551234 im:alice@example.org";
    let bob = "sip:bob@chat.example.test MD5,SHA-256 im:bob@chat.example.test";
    assert_eq!(scene.list(), [alice, bob]);
    scene.done(&["passwd", "alice"], "other\n");
    scene.done(&["remove", "bob"], "");
    assert_eq!(scene.list(), [alice]);
}

/// Passwords are neither on the disk nor on the command line.
#[test]
fn passwords_are_kept_nowhere() {
    let scene = Scene::new(CONFIG);
    scene.done(&["add", "alice"], "a rather l0ng password\n");
    let files: Vec<_> = std::fs::read_dir(scene.file("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|file| holds(file, "alice")), "{files:?}");
    assert!(!files.iter().any(|file| holds(file, "a rather l0ng password")), "{files:?}");
    let output = scene.user(&["add", "bob", "--password", "x"], "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// What cannot be done says why and leaves all as it was.
#[test]
fn mistakes() {
    let scene = Scene::new(CONFIG);
    scene.done(&["add", "alice", "--alias", "tel:+15551234"], "s3cret\n");
    let before = scene.list();
    scene.refused(&["add", "alice"], "x\n", "there is a user alice@chat.example.test already");
    scene.refused(&["add", "bob", "--alias", "tel:+1555-1234"], "x\n", "tel:+15551234 is another user's address");
    scene.refused(&["add", "bob", "--alias", "sips:alice@CHAT.example.test"], "x\n", "is another user's address");
    scene.refused(&["add", "bob", "--alias", "bob"], "x\n", "\"bob\" is no address");
    scene.refused(&["add", "b:b"], "x\n", "\"b:b\" is no name");
    scene.refused(&["add", "bob"], "\n", "a password cannot be empty");
    scene.refused(&["add", "bob"], "", "a password cannot be empty");
    scene.refused(&["add", "bob"], &"x".repeat(5000), "a password has less than 1024 bytes");
    scene.refused(&["passwd", "bob"], "x\n", "there is no user bob@chat.example.test");
    scene.refused(&["remove", "bob"], "", "there is no user bob@chat.example.test");
    assert_eq!(scene.list(), before);
    std::fs::write(scene.0.path().join("parlor.toml"), "domian = \"a\"\n").unwrap();
    scene.refused(&["list"], "", "unknown key, perhaps `domain`");
}

/// A password belongs to its realm: `list` names those that must be set again.
#[test]
fn another_realm_needs_other_passwords() {
    let scene = Scene::new(CONFIG);
    scene.done(&["add", "alice"], "s3cret\n");
    std::fs::write(scene.0.path().join("parlor.toml"), format!("{CONFIG}realm = \"other.example.test\"\n")).unwrap();
    assert!(scene.list()[0].ends_with("(its password is for the realm \"chat.example.test\": set it again)"));
    scene.done(&["passwd", "alice"], "s3cret\n");
    assert!(!scene.list()[0].contains("realm"), "{:?}", scene.list());
}
