//! Streams: events a second and memory, from the file to the verdict.
//! `cargo bench -p perjury-checkers --bench stream [-- OPERATIONS [ROW ...]]`.
//!
//! Every row runs in a process of its own, so that its peak of memory is its own. The files, about
//! 180 bytes an operation, are made in the folder for temporary files (`TMPDIR`) and deleted.

#![expect(clippy::print_stdout, reason = "the table is what this is for")]

#[path = "../shared/clock.rs"]
mod clock;
mod loads;
#[path = "../shared/memory.rs"]
mod memory;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Command;

use clock::timed;
use loads::Load;
use memory::status;
use perjury_checkers::History;
use perjury_checkers::history::jsonl::{Events, MAX_LINE_BYTES};
use perjury_checkers::history::lines::{Block, Cutter};
use perjury_checkers::streaming::Judge;
use perjury_checkers::workload::CheckOptions;

/// A row: its name, its load, and what is done with the file. It answers with a count of events,
/// and a verdict.
type Row = (&'static str, Load, fn(&Path) -> (u64, String));

const ROWS: &[Row] = &[
    ("read-line-by-line", Load::Keys, line_by_line),
    ("read-in-blocks", Load::Keys, in_blocks),
    ("keys-1000", Load::Keys, judged),
    ("keys-1000-unique", Load::Unique, judged),
    ("keys-come-and-go", Load::Going, judged),
    ("counter", Load::Counter, |file| of_workload(file, "counter")),
    ("unique-ids", Load::Ids, |file| of_workload(file, "unique-ids")),
    ("monotonic", Load::Monotonic, |file| of_workload(file, "monotonic")),
];

fn main() {
    let mut arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let (Ok(name), Some(file)) = (std::env::var("STREAM_ROW"), std::env::var_os("STREAM_FILE")) {
        let (_, _, run) = ROWS.iter().find(|(row, ..)| *row == name).expect("a row of this name");
        return tell(&name, || run(Path::new(&file)));
    }
    let number = arguments.first().and_then(|argument| argument.parse::<u64>().ok());
    if number.is_some() {
        arguments.remove(0);
    }
    println!("| row | events | seconds | of CPU | events a second | MB in all | verdict |");
    println!("|---|---|---|---|---|---|---|");
    for (name, load, _) in ROWS {
        if !arguments.is_empty() && !arguments.iter().any(|argument| name.contains(argument)) {
            continue;
        }
        let file = std::env::temp_dir().join(format!("perjury-stream-{}", std::process::id()));
        loads::write(*load, number.unwrap_or(1_000_000), &file).expect("room for the file");
        let this = std::env::current_exe().expect("the benchmark itself");
        let ran = Command::new(this).env("STREAM_ROW", name).env("STREAM_FILE", &file).output();
        std::fs::remove_file(&file).expect("the file is there");
        let ran = ran.expect("a process");
        print!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    }
}

fn tell(name: &str, run: impl FnOnce() -> (u64, String)) {
    let ((events, verdict), took) = timed(run);
    println!(
        "| {name} | {events} | {:.2} | {:.2} | {:.0} | {} | {verdict} |",
        took.wall,
        took.cpu,
        events as f64 / took.wall,
        status("VmHWM:") / 1_000_000,
    );
}

fn open(file: &Path) -> File {
    File::open(file).expect("the file is there")
}

fn line_by_line(file: &Path) -> (u64, String) {
    let events = Events::new(BufReader::with_capacity(1 << 20, open(file)));
    (events.map(|event| u64::from(event.is_ok())).sum(), String::new())
}

/// One block after another, on one thread.
fn in_blocks(file: &Path) -> (u64, String) {
    let (mut cutter, mut events) = (Cutter::default(), 0);
    pieces(file, |piece| {
        cutter.push(piece);
        events += Block::read(&cutter.cut(), MAX_LINE_BYTES).briefs.len() as u64;
    });
    (events, String::new())
}

fn judged(file: &Path) -> (u64, String) {
    of_workload(file, "register")
}

fn of_workload(file: &Path, workload: &str) -> (u64, String) {
    let beginning = Events::new(BufReader::new(open(file))).take(1_000);
    let beginning = beginning.collect::<Result<Vec<_>, _>>().expect("good lines");
    let beginning = History::new(beginning).expect("a good history");
    let options = CheckOptions { initial: Some(0.into()), ..CheckOptions::default() };
    let mut judge = Judge::new(workload, &options, &beginning).expect("a stream");
    pieces(file, |piece| judge.push_lines(piece).expect("good lines"));
    let (finding, _) = judge.finish().expect("good lines");
    (judge.events(), format!("{:?}", finding.verdict))
}

fn pieces(file: &Path, mut show: impl FnMut(&[u8])) {
    let (mut file, mut piece) = (open(file), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece).expect("a readable file") {
            0 => return,
            count => show(&piece[..count]),
        }
    }
}
