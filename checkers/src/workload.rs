//! Names: the checkers for a history of a known workload.

use crate::Checker;
use crate::linear::{CasRegister, Linearizable, Mutex};

/// What the caller knows of the history.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    pub consistency_model: Option<String>,
    /// Whether values are `[key, value]`.
    pub independent: Option<bool>,
}

/// The checkers for the workload `name`; the error lists those that are known.
pub fn checkers_for_workload(
    name: &str,
    options: &CheckOptions,
) -> Result<Vec<Box<dyn Checker>>, String> {
    let keyed = options.independent.unwrap_or(false);
    match name {
        "cas-register" | "register" => {
            Ok(vec![Box::new(Linearizable::new(CasRegister::default()).keyed(keyed))])
        }
        "mutex" => Ok(vec![Box::new(Linearizable::new(Mutex))]),
        _ => Err(format!("there is no workload `{name}`; there are cas-register and mutex")),
    }
}
