//! The tables of `errors.md`: what each failure means, by a name and by what was asked.

use std::collections::BTreeMap;

/// The rows of a page by their names: the cells between what the client sees, which is the second
/// one, and why, which is the last.
pub fn rows(page: &str) -> BTreeMap<&str, Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(cells.len() > 3, "a row without a meaning: {line}");
            (cells[0].trim_matches('`'), cells[2..cells.len() - 1].to_vec())
        })
        .collect()
}

/// Every row of a page is played by a script, and every script plays a row.
pub fn assert_every_row_is_played<'a>(page: &str, scripts: impl Iterator<Item = &'a str>) {
    let rows: Vec<&str> = rows(page).into_keys().collect();
    let mut scripts: Vec<&str> = scripts.collect();
    scripts.sort_unstable();
    assert_eq!(rows, scripts);
}

#[cfg(test)]
mod tests {
    use super::{assert_every_row_is_played, rows};

    const PAGE: &str = "# Errors\n\n| Name | Seen | Write | Read | Why |\n|---|---|---|---|---|\n\
                        | `reset` | gone | info | fail | it was sent |\n\
                        | `absent` | refused | fail | fail | it was not |\n";

    #[test]
    fn rows_have_their_meanings_in_order() {
        let rows = rows(PAGE);
        assert_eq!(rows["reset"], ["info", "fail"]);
        assert_eq!(rows.len(), 2);
        assert_every_row_is_played(PAGE, ["reset", "absent"].into_iter());
    }

    #[test]
    #[should_panic(expected = "assertion `left == right` failed")]
    fn a_row_without_a_script_fails() {
        assert_every_row_is_played(PAGE, ["reset"].into_iter());
    }
}
