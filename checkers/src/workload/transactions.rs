//! Workloads of transactions, which are judged in compact form.

use super::{CheckOptions, VERSIONS, WORKLOADS};
use crate::txn::rw_register::Inference;
use crate::txn::{
    ConsistencyModel, ListAppend, RwRegister, SetAdd, StrongIsolation, TransactionChecker, TxnBank,
    TxnCounter, WeakIsolation, WeakLevel,
};

/// How transactions of a workload are read and judged.
pub struct OfTransactions {
    /// The history's word for a write: `append`, `w`.
    pub write: &'static str,
    pub checkers: Vec<Box<dyn TransactionChecker>>,
}

/// The checkers of a workload of transactions; `None` for any other workload. The error says
/// which option does not fit.
pub fn checkers_of_transactions(
    workload: &str,
    options: &CheckOptions,
) -> Result<Option<OfTransactions>, String> {
    if let Some(known) = WORKLOADS.iter().find(|known| known.name == workload) {
        options.settings.only(workload, known.settings)?;
    }
    let weak = weak_level(workload, options);
    let (write, checker): (_, Box<dyn TransactionChecker>) = match (workload, weak) {
        ("list-append", Some(level)) => ("append", Box::new(WeakIsolation { level })),
        ("rw-register" | "key-value", Some(level)) => ("w", Box::new(WeakIsolation { level })),
        ("list-append", None) => match exact(options)? {
            Some(exact) => ("append", Box::new(exact)),
            None => ("append", Box::new(list_append(options)?)),
        },
        ("rw-register", None) => match exact(options)? {
            Some(exact) => ("w", Box::new(exact)),
            None => ("w", Box::new(rw_register(options)?)),
        },
        ("causal", level) => ("w", Box::new(WeakIsolation { level: causal(options, level)? })),
        ("key-value", None) => ("w", Box::new(key_value(options)?)),
        ("set-add", _) => ("add", Box::new(SetAdd { model: level(options)? })),
        ("txn-counter", _) => ("inc", Box::new(TxnCounter { model: level(options)? })),
        ("txn-bank", _) => ("w", Box::new(TxnBank::default())),
        _ => return Ok(None),
    };
    Ok(Some(OfTransactions { write, checkers: vec![checker] }))
}

/// A weak level, if that is asked for. Workloads with an order of versions have levels of their
/// own, some with the same names.
fn weak_level(workload: &str, options: &CheckOptions) -> Option<WeakLevel> {
    let name = options.consistency_model.as_deref()?;
    let level = name.parse::<WeakLevel>().ok()?;
    (matches!(workload, "key-value" | "causal") || name.parse::<ConsistencyModel>().is_err())
        .then_some(level)
}

/// Causal consistency, unless another weak level is asked for.
fn causal(options: &CheckOptions, level: Option<WeakLevel>) -> Result<WeakLevel, String> {
    match (&options.consistency_model, level) {
        (_, Some(level)) => Ok(level),
        (None, None) => Ok(WeakLevel::Causal),
        (Some(name), None) => {
            let known: Vec<&str> = WeakLevel::ALL.iter().map(|level| level.name()).collect();
            Err(format!("causal is not judged as {name}; known are {}", known.join(", ")))
        }
    }
}

/// Sessions count in this workload, so they do in every level.
fn key_value(options: &CheckOptions) -> Result<StrongIsolation, String> {
    use ConsistencyModel as Model;
    let model = match options.consistency_model.as_deref() {
        None => Model::StrongSessionSerializable,
        Some(name) => match name.parse::<Model>() {
            Ok(Model::Serializable) => Model::StrongSessionSerializable,
            Ok(Model::SnapshotIsolation) => Model::StrongSessionSnapshotIsolation,
            Ok(model) if STRONG.contains(&model) => model,
            _ => return Err(not_of_key_value(name)),
        },
    };
    Ok(StrongIsolation::new(model))
}

/// Levels that are decided without an order of versions.
const STRONG: [ConsistencyModel; 7] = [
    ConsistencyModel::Prefix,
    ConsistencyModel::SnapshotIsolation,
    ConsistencyModel::Serializable,
    ConsistencyModel::StrongSessionSnapshotIsolation,
    ConsistencyModel::StrongSessionSerializable,
    ConsistencyModel::StrongSnapshotIsolation,
    ConsistencyModel::StrictSerializable,
];

fn not_of_key_value(name: &str) -> String {
    let weak = WeakLevel::ALL.iter().map(|level| level.name());
    let known: Vec<&str> = weak.chain(STRONG.iter().map(|model| model.name())).collect();
    format!("key-value is not judged as {name}; known are {}", known.join(", "))
}

/// Whether a strong level is to be decided exactly, whatever the order of versions.
fn exact(options: &CheckOptions) -> Result<Option<StrongIsolation>, String> {
    if !options.settings.flag("exact")? {
        return Ok(None);
    }
    let model = level(options)?;
    if !STRONG.contains(&model) {
        let known: Vec<&str> = STRONG.iter().map(|model| model.name()).collect();
        return Err(format!("exact: {model} is none of {}", known.join(", ")));
    }
    let mut checker = StrongIsolation::new(model);
    let known = options.settings.flag_if_given("all-writes-known")?;
    checker.all_writes_known = known.unwrap_or(checker.all_writes_known);
    Ok(Some(checker))
}

fn list_append(options: &CheckOptions) -> Result<ListAppend, String> {
    Ok(ListAppend { model: level(options)? })
}

/// The order of versions follows from what is set, or from what the level implies.
pub(super) fn rw_register(options: &CheckOptions) -> Result<RwRegister, String> {
    let mut checker = RwRegister::new(level(options)?);
    let Inference { wfr_keys, sequential_keys, linearizable_keys } = &mut checker.inference;
    for (name, flag) in VERSIONS.iter().zip([wfr_keys, sequential_keys, linearizable_keys]) {
        *flag = options.settings.flag_if_given(name)?.unwrap_or(*flag);
    }
    let known = options.settings.flag_if_given("all-writes-known")?;
    checker.all_writes_known = known.unwrap_or(checker.all_writes_known);
    Ok(checker)
}

fn level(options: &CheckOptions) -> Result<ConsistencyModel, String> {
    options.consistency_model.as_deref().map_or(Ok(ConsistencyModel::default()), str::parse)
}
