//! Access keys. What they are is a digest in the manifest, and is not listed.

use pai_bundle::limit::Scope;
use pai_compiler::schema;

use super::kinds::{AGE, Column, Kind, LAST_USED, SOURCE};

pub(super) const KIND: Kind = Kind {
    of: schema::Kind::AccessKey,
    plural: "access-keys",
    also: &["key", "keys"],
    scope: Some(Scope::AccessKey),
    columns: &[
        Column::new("PROVIDERS", |seen| seen.list("/spec/providers").join(",")),
        Column::new("MAX/DAY", |seen| seen.text("/spec/maxTokensPerDay")),
        Column::new("EXPIRES", |seen| seen.text("/spec/expires")),
        LAST_USED,
        AGE,
        Column::wide("MODELS", |seen| seen.list("/spec/allowedModels").join(",")),
        Column::wide("FROM", |seen| seen.list("/spec/allowedCidrs").join(",")),
        Column::wide("USD/DAY", |seen| seen.text("/spec/maxCostPerDayUSD")),
        SOURCE,
    ],
};
