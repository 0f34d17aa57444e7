//! `docs/models.md` shows the example of a model of one's own, and what it prints, as they are.

#[path = "../examples/own_model.rs"]
#[expect(dead_code, reason = "an example's main is not called by a test")]
mod own_model;

/// What stands between a line of ``` with this word and the next line of ```.
fn block<'p>(page: &'p str, word: &str) -> &'p str {
    let start = format!("\n```{word}\n");
    let (_, rest) = page.split_once(&start).expect("a block with this word");
    rest.split_once("\n```\n").expect("an end of the block").0
}

#[test]
fn the_page_on_models_shows_the_example_and_its_output() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/models.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/own_model.rs");
    let example = std::fs::read_to_string(example).expect("the example");
    assert_eq!(block(&page, "rust"), example.trim_end());
    let report = own_model::report().expect("a report");
    assert_eq!(block(&page, "text"), report.trim_end());
}
