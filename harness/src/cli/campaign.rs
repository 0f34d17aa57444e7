//! `perjury campaign`: from a matrix to one exit code.

pub mod show;
mod start;

use super::args::{CampaignArgs, TestArgs};
use super::{output, plan};
use crate::Registry;
use crate::campaign::drive::{self, Drive, Why};
use crate::campaign::file::File;
use crate::campaign::flags::Flags;
use crate::campaign::matrix::{Planned, Resolved};
use crate::campaign::record::Campaign;
use crate::campaign::runner::Interrupts;
use crate::campaign::{outputs, progress};
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::store::{CampaignDir, StoreError};
use clap::{Args, FromArgMatches};
use serde_json::json;
use show::Show;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many earlier campaigns the outputs know of.
const EARLIER_MAX: usize = 60;

/// Runs a campaign, or goes on with one.
pub fn campaign(args: &CampaignArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    let flags = Flags::of(&test_command());
    let name = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Usage(format!("cannot read {name}: {error}")))?;
    let file = File::parse(&text, &name, &flags)?;
    let resolve = |arguments: &[String]| resolve(arguments, registry);
    let budget = args.budget.or(file.budget).map(|span| span.0);
    let start = match &args.resume {
        Some(folder) => start::resume(args, &file, &flags, &resolve, folder.as_deref())?,
        None => {
            let fresh = start::plan(args, &file, &flags, &resolve)?;
            if args.dry_run {
                dry_run(&fresh.planned, file.setup_limit.0, file.retries, args.output.json);
                return Ok(ExitCode::SUCCESS);
            }
            fresh.begin(&args.output.store)?
        }
    };
    let began = Instant::now();
    let show = Show::new(&args.output, &start.campaign, start.dir.path(), budget);
    let program = std::env::current_exe()
        .map_err(|error| HarnessFailure::new("finding this program", error))?;
    let drive = Drive {
        program,
        dir: start.dir,
        campaign: start.campaign,
        planned: start.planned,
        reached: start.reached,
        journal: start.journal,
        retries: file.retries,
        setup_limit: file.setup_limit.0,
        budget,
        began,
        watch: &show,
    };
    run(drive, args, &show)
}

fn run(mut drive: Drive<'_>, args: &CampaignArgs, show: &Show) -> Result<ExitCode, Stop> {
    show.start(&drive.campaign);
    if drive.is_finished() && drive.campaign.ended.is_some() {
        show.finish();
        let why = Some("it had ended already: nothing was left to run");
        let (folder, output) = (drive.dir.path(), &args.output);
        show::closing(&drive.campaign, folder, output.json, output.colour, why);
        return Ok(ExitCode::from(drive.campaign.exit_code()));
    }
    // A resumed campaign runs again, whatever it said of its end.
    drive.campaign.ended = None;
    progress::save(drive.dir.path(), &drive.campaign).map_err(stored)?;
    // In this thread: a test is bound to the life of the thread that starts it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| HarnessFailure::new("the runtime", error))?;
    let why = runtime.block_on(async {
        let mut interrupts = Interrupts::listen()?;
        drive.run(&mut interrupts).await
    });
    show.finish();
    let why = why?;
    if why != Why::Interrupted {
        drive.campaign.ended = Some(jiff::Timestamp::now());
    }
    let folder = drive.dir.path();
    finish(folder, &drive.campaign)?;
    let resume = format!(
        "go on with: perjury campaign {} --resume {}",
        args.file.display(),
        folder.display()
    );
    let words = match why {
        Why::Done => None,
        Why::OutOfTime => Some(format!("the budget is used up; {resume}")),
        Why::Interrupted => Some(format!("it was interrupted; {resume}")),
    };
    let output = &args.output;
    show::closing(&drive.campaign, folder, output.json, output.colour, words.as_deref());
    Ok(ExitCode::from(drive.campaign.exit_code()))
}

/// Writes what a campaign leaves, seen beside the earlier ones in the same folder.
pub fn finish(folder: &Path, campaign: &Campaign) -> Result<(), HarnessFailure> {
    let beside = match std::fs::canonicalize(folder) {
        Ok(whole) => whole.parent().map(CampaignDir::beside).transpose().map_err(stored)?,
        Err(_) => None,
    };
    let (earlier, unreadable) =
        progress::earlier(&beside.unwrap_or_default(), campaign, EARLIER_MAX);
    for why in unreadable {
        output::complain(&format!("an earlier campaign is left out: {why}"));
    }
    outputs::write(folder, campaign, &earlier).map_err(stored)
}

/// A failure of the store, as one of the harness.
pub fn stored(error: StoreError) -> HarnessFailure {
    HarnessFailure::new("store", error)
}

/// The flags of `perjury test`, for words that do not begin with the program's name.
fn test_command() -> clap::Command {
    TestArgs::augment_args(clap::Command::new("perjury test").no_binary_name(true))
}

/// Understands a cell's arguments exactly as `perjury test` will.
fn resolve(arguments: &[String], registry: &Registry) -> Result<Resolved, Usage> {
    let wrong = |error: clap::Error| {
        // The first paragraph says it; the rest is how to call the program.
        let text = error.to_string();
        let text = text.split("\n\n").next().unwrap_or_default();
        Usage(text.trim_start_matches("error: ").to_owned())
    };
    let matches = test_command().try_get_matches_from(arguments).map_err(wrong)?;
    let args = TestArgs::from_arg_matches(&matches).map_err(wrong)?;
    let plan = plan::resolve(&args, registry)?;
    let nemesis = match (plan.nemesis.is_empty(), plan.script.is_empty()) {
        (true, true) => "none".to_owned(),
        (true, false) => "script".to_owned(),
        (false, _) => plan.nemesis.join(","),
    };
    Ok(Resolved {
        usual: [plan.database, plan.workload, nemesis],
        load: plan.time_limit.0,
        worst: plan.time_limit.0 + plan.recovery_limit.0 + plan.check_limit.0,
    })
}

fn dry_run(planned: &[Planned], setup: Duration, retries: u32, json: bool) {
    for planned in planned {
        let cell = &planned.cell;
        let mut command = vec!["perjury".to_owned()];
        command.extend(drive::arguments(planned));
        let limit = planned.worst + setup;
        if json {
            let fields = json!({
                "id": cell.id, "position": cell.position, "axes": cell.axes, "seed": cell.seed,
                "expected": cell.expected, "command": command, "limit_s": limit.as_secs_f64(),
            });
            show::print_event("planned", fields);
            continue;
        }
        let line: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let line = line.join(" ");
        let expected = match &cell.expected {
            crate::campaign::record::Expected::Valid => "valid".to_owned(),
            crate::campaign::record::Expected::Anomaly(kinds) if kinds.is_empty() => {
                "an anomaly".to_owned()
            }
            crate::campaign::record::Expected::Anomaly(kinds) => kinds.join(" or "),
        };
        output::print(&format!(
            "{}\n    {line}\n    expected: {expected}; at most {}",
            cell.id,
            span(limit)
        ));
    }
    if !json {
        let loads: Duration = planned.iter().map(|planned| planned.load).sum();
        let worst: Duration = planned.iter().map(|planned| planned.worst + setup).sum();
        output::print(&format!(
            "{} cells: their loads last {}, and all of it takes at most {}",
            planned.len(),
            span(loads),
            span(worst * (retries + 1))
        ));
    }
}

/// A word for a shell, as it is where that is safe.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+=:,/@%-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), |quoted| quoted.into_owned())
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
