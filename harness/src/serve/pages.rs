//! Pages: what is shown, as markup.

pub(super) mod campaign;
pub(super) mod compare;
pub(super) mod layout;
pub(super) mod live;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod selection;
