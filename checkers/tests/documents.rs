//! The pages show the examples, and what these print, as they are.

#[path = "../examples/own_model.rs"]
#[expect(dead_code, reason = "an example's main is not called by a test")]
mod own_model;

#[path = "../examples/transactions.rs"]
#[expect(dead_code, reason = "an example's main is not called by a test")]
mod transactions;

/// What stands between a line of ``` with this word and the next line of ```.
fn block<'p>(page: &'p str, word: &str) -> &'p str {
    let start = format!("\n```{word}\n");
    let (_, rest) = page.split_once(&start).expect("a block with this word");
    rest.split_once("\n```\n").expect("an end of the block").0
}

/// Compares a page with an example and what it prints.
fn compare(page: &str, example: &str, report: &str) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let page = std::fs::read_to_string(format!("{root}../docs/{page}")).expect("the page");
    let example = std::fs::read_to_string(format!("{root}examples/{example}")).expect("the file");
    assert_eq!(block(&page, "rust"), example.trim_end());
    assert_eq!(block(&page, "text"), report.trim_end());
}

#[test]
fn the_page_on_models_shows_the_example_and_its_output() {
    compare("models.md", "own_model.rs", &own_model::report().expect("a report"));
}

#[test]
fn the_page_on_checkers_shows_the_example_and_its_output() {
    compare("checkers.md", "transactions.rs", &transactions::report().expect("a report"));
}
