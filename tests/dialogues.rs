//! Scripts of named clients, each line as it stands on the wire; `dialogues/README.md` says how they are written.

mod pattern;
mod play;
mod script;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

macro_rules! dialogues {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                play::play(&directory().join(concat!(stringify!($name), ".txt")));
            }
        )+

        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

dialogues! {
    blink_composing
    blink_file_pull
    blink_file_push
    blink_keepalive
    blink_large_message
    blink_nickname
    blink_offer
    blink_private_message
    blink_refer
    blink_room_message
    blink_subscribe
    crocodile_auth
    libmsrp
    msrp_java_chunks
    msrp_java_nickname
    msrp_node
    passive_peer
    rfc7701_message
}

/// No script is left out: each file here has its test above.
#[test]
fn every_script_is_a_test() {
    let entries = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let scripts = entries.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let there: BTreeSet<_> = scripts.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let listed: BTreeSet<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(there, listed);
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues")
}
