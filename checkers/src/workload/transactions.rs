//! Workloads of transactions, which are judged in compact form.

use super::{CheckOptions, VERSIONS, WORKLOADS};
use crate::txn::rw_register::Inference;
use crate::txn::{ConsistencyModel, ListAppend, RwRegister, TransactionChecker};

/// The checkers of a workload of transactions; `None` for any other workload. The error says
/// which option does not fit.
pub fn checkers_of_transactions(
    workload: &str,
    options: &CheckOptions,
) -> Result<Option<Vec<Box<dyn TransactionChecker>>>, String> {
    if let Some(known) = WORKLOADS.iter().find(|known| known.name == workload) {
        options.settings.only(workload, known.settings)?;
    }
    Ok(Some(match workload {
        "list-append" => vec![Box::new(list_append(options)?)],
        "rw-register" => vec![Box::new(rw_register(options)?)],
        _ => return Ok(None),
    }))
}

pub(super) fn list_append(options: &CheckOptions) -> Result<ListAppend, String> {
    Ok(ListAppend { model: level(options)? })
}

/// The order of versions follows from what is set, or from what the level implies.
pub(super) fn rw_register(options: &CheckOptions) -> Result<RwRegister, String> {
    let mut checker = RwRegister::new(level(options)?);
    let Inference { wfr_keys, sequential_keys, linearizable_keys } = &mut checker.inference;
    for (name, flag) in VERSIONS.iter().zip([wfr_keys, sequential_keys, linearizable_keys]) {
        *flag = options.settings.flag_if_given(name)?.unwrap_or(*flag);
    }
    Ok(checker)
}

fn level(options: &CheckOptions) -> Result<ConsistencyModel, String> {
    options.consistency_model.as_deref().map_or(Ok(ConsistencyModel::default()), str::parse)
}
