//! The schema of `results.json`, made from the types that write it.

use super::results::{Results, VERSION};
use serde_json::{Value, json};

/// The JSON schema (draft 2020-12) of `results.json`, with the comments of its types.
///
/// New names may come with any release; [`VERSION`] changes when one goes or changes its meaning.
pub fn results() -> Value {
    let mut schema = schemars::schema_for!(Results).to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), json!("results.json of a run of Perjury"));
        fields.insert("$comment".to_owned(), json!(format!("Version {VERSION} of the format.")));
    }
    schema
}
