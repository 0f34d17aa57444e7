//! Witnesses of shaped links: small packets that agents send each other, before, during and after.
//!
//! What a policy asks for has to show twice: where the packets were counted, and in what the
//! receiving node heard. The machine that measures may be busy, so what is measured is held
//! against bounds that chance breaks once in ten thousand measurements, and is measured again.

mod judge;

use super::means::{Means, Plan};
use crate::ground::{Ground, ask};
use crate::wire::{Echo, Heard, Measure, Measured, NET_ECHO, NET_HEARD, NET_MEASURE, Session, Way};
use futures::future::try_join_all;
use perjury_harness::cluster::{Link, LinkCount, LinkPolicy};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Links measured at a time, at most: to measure all would be a fault of its own.
const LINKS_MAX: usize = 4;
/// How often it is measured until the picture is as it should be.
const TRIES: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(10);

/// What one measurement of one link saw.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The sender, of round trips.
    measured: Measured,
    /// The receiver, of this measurement; its node's counts since before it.
    heard: Heard,
    /// What was counted on the link meanwhile.
    counted: Option<LinkCount>,
}

type Picture = BTreeMap<Link, View>;

/// What links were like before they were shaped.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<Link, Measured>>);

impl Memory {
    pub(super) fn keep(&self, before: &Picture) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.extend(before.iter().map(|(&link, view)| (link, view.measured.clone())));
    }

    fn recall(&self) -> BTreeMap<Link, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The names of a link's ends.
pub(crate) fn names(ground: &dyn Ground, link: Link) -> [String; 2] {
    [ground.name(link.from).to_owned(), ground.name(link.to).to_owned()]
}

/// `n1->n3`
pub(crate) fn arrow(ground: &dyn Ground, link: Link) -> String {
    names(ground, link).join("->")
}

/// `[["n1","n3"],…]` as links.
pub(super) fn links(ground: &dyn Ground, pairs: &Value) -> Result<Vec<Link>, String> {
    let pairs: Vec<[String; 2]> = serde_json::from_value(pairs.clone())
        .map_err(|_| format!("{pairs} is no list of pairs of node names"))?;
    let find =
        |name: &str| ground.position(name).ok_or_else(|| format!("there is no node `{name}`"));
    pairs.iter().map(|[from, to]| Ok(Link { from: find(from)?, to: find(to)? })).collect()
}

/// Some of these links that carry packets both ways, from as many senders as possible.
fn sample(links: impl Iterator<Item = Link> + Clone, without: &BTreeSet<Link>) -> Vec<Link> {
    let usable = |link: &Link| {
        let back = Link { from: link.to, to: link.from };
        !without.contains(link) && !without.contains(&back)
    };
    let mut senders = BTreeSet::new();
    let first = links.clone().filter(usable).filter(|link| senders.insert(link.from));
    let mut chosen: Vec<Link> = first.take(LINKS_MAX).collect();
    let rest: Vec<Link> = links.filter(usable).filter(|link| !chosen.contains(link)).collect();
    chosen.extend(rest);
    chosen.truncate(LINKS_MAX);
    chosen
}

/// Looks at links of `plan` before they are shaped.
///
/// # Errors
/// When none of them works: then nothing could be seen on them.
pub(super) async fn before(
    ground: &dyn Ground,
    means: &Means<'_>,
    plan: &Plan,
) -> Result<Picture, String> {
    let sample = sample(plan.keys().copied(), &means.cuts(ground).await?);
    if sample.is_empty() {
        return Err("all these links are cut, so nothing could be seen on them".to_owned());
    }
    let mut picture = look(ground, means, &sample, &Style::plain()).await?;
    picture.retain(|_, view| view.measured.answered > 0);
    if picture.is_empty() {
        return Err(
            "no packet got over any of these links before they were shaped: let the nodes send \
                    each other UDP to ports that are not privileged"
                .to_owned(),
        );
    }
    Ok(picture)
}

