//! Guard bindings. Nothing is counted for them, so they have no last use.

use pai_compiler::schema;

use super::kinds::{AGE, Column, Kind, SOURCE, Seen};

pub(super) const KIND: Kind = Kind {
    of: schema::Kind::GuardBinding,
    plural: "guards",
    also: &["guard", "guards"],
    scope: None,
    columns: &[
        Column::new("CLASSIFIER", classifier),
        Column::new("ENDPOINT", |seen| seen.text("/spec/classifier/endpoint")),
        AGE,
        Column::wide("MODEL", |seen| seen.text("/spec/classifier/model")),
        Column::wide("ON ERROR", |seen| seen.text("/spec/onError")),
        SOURCE,
    ],
};

/// Its type, which is `promptGuard` where it says none.
fn classifier(seen: &Seen<'_>) -> String {
    match seen.text("/spec/classifier/type") {
        none if none.is_empty() => "promptGuard".to_owned(),
        one => one,
    }
}
