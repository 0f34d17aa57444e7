//! What judges replicas that answer alone, by the name of the workload and its settings.

use super::Settings;
use crate::Checker;
use crate::eventual::{CrdtCounter, EventualRegister, MvRegister, OrSet, Order, Promise};

pub(super) fn checker(workload: &str, settings: &Settings) -> Result<Box<dyn Checker>, String> {
    let seconds: Option<u64> = settings.number("converge-within")?;
    let within = seconds.map_or(Promise::CONVERGE_WITHIN, |s| s.saturating_mul(1_000_000_000));
    // Eventual consistency alone promises sessions nothing.
    let sessions = settings.flag_if_given("sessions")?.unwrap_or(workload != "eventual");
    let promise = Promise { converge_within: within, sessions };
    Ok(match workload {
        "crdt-counter" => Box::new(CrdtCounter { promise }),
        "or-set" => Box::new(OrSet { promise }),
        "mv-register" => Box::new(MvRegister { promise }),
        _ => {
            let usual = if workload == "eventual" { Order::None } else { Order::Causal };
            let order = match settings.text("order") {
                None => usual,
                Some(word) => word.parse().map_err(|why| format!("setting order={word}: {why}"))?,
            };
            Box::new(EventualRegister { promise, order })
        }
    })
}
