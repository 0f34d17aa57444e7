//! `perjury export`: a history, its operations or its anomalies in the formats of other tools.

use super::args::{ExportArgs, ExportFormat};
use super::opened::{Need, Opened, Source};
use super::stored::{find, wrong};
use super::stream;
use crate::Registry;
use crate::exit::{Stop, Usage};
use crate::explain::anomaly::numbered;
use crate::explain::select;
use crate::export::drawings::{self, Drawn};
use crate::export::{self, Events, ExportError, Pairing, csv, knossos};
use crate::store::{OutsideError, write_outside};
use perjury_checkers::history::jsonl;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

/// Writes what is asked for to a file, a folder or standard output.
pub fn export(args: &ExportArgs, registry: &Registry) -> Result<(), Stop> {
    fits(args)?;
    match args.format {
        ExportFormat::Dot => drawn(args, registry, Drawn::Dot),
        ExportFormat::Svg => drawn(args, registry, Drawn::Svg),
        ExportFormat::Results => {
            let source = Source::open(&args.file, &args.store, &args.judge)?;
            let opened = source.judged(&args.file, &args.judge, registry, Need::Anomalies)?;
            put(args, args.output.as_deref(), |to| Ok(to.write_all(opened.results.as_bytes())?))
        }
        _ => of_events(args, registry),
    }
}

/// Refuses flags that the format has no use for.
fn fits(args: &ExportArgs) -> Result<(), Usage> {
    let draws = matches!(args.format, ExportFormat::Dot | ExportFormat::Svg);
    if args.anomaly.is_some() && !draws {
        return Err(Usage("--anomaly is for --format dot and svg: leave it out".to_owned()));
    }
    if args.key.is_some() && args.format != ExportFormat::Knossos {
        return Err(Usage("--key is for --format knossos: leave it out".to_owned()));
    }
    Ok(())
}

/// Formats that are made event by event.
fn of_events(args: &ExportArgs, registry: &Registry) -> Result<(), Stop> {
    if let Some(lines) = streamed(args)? {
        let read = |error: perjury_checkers::history::ReadError| {
            ExportError::Read(format!("{}: {error}", args.file.display()))
        };
        let events: Events<'_> = Box::new(lines.map(move |event| event.map_err(read)));
        return written(args, events, said(args));
    }
    // Nobody has to judge what is only copied.
    let mut judge = args.judge.clone();
    let csv = args.format == ExportFormat::Csv;
    judge.workload = judge.workload.filter(|_| csv);
    let source = Source::open(&args.file, &args.store, &judge)?;
    let opened = source.judged(&args.file, &judge, registry, Need::Operations)?;
    if csv && opened.history.is_none() {
        let all = &opened.subject.operations;
        return put(args, args.output.as_deref(), |to| csv::write_all(all, to));
    }
    let history = opened.events()?;
    let events: Events<'_> = Box::new(history.events().iter().cloned().map(Ok));
    let keyed = said(args).or(Some(opened.subject.keyed));
    written(args, events, keyed)
}

/// What the user says of keys.
fn said(args: &ExportArgs) -> Option<bool> {
    (args.judge.independent || args.judge.single).then_some(args.judge.independent)
}

/// Events as they are read: of a run, and of a file in our own format.
fn streamed(args: &ExportArgs) -> Result<Option<stream::Lines>, Stop> {
    let file = &args.file;
    if !file.is_file() {
        let run = find(file, &args.store)?;
        let source = run.read_history().map_err(|error| Usage(error.to_string()))?;
        return Ok(Some(jsonl::Events::new(source.reader)));
    }
    let name = file.to_string_lossy();
    let ours = name.ends_with(".jsonl") || name.ends_with(".jsonl.zst");
    // Any other first line is of some other format, or damaged: the careful readers look at it.
    let begins = ours && stream::open(file)?.next().is_some_and(|event| event.is_ok());
    Ok(if begins { Some(stream::open(file)?) } else { None })
}

fn written(args: &ExportArgs, events: Events<'_>, keyed: Option<bool>) -> Result<(), Stop> {
    let output = args.output.as_deref();
    match args.format {
        ExportFormat::Edn => put(args, output, |to| export::edn(events, to)),
        ExportFormat::Jsonl => put(args, output, |to| export::jsonl(events, to)),
        ExportFormat::Csv => put(args, output, |to| csv::write(Pairing::new(events), keyed, to)),
        _ => for_knossos(args, events, keyed),
    }
}

