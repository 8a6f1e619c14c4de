//! The fuzzer's corpus, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/sip.rs"]
mod checks;

fn replay(corpus: &str, check: impl Fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("a corpus") {
        let path = entry.expect("a file").path();
        println!("{}", path.display()); // shown when the check fails
        check(&fs::read(&path).expect("a file"));
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn datagrams_hold_on_their_corpus() {
    replay("sip_datagram", checks::datagram);
}

#[test]
fn streams_hold_on_their_corpus() {
    replay("sip_stream", checks::stream);
}
