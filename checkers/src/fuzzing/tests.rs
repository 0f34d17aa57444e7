//! Tests that the inputs kept of the fuzzer do no harm.

use std::path::Path;

use super::*;

#[test]
fn kept_inputs_do_no_harm() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus"));
    for (name, target) in TARGETS {
        let folder = corpus.join(name);
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("a readable entry").path();
            let bytes = std::fs::read(&path).expect("a readable file");
            let done = std::panic::catch_unwind(|| target(&bytes));
            assert!(done.is_ok(), "{} does harm to {name}", path.display());
            count += 1;
        }
        assert!(count >= 20, "{name} has {count} inputs only");
    }
}