fn for_knossos(args: &ExportArgs, events: Events<'_>, keyed: Option<bool>) -> Result<(), Stop> {
    let output = args.output.as_deref();
    if let Some(key) = &args.key {
        return put(args, output, |to| knossos::write_key(events, key, to));
    }
    let (keyed, events) = match keyed {
        Some(keyed) => (keyed, events),
        None => knossos::look(events).map_err(|error| stopped(&error))?,
    };
    if !keyed {
        return put(args, output, |to| knossos::write(events, to));
    }
    let histories = knossos::split(events).map_err(|error| stopped(&error))?;
    let Some(folder) = output else {
        let keys: Vec<&str> = histories.keys().map(String::as_str).collect();
        if let [key] = keys.as_slice() {
            return put(args, None, |to| Ok(to.write_all(histories[*key].as_bytes())?));
        }
        return Err(Usage(format!(
            "there are {} keys, and Knossos knows none: choose one with --key, such as --key '{}', \
             or name a folder for a file a key with --output",
            keys.len(),
            keys.first().copied().unwrap_or("1")
        ))
        .into());
    };
    for (number, (key, text)) in histories.iter().enumerate() {
        let name = format!("key-{}-{}.edn", number + 1, safe(key));
        put(args, Some(&folder.join(name)), |to| Ok(to.write_all(text.as_bytes())?))?;
    }
    Ok(())
}

/// What of a key can be part of a file's name.
fn safe(key: &str) -> String {
    let plain = key.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
    plain.take(40).collect()
}

/// Drawings: one, or all of them into a folder.
fn drawn(args: &ExportArgs, registry: &Registry, how: Drawn) -> Result<(), Stop> {
    let source = Source::open(&args.file, &args.store, &args.judge)?;
    let opened = source.judged(&args.file, &args.judge, registry, Need::Anomalies)?;
    let subject = &opened.subject;
    let write = |path: Option<&Path>, text: String| {
        put(args, path, |to| Ok(to.write_all(text.as_bytes())?))
    };
    if let Some(id) = &args.anomaly {
        let file = args.file.display();
        let chosen = select(&subject.findings, id)
            .map_err(|why| Usage(format!("--anomaly: {file}: {why}")))?;
        let text = drawings::draw(subject, chosen, how).ok_or_else(|| no_drawing(how))?;
        return write(args.output.as_deref(), text);
    }
    let all = numbered(&subject.findings);
    let texts: Vec<(usize, String)> = all
        .into_iter()
        .filter_map(|one| Some((one.0, drawings::draw(subject, one, how)?)))
        .collect();
    match (args.output.as_deref(), texts.as_slice()) {
        (_, []) => Err(no_drawing(how).into()),
        (None, [(_, text)]) => write(None, text.clone()),
        (None, several) => {
            let numbers: Vec<String> = several.iter().map(|(n, _)| n.to_string()).collect();
            Err(Usage(format!(
                "there are drawings of anomalies {}: choose one with --anomaly, or name a folder \
                 with --output",
                numbers.join(", ")
            ))
            .into())
        }
        (Some(folder), several) => {
            for (number, text) in several {
                let name = format!("anomaly-{number}.{}", how.ending());
                write(Some(&folder.join(name)), text.clone())?;
            }
            Ok(())
        }
    }
}

fn no_drawing(how: Drawn) -> Usage {
    Usage(match how {
        Drawn::Dot => "there is no cycle to be drawn: try --format svg".to_owned(),
        Drawn::Svg => "there is no anomaly to be drawn".to_owned(),
    })
}

/// Writes to a file, or to standard output.
fn put(
    args: &ExportArgs,
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
) -> Result<(), Stop> {
    let Some(path) = path else {
        let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
        let done = write(&mut out).and_then(|()| Ok(out.flush()?));
        return match done {
            // A reader that went away (`| head`) is no error of ours.
            Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|error| stopped(&error)),
        };
    };
    write_outside(path, args.force, write).map_err(|error| match error {
        OutsideError::Taken(_) => Usage(format!("--output: {error}")).into(),
        OutsideError::Store(error) => wrong(path, &error).into(),
        OutsideError::Content(error) => stopped(&error),
    })
}

fn stopped(error: &ExportError) -> Stop {
    match error {
        ExportError::Read(why) => Usage(why.clone()).into(),
        ExportError::Write(error) => Opened::failed(error),
    }
}
