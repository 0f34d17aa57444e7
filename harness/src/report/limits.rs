//! Limits: what a suite demands of the service under faults, and what breaks such a demand.

use super::faults::FaultRecord;
use super::service::Service;
use super::text;
use crate::span::Span;
use perjury_checkers::{Anomaly, Finding};
use serde_json::{Value, json};

const CHECKER: &str = "service";

/// One demand: `availability >= 0.9 under kill minority`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub bound: Bound,
    /// The breaking function of the faults that it is about; all of them when `None`.
    pub under: Option<String>,
    /// Whom such a fault has to hit, as [`Limit::parse`] says.
    pub hits: Option<String>,
    /// As the user wrote it.
    pub text: String,
}

/// What is measured, and how it has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The least share of calls, from 0 to 1, served (answered with ok, or declined) during a fault,
    /// and in the five seconds after it was mended.
    Availability(f64),
    /// The longest time of a fault in which none was served, in nanoseconds.
    Outage(u64),
    /// How soon after a fault is gone calls are served again, in nanoseconds.
    Recovery(u64),
}

impl Limit {
    /// A limit on all faults.
    pub fn of_all(bound: Bound) -> Self {
        let text = match bound {
            Bound::Availability(share) => format!("availability >= {share}"),
            Bound::Outage(ns) => format!("outage <= {}", text::duration(ns)),
            Bound::Recovery(ns) => format!("recovery <= {}", text::duration(ns)),
        };
        Self { bound, under: None, hits: None, text }
    }

    /// Reads `availability >= SHARE`, `outage <= SPAN` or `recovery <= SPAN`, then, if not all
    /// faults are meant, `under FAULT` and whom it hits. That is `minority`, `majority` or `all`,
    /// by how many nodes it hit, or what the fault was asked for: another word, or nodes joined
    /// by `+`. `function` tells the breaking function of a fault's name.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(
        text: &str,
        function: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let spaced = text.replace(">=", " >= ").replace("<=", " <= ");
        let words: Vec<&str> =
            spaced.split_whitespace().filter(|word| !matches!(*word, "of" | "a" | "the")).collect();
        let (measure, scope) = words.split_at(words.len().min(3));
        let bound = match measure {
            ["availability", ">=", share] => Bound::Availability(a_share(share)?),
            ["outage", "<=", span] => Bound::Outage(nanoseconds(span)?),
            ["recovery", "<=", span] => Bound::Recovery(nanoseconds(span)?),
            _ => {
                return Err(format!(
                    "`{text}` is no limit: write availability >= 0.9, outage <= 5s or \
                     recovery <= 10s, then perhaps `under kill minority`"
                ));
            }
        };
        let (under, hits) = match scope {
            [] => (None, None),
            ["under", fault] => (Some(function(fault)?), None),
            ["under", fault, hits] => (Some(function(fault)?), Some((*hits).to_owned())),
            _ => {
                return Err(format!(
                    "`{text}`: after the limit comes `under FAULT`, and perhaps whom it hits, as \
                     in `under kill minority`"
                ));
            }
        };
        Ok(Self { bound, under, hits, text: text.trim().to_owned() })
    }

    /// Whether it is about `fault`, in a cluster of so many nodes.
    fn concerns(&self, fault: &FaultRecord, nodes: usize) -> bool {
        if self.under.as_ref().is_some_and(|f| *f != fault.f) {
            return false;
        }
        let Some(hits) = self.hits.as_deref() else { return true };
        let all = fault.targets.iter().any(|target| target == "all");
        let hit = if all { nodes } else { fault.targets.len() };
        match hits {
            "minority" => hit > 0 && 2 * hit < nodes,
            "majority" => 2 * hit > nodes,
            "all" => hit >= nodes,
            _ => {
                let asked = |key: &str| fault.value.get(key).and_then(Value::as_str) == Some(hits);
                asked("spec") || asked("shape") || fault.targets.join("+") == hits
            }
        }
    }
}

fn a_share(word: &str) -> Result<f64, String> {
    let share = match word.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => word.parse(),
    };
    share.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        format!("availability: `{word}` is no share of calls: write one from 0 to 1, such as 0.9")
    })
}

fn nanoseconds(word: &str) -> Result<u64, String> {
    let span: Span = word.parse()?;
    Ok(u64::try_from(span.0.as_nanos()).unwrap_or(u64::MAX))
}

