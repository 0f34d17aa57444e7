//! What clients ask: vocabulary, generator and checkers of each workload.