/// Sees that the links of `before` do what `plan` says.
pub(super) async fn of_shape(
    ground: &dyn Ground,
    means: &Means<'_>,
    plan: &Plan,
    before: &Picture,
) -> Result<Value, String> {
    let mut problem = String::new();
    for _ in 0..TRIES {
        let cuts = means.cuts(ground).await?;
        let sample = sample(before.keys().copied(), &cuts);
        if sample.is_empty() {
            return Err("these links were cut before anything was seen on them".to_owned());
        }
        let style = Style::of(plan, &sample);
        let picture = look(ground, means, &sample, &style).await?;
        let plain = LinkPolicy::default();
        let wrong = picture.iter().find_map(|(link, view)| {
            let back = plan.get(&Link { from: link.to, to: link.from }).unwrap_or(&plain);
            let policy = plan.get(link).unwrap_or(&plain);
            let judged = judge::shaped(policy, back, &before[link].measured, view, &style);
            judged.err().map(|text| format!("{}: {text}", arrow(ground, *link)))
        });
        match wrong {
            None => {
                let counted = picture
                    .iter()
                    .filter_map(|(&link, view)| Some((arrow(ground, link), json!(view.counted?))));
                return Ok(json!({
                    "counted": counted.collect::<serde_json::Map<_, _>>(),
                    "measured": report(ground, &picture, before),
                }));
            }
            Some(text) => problem = text,
        }
    }
    Err(problem)
}

/// Sees that links that were shaped are as before, or as good as any.
pub(super) async fn of_plain(
    ground: &dyn Ground,
    means: &Means<'_>,
    memory: &Memory,
    were: &BTreeSet<Link>,
) -> Result<Value, String> {
    let before = memory.recall();
    let (mut problem, mut tries) = (String::new(), TRIES);
    while tries > 0 {
        tries -= 1;
        // What others do to a link is theirs to prove.
        let troubled = means.troubled(ground).await?;
        let known = before.keys().chain(were).copied();
        let all = (0..ground.size()).flat_map(|from| (0..ground.size()).map(move |to| (from, to)));
        let any = all.filter(|(from, to)| from != to).map(|(from, to)| Link { from, to });
        let mut sample = sample(known, &troubled);
        if sample.is_empty() {
            sample = self::sample(any, &troubled);
        }
        if sample.is_empty() {
            return Ok(json!({ "measured": [], "note": "other faults are on every link" }));
        }
        let picture = look(ground, means, &sample, &Style::plain()).await?;
        let wrong = picture.iter().find_map(|(link, view)| {
            let judged = judge::plain(before.get(link), view);
            judged.err().map(|text| format!("{}: {text}", arrow(ground, *link)))
        });
        match wrong {
            None => return Ok(json!({ "measured": report(ground, &picture, &Picture::new()) })),
            Some(text) => problem = text,
        }
        // What was under way when the policy went still arrives as it would have.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(problem)
}

fn report(ground: &dyn Ground, picture: &Picture, before: &Picture) -> Value {
    let ms = |us: u64| us as f64 / 1000.0;
    let lines = picture.iter().map(|(&link, view)| {
        let [from, to] = names(ground, link);
        let View { measured, heard, .. } = view;
        let mut line = json!({
            "from": from, "to": to,
            "sent": measured.sent, "heard": heard.distinct, "answered": measured.answered,
            "round_trip_ms": {
                "least": ms(measured.least_us), "median": ms(measured.median_us),
                "mean": ms(measured.mean_us), "most": ms(measured.most_us),
            },
        });
        if let Some(before) = before.get(&link) {
            line["round_trip_before_ms"] = json!(ms(before.measured.median_us));
        }
        let counts = [
            ("duplicates", u64::from(heard.duplicates)),
            ("overtaken", u64::from(heard.overtaken)),
            ("damaged", heard.damaged),
            ("checksum_errors", heard.checksum_errors),
            ("resets", u64::from(measured.resets)),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            line[name] = json!(count);
        }
        line
    });
    lines.collect()
}

/// How links are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    count: u32,
    gap_us: u64,
    size: usize,
    timeout_ms: u64,
    tcp: bool,
}

impl Style {
    /// Packets as small and frequent as those of a lively database.
    fn plain() -> Self {
        Self { count: 100, gap_us: 1000, size: 64, timeout_ms: 1000, tcp: false }
    }

