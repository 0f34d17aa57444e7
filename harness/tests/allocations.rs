//! Allocations: how often memory is asked for on an operation's way through the harness, as
//! `docs/performance.md` says.

use perjury_harness::bench::stages::STAGES;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the table begins and ends.
const TABLE: [&str; 2] = ["<!-- allocations -->\n", "<!-- end of allocations -->\n"];
const OPERATIONS: u64 = 10_000;

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator that counts hands on what it is asked")]
// SAFETY: every call is the system's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as we were called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as we were called.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_operation_allocates_as_little_as_is_said() {
    let mut table = "| stage | allocations |\n|---|---|\n".to_owned();
    for stage in STAGES {
        let work = (stage.prepare)(OPERATIONS);
        let before = COUNT.load(Ordering::Relaxed);
        work();
        let each = (COUNT.load(Ordering::Relaxed) - before) as f64 / OPERATIONS as f64;
        table += &format!("| `{}` | {each:.0} |\n", stage.name);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let text = std::fs::read_to_string(&page).expect("the page");
    let [begin, end] = TABLE.map(|mark| text.find(mark).expect("the table's marks"));
    let wanted = format!("{}{}{table}{}", &text[..begin], TABLE[0], &text[end..]);
    if std::env::var_os("PERJURY_WRITE_DOCS").is_some() {
        std::fs::write(&page, wanted).expect("the page is written");
    } else {
        let known = &text[begin..end];
        assert!(text == wanted, "an operation costs other than before: was {known}, is {table}");
    }
}
