//! The fuzzers' corpora, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/msrp.rs"]
mod checks;

/// Runs a check on each file of a corpus.
fn replay(corpus: &str, check: fn(&[u8])) {
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
fn decoder_holds_on_its_corpus() {
    replay("msrp_decoder", checks::decoder);
}

#[test]
fn uri_holds_on_its_corpus() {
    replay("msrp_uri", checks::uri);
}
