//! Agents, with the model that each asks first.

use pai_bundle::limit::Scope;
use pai_compiler::schema;

use super::kinds::{AGE, Column, Kind, LAST_USED, SOURCE};

pub(super) const KIND: Kind = Kind {
    of: schema::Kind::Agent,
    plural: "agents",
    also: &[],
    scope: Some(Scope::Agent),
    columns: &[
        Column::new("PRIMARY", |seen| seen.text("/spec/models/0")),
        Column::new("MAX/DAY", |seen| seen.text("/spec/tokens/maxPerDay")),
        LAST_USED,
        AGE,
        Column::wide("FALLBACKS", |seen| {
            seen.list("/spec/models").into_iter().skip(1).collect::<Vec<_>>().join(",")
        }),
        Column::wide("MAX/REQUEST", |seen| seen.text("/spec/tokens/maxPerRequest")),
        Column::wide("USD/DAY", |seen| seen.text("/spec/rateLimits/maxCostPerDayUSD")),
        SOURCE,
    ],
};
