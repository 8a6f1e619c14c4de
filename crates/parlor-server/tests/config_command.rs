//! `parlor check-config` and its neighbours, as a person runs them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn parlor(directory: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_parlor");
    Command::new(program).args(arguments).current_dir(directory).env_remove("RUST_LOG").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn directory_with(file: &str, text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(file), text).unwrap();
    directory
}

/// Every mistake is printed as `file:line: key: message`, and the exit status is 1.
#[test]
fn mistakes_by_line() {
    let directory = directory_with(
        "bad.toml",
        "domian = \"a\"\n\n[limits]\noutbox = \"1 kB\"\nroms = 3\n[tls]\nkey = \"nowhere.pem\"\ncertificate = \"nowhere.pem\"\n",
    );
    let output = parlor(directory.path(), &["check-config", "--config", "bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        "bad.toml:1: domian: unknown key, perhaps `domain`",
        "bad.toml:4: limits.outbox: \"1 kB\" is not a size",
        "bad.toml:5: limits.roms: unknown key, perhaps `rooms`",
        "bad.toml:8: tls.certificate: nowhere.pem: No such file",
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

/// A file with a room's password must be there, and have one in it.
#[test]
fn password_files() {
    let text =
        "[rooms]\npassword_file = \"nowhere\"\n[[room]]\nname = \"a\"\n[[room]]\nname = \"b\"\npassword_file = \"b\"\n";
    let directory = directory_with("parlor.toml", text);
    std::fs::write(directory.path().join("b"), "\n").unwrap();
    let found = stdout(&parlor(directory.path(), &["check-config"]));
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert!(lines[0].starts_with("parlor.toml:2: rooms.password_file: nowhere: No such file"), "{found}");
    assert!(lines[1].starts_with("parlor.toml:7: room[1].password_file: b: its first line"), "{found}");
    let output = parlor(directory.path(), &["room-password", "nobody", "--config", "parlor.toml"]);
    assert!(!output.status.success());
}

/// A correct file is summed up; `parlor.toml` of the working directory is the file when none is named.
#[test]
fn correct_file() {
    let directory = directory_with("parlor.toml", "domain = \"example.test\"\n[[room]]\nname = \"tea\"\n");
    for arguments in [&["check-config"][..], &["check-config", "-c", "parlor.toml"]] {
        let output = parlor(directory.path(), arguments);
        assert!(output.status.success());
        assert!(stdout(&output).contains("sip:tea@example.test"), "{}", stdout(&output));
    }
}

/// A file that is named must be there; without one the defaults are in force.
#[test]
fn missing_file() {
    let directory = tempfile::tempdir().unwrap();
    let output = parlor(directory.path(), &["check-config", "--config", "none.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("none.toml: No such file"));
    let output = parlor(directory.path(), &["check-config"]);
    assert!(output.status.success());
    assert!(stdout(&output).contains("sip:lobby@localhost"));
}

/// What is not UTF-8 is named by line and key beside the other mistakes.
#[test]
fn not_utf8() {
    let directory = tempfile::tempdir().unwrap();
    let text = b"domian = \"a\"\n[rooms]\ntopic = \"caf\xe9 \xff\"\n# \xe9\nmax_participants = 0\n";
    std::fs::write(directory.path().join("bad.toml"), text).unwrap();
    let output = parlor(directory.path(), &["check-config", "--config", "bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        "bad.toml:1: domian: unknown key",
        "bad.toml:3: rooms.topic: not UTF-8",
        "bad.toml:4: rooms.topic: not UTF-8",
        "bad.toml:5: rooms.max_participants: must be",
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

/// Serving refuses a mistaken configuration with the same words, and starts nothing.
#[test]
fn serve_refuses_mistakes() {
    let directory = directory_with("bad.toml", "[sip]\nlisten = [\"tcp:192.0.2.1:5060\"]\n");
    for arguments in [&["--config", "bad.toml"][..], &["serve", "--config", "bad.toml"]] {
        let output = parlor(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("bad.toml:2: sip.listen[0]: 192.0.2.1:5060 is beyond loopback"), "{text}");
    }
}

/// A RUST_LOG that cannot be understood is said, and the configured level holds.
#[test]
fn mistaken_rust_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("[http]\nlisten = \"{}\"\n[log]\nlevel = ", taken.local_addr().unwrap());
    for (level, said) in [("info", "configuration read"), ("error", "RUST_LOG")] {
        let directory = directory_with("parlor.toml", &format!("{listen}\"{level}\"\n"));
        for wrong in ["debg", "parlor_server=loud", ","] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
            let output = command.current_dir(directory.path()).env("RUST_LOG", wrong).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "it cannot listen");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains(&format!("RUST_LOG: {wrong:?} is no log level")) && text.contains(said), "{text}");
        }
    }
}

/// The printed example is a correct file, and the printed documentation is the one in the repository.
#[test]
fn printed_files() {
    let directory = tempfile::tempdir().unwrap();
    let example = stdout(&parlor(directory.path(), &["example-config"]));
    std::fs::write(directory.path().join("parlor.toml"), example).unwrap();
    assert!(parlor(directory.path(), &["check-config"]).status.success());
    let documentation = stdout(&parlor(directory.path(), &["config-docs"]));
    assert!(documentation.starts_with("# Configuration\n"));
}

/// The certificate made for trying fits into a configuration as printed.
#[test]
fn certificate_for_trying() {
    let directory = tempfile::tempdir().unwrap();
    let output =
        parlor(directory.path(), &["certificate", "--self-signed", "--domain", "example.test", "--out", "tls"]);
    assert!(output.status.success());
    let text = format!("{}[msrp]\nlisten = [\"tls:127.0.0.1:2855\"]\n", stdout(&output));
    std::fs::write(directory.path().join("parlor.toml"), text).unwrap();
    let output = parlor(directory.path(), &["check-config"]);
    assert!(output.status.success(), "{}", stdout(&output));
}

/// The version is that of the package.
#[test]
fn version() {
    let directory = tempfile::tempdir().unwrap();
    let output = parlor(directory.path(), &["--version"]);
    assert_eq!(stdout(&output), format!("parlor {}\n", env!("CARGO_PKG_VERSION")));
}
