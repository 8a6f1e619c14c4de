//! The fuzzer's corpus, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/events.rs"]
mod checks;

#[test]
fn bodies_hold_on_their_corpus() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/events");
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("a corpus") {
        let path = entry.expect("a file").path();
        println!("{}", path.display()); // shown when the check fails
        checks::bodies(&fs::read(&path).expect("a file"));
        count += 1;
    }
    assert!(count > 0);
}
