//! The page as a whole: its bytes, its bounds, and that nothing of others' reaches its markup.

use super::anomalies::{clean, cycle, lost_element, stale_read};
use super::fixture::*;
use crate::report::*;

#[test]
fn reports_have_the_same_bytes_each_time() {
    for (name, make) in [
        ("valid", (|| clean(5000)) as fn() -> Run),
        ("stale", stale_read),
        ("cycle", cycle),
        ("lost", lost_element),
    ] {
        let (one, other) = (make(), make());
        let page = html(&one.input());
        assert_eq!(page, html(&other.input()), "{name}");
        assert_eq!(one.results.to_json().unwrap(), other.results.to_json().unwrap(), "{name}");
        if let Some(folder) = std::env::var_os("PERJURY_KEEP_REPORTS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), page)
                .unwrap();
        }
    }
}
