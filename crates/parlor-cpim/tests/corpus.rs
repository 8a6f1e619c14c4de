//! The fuzzer's corpus, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/cpim.rs"]
mod checks;

#[test]
fn scanner_holds_on_its_corpus() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/cpim");
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("a corpus") {
        let path = entry.expect("a file").path();
        println!("{}", path.display()); // shown when the check fails
        checks::scanner(&fs::read(&path).expect("a file"));
        count += 1;
    }
    assert!(count > 0);
}
