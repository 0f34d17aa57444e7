//! What a campaign leaves in its folder.

use super::progress;
use super::record::Campaign;
use crate::store::StoreError;
use std::path::Path;

/// Writes everything that is made of `campaign` into its folder. `earlier` are ended campaigns of
/// the same name, oldest first.
pub fn write(folder: &Path, campaign: &Campaign, earlier: &[Campaign]) -> Result<(), StoreError> {
    tracing::debug!("{} earlier campaigns are known", earlier.len());
    progress::save(folder, campaign)
}
