//! What faults did to the service: the share of calls that were served while each was in force,
//! and how soon calls were served again.

use super::frame::{Frame, LogScale, y_tick};
use super::{Plot, PlotInput};
use crate::report::drawing::px;
use crate::report::faults::FaultRecord;
use crate::report::text;
use maud::{Markup, html};

const HEIGHT: f64 = 120.0;
/// Characters of a fault's name and targets.
const NAME_MAX: usize = 60;

/// `None` when no call was made while a fault was certainly in force.
pub(super) fn availability(input: &PlotInput<'_>) -> Option<Plot> {
    let served: Vec<(&FaultRecord, f64)> = input
        .faults
        .iter()
        .filter_map(|fault| Some((fault, fault.service.as_ref()?.availability()?)))
        .collect();
    let (worst, least) = served.iter().min_by(|one, other| one.1.total_cmp(&other.1))?;
    let caption = format!(
        "Calls begun while a fault was certainly in force, and the share of them that was served: \
         {:.0} % at the worst, during {}.",
        100.0 * least,
        named(worst)
    );
    let frame = Frame::new(input, HEIGHT);
    let y = |share: f64| frame.bottom - share * (frame.bottom - frame.top - 8.0);
    let axis = html! {
        @for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] { (y_tick(y(share), label)) }
    };
    let bars = html! {
        @for (fault, share) in &served {
            @let (from, to) = fault.window().unwrap_or_default();
            @let (left, right) = (frame.x(from), frame.x(to));
            @let width = (right - left).max(2.0);
            g class="share" {
                title { (named(fault)) ": " (format!("{:.1} %", 100.0 * share)) " of calls served" }
                rect class="whole" x=(px(left)) y=(px(y(1.0))) width=(px(width))
                    height=(px(frame.bottom - y(1.0))) {}
                rect class="served" x=(px(left)) y=(px(y(*share))) width=(px(width))
                    height=(px(frame.bottom - y(*share))) {}
                line class="rim" x1=(px(left)) x2=(px(left + width)) y1=(px(y(*share))) y2=(px(y(*share))) {}
            }
        }
    };
    Some(Plot {
        name: "availability",
        title: "Availability during each fault",
        legend: super::named(&[("ok", "served")]),
        svg: frame.draw("availability", &caption, &axis, &bars),
        caption,
    })
}

/// `None` when no fault was seen to be gone.
pub(super) fn recovery(input: &PlotInput<'_>) -> Option<Plot> {
    let gone: Vec<(&FaultRecord, u64, Option<u64>)> = input
        .faults
        .iter()
        .filter_map(|fault| Some((fault, fault.to_ns?, fault.service.as_ref()?.recovery_ns)))
        .collect();
    if gone.is_empty() {
        return None;
    }
    let took = || gone.iter().filter_map(|(_, _, took)| *took);
    let never = gone.iter().filter(|(_, _, took)| took.is_none()).count();
    let longest = match took().max() {
        Some(longest) => format!("{} at the longest", text::duration(longest)),
        None => "never".to_owned(),
    };
    let never_words = match never {
        0 => String::new(),
        _ => format!(" After {} no call was served any more.", text::count(never as u64, "fault")),
    };
    let caption = format!(
        "From when each fault was seen to be gone until a call begun after that was served: \
         {longest}.{never_words}"
    );
    let frame = Frame::new(input, HEIGHT);
    let scale =
        LogScale::new(took().min().unwrap_or(1_000_000), took().max().unwrap_or(1_000_000), &frame);
    let stems =
        html! { @for (fault, at, took) in &gone { (stem(&frame, &scale, fault, *at, *took)) } };
    Some(Plot {
        name: "recovery",
        title: "Recovery after each fault",
        legend: super::named(&[("ok", "served again"), ("fail", "not again")]),
        svg: frame.draw("recovery", &caption, &scale.axis(), &stems),
        caption,
    })
}

/// A stem with a head at how long it took; up to the rim if it never came back.
fn stem(
    frame: &Frame,
    scale: &LogScale,
    fault: &FaultRecord,
    at: u64,
    took: Option<u64>,
) -> Markup {
    let x = frame.x(at);
    let y = took.map_or(frame.top, |took| scale.y(took));
    let class = if took.is_some() { "stem ok" } else { "stem fail" };
    let words = took.map_or("not served again".to_owned(), text::duration);
    html! {
        g class=(class) {
            title { (named(fault)) ": " (words) }
            line x1=(px(x)) x2=(px(x)) y1=(px(frame.bottom)) y2=(px(y)) {}
            circle cx=(px(x)) cy=(px(y)) r="3.5" {}
        }
    }
}

fn named(fault: &FaultRecord) -> String {
    let words = format!("{} {}", fault.f, fault.target_words());
    format!(
        "{} at {}",
        text::elide(&text::printable(&words), NAME_MAX),
        text::moment(fault.from_ns)
    )
}