    /// So that what `plan` asks of these links shows.
    fn of(plan: &Plan, sample: &[Link]) -> Self {
        let policies = sample.iter().filter_map(|link| plan.get(link));
        let longest = |ms: f64, policy: &LinkPolicy| {
            ms.max(2.0 * (policy.mean_delay_ms() + 10.0 * policy.jitter_ms + policy.reorder_ms))
        };
        let longest = policies.clone().fold(0.0, longest);
        let timeout_ms = (500.0 + longest).min(10_000.0) as u64;
        // What else there is shows in datagrams only.
        let tcp = policies.clone().all(|policy| {
            let rest = LinkPolicy { reset_percent: 0.0, ..policy.clone() };
            policy.reset_percent > 0.0 && rest.is_plain()
        });
        let slowest = policies.map(|policy| policy.rate_kbit).filter(|rate| *rate > 0.0);
        if let Some(rate) = slowest.min_by(f64::total_cmp) {
            // Four times what the link carries, for a second.
            let size = 1000;
            let gap_us = ((size + 42) as f64 * 8000.0 / (4.0 * rate)).clamp(200.0, 50_000.0) as u64;
            let count = (1_000_000 / gap_us).max(40) as u32;
            return Self { count, gap_us, size, timeout_ms: timeout_ms + 500, tcp };
        }
        if tcp {
            return Self { count: 150, gap_us: 3000, size: 64, timeout_ms: 1000, tcp };
        }
        Self { count: 600, gap_us: 1000, size: 64, timeout_ms, tcp }
    }

    /// How long one measurement takes, at most.
    fn duration(&self) -> Duration {
        Duration::from_micros(self.gap_us * u64::from(self.count))
            + Duration::from_millis(self.timeout_ms)
    }
}

/// Measures these links once, all at the same time.
async fn look(
    ground: &dyn Ground,
    means: &Means<'_>,
    links: &[Link],
    style: &Style,
) -> Result<Picture, String> {
    /// No two measurements of this process have the same.
    static SESSION: AtomicU64 = AtomicU64::new(1);
    let receivers: BTreeSet<usize> = links.iter().map(|link| link.to).collect();
    let opened = receivers.iter().map(|&node| async move {
        let echo: Echo = ask(ground, node, NET_ECHO, Value::Null, TIMEOUT).await?;
        Ok::<_, String>((node, (echo.port, heard(ground, node, 0).await?)))
    });
    let opened: BTreeMap<usize, (u16, Heard)> = try_join_all(opened).await?.into_iter().collect();
    let counted: BTreeMap<Link, Option<LinkCount>> =
        links.iter().map(|&link| (link, means.count(link))).collect();
    let mut by_sender: BTreeMap<usize, Vec<(Link, Way)>> = BTreeMap::new();
    for &link in links {
        let echo = SocketAddr::new(ground.address(link.to), opened[&link.to].0);
        let session = SESSION.fetch_add(1, Ordering::Relaxed);
        by_sender.entry(link.from).or_default().push((link, Way { echo, session }));
    }
    let measured = by_sender.into_iter().map(|(from, ways)| async move {
        let Style { count, gap_us, size, timeout_ms, tcp } = *style;
        let plan = ways.iter().map(|(_, way)| *way).collect();
        let with = json!(Measure { ways: plan, count, gap_us, size, timeout_ms, tcp });
        let patience = TIMEOUT + style.duration() * 2;
        let answers: Vec<Measured> = ask(ground, from, NET_MEASURE, with, patience).await?;
        if answers.len() != ways.len() {
            return Err(format!("the agent on {} did not measure all", ground.name(from)));
        }
        Ok(ways.into_iter().zip(answers).collect::<Vec<_>>())
    });
    let measured = try_join_all(measured).await?.into_iter().flatten();
    let views = measured.map(|((link, way), measured)| {
        let (earlier, counted) = (&opened[&link.to].1, counted[&link]);
        async move {
            let mut heard = heard(ground, link.to, way.session).await?;
            heard.damaged = heard.damaged.saturating_sub(earlier.damaged);
            heard.checksum_errors = heard.checksum_errors.saturating_sub(earlier.checksum_errors);
            let counted = means.count(link).zip(counted).map(|(now, then)| judge::since(now, then));
            Ok::<_, String>((link, View { measured, heard, counted }))
        }
    });
    Ok(try_join_all(views).await?.into_iter().collect())
}

async fn heard(ground: &dyn Ground, node: usize, session: u64) -> Result<Heard, String> {
    ask(ground, node, NET_HEARD, json!(Session { session }), TIMEOUT).await
}