/// The finding of the limits, if there are any: an anomaly for each fault that broke one. A limit
/// that no fault tried leaves the finding unknown.
pub fn judge(faults: &[FaultRecord], nodes: usize, limits: &[Limit]) -> Option<Finding> {
    if limits.is_empty() {
        return None;
    }
    let mut anomalies = Vec::new();
    let mut untried = Vec::new();
    for limit in limits {
        let measured: Vec<(&FaultRecord, &Service)> = faults
            .iter()
            .filter(|fault| limit.concerns(fault, nodes))
            .filter_map(|fault| fault.service.as_ref().map(|service| (fault, service)))
            .collect();
        if measured.is_empty() {
            untried.push(&*limit.text);
        }
        anomalies.extend(measured.into_iter().flat_map(|(fault, service)| {
            complaints(fault, service, limit.bound).into_iter().map(complaint)
        }));
    }
    let measured = faults.iter().filter(|fault| fault.service.is_some()).count();
    let stats = json!({ "faults": measured, "limits": limits.len() });
    Some(match (anomalies.is_empty(), untried.is_empty()) {
        (false, _) => Finding::invalid(CHECKER, anomalies, stats),
        (true, true) => Finding::valid(CHECKER, stats),
        (true, false) => {
            let untried = untried.join("`, `");
            Finding::unknown(
                CHECKER,
                format!("no fault was observed that tries the limit `{untried}`"),
            )
        }
    })
}

/// Kind, title and explanation of an anomaly.
type Complaint = (&'static str, String, String);

fn complaint((kind, title, explanation): Complaint) -> Anomaly {
    Anomaly { kind: kind.to_owned(), title, explanation, ..Anomaly::default() }
}

fn complaints(fault: &FaultRecord, service: &Service, bound: Bound) -> Vec<Complaint> {
    let what = format!("{} at {}", fault.f, text::moment(fault.from_ns));
    match bound {
        Bound::Availability(least) => {
            let during = unavailable(&what, service, least);
            during.into_iter().chain(degraded(&what, service, least)).collect()
        }
        Bound::Outage(most) => outage(&what, service, most).into_iter().collect(),
        Bound::Recovery(most) => recovery(&what, fault, service, most).into_iter().collect(),
    }
}

fn unavailable(what: &str, service: &Service, least: f64) -> Option<Complaint> {
    let share = service.availability().filter(|share| *share < least)?;
    Some((
        "unavailable",
        format!("{:.1} % of calls were served during {what}", 100.0 * share),
        format!(
            "{} of {} calls begun while it was in force were {}; the limit is {:.1} %. The \
             longest time without an answer was {}.{}",
            service.served(),
            service.calls,
            answered(service.declined),
            100.0 * least,
            text::duration(service.longest_outage_ns),
            most_errors(service),
        ),
    ))
}

/// How calls were served, of which so many were declined.
fn answered(declined: u64) -> String {
    match declined {
        0 => "answered with ok".to_owned(),
        _ => format!("answered with ok or declined ({declined})"),
    }
}

/// What the others were answered.
fn most_errors(service: &Service) -> String {
    let Some(first) = service.errors.first() else { return String::new() };
    format!(" The most frequent error, {}, was: {}", text::times(first.count), first.error)
}

fn degraded(what: &str, service: &Service, least: f64) -> Option<Complaint> {
    let share = service.availability_after().filter(|share| *share < least)?;
    Some((
        "degraded",
        format!("{:.1} % of calls were served after {what} was mended", 100.0 * share),
        format!(
            "{} of {} calls begun in the five seconds after that were {}; the limit is {:.1} %.",
            service.served_after(),
            service.calls_after,
            answered(service.declined_after),
            100.0 * least
        ),
    ))
}

fn outage(what: &str, service: &Service, most: u64) -> Option<Complaint> {
    let longest = Some(service.longest_outage_ns).filter(|longest| *longest > most)?;
    Some((
        "long-outage",
        format!("nothing was served for {} during {what}", text::duration(longest)),
        format!(
            "That long no call was answered with ok or declined; the limit is {}.{}",
            text::duration(most),
            most_errors(service)
        ),
    ))
}

fn recovery(what: &str, fault: &FaultRecord, service: &Service, most: u64) -> Option<Complaint> {
    fault.to_ns?;
    match service.recovery_ns {
        Some(took) if took > most => Some((
            "slow-recovery",
            format!("service came back {} after {what} was mended", text::duration(took)),
            format!("The limit is {}.", text::duration(most)),
        )),
        Some(_) => None,
        None => Some((
            "no-recovery",
            format!("service never came back after {what} was mended"),
            "No call begun after that was answered with ok or declined.".to_owned(),
        )),
    }
}
