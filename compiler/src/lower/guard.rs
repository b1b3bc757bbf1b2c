//! Guards: bindings as they were written, and where they are attached.

use std::collections::BTreeMap;

use pai_bundle::guard::{Enforcement, GuardBinding, GuardUse, Scan};

use serde_json::Value;

use super::places::places;
use crate::manifest::{self, Resource, guard_use};
use crate::source::Sources;

pub(super) fn lower(guard: &Resource<manifest::GuardBinding>, sources: &Sources) -> GuardBinding {
    let spec = guard.document.find("/spec").map(|found| found.node.to_value());
    let spec = spec.map(sorted).unwrap_or_default();
    GuardBinding { name: guard.name.clone(), spec, places: places(guard, sources) }
}

/// With keys in order, whatever order they were written in: the bundle is canonical.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> =
                fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.into_iter().collect()
        }
        other => other,
    }
}

pub(super) fn uses(written: &[guard_use::GuardUse]) -> Vec<GuardUse> {
    let lower = |guard: &guard_use::GuardUse| GuardUse {
        binding: guard.binding.to_string(),
        scan: Scan {
            prompts: guard.scan.prompts,
            responses: guard.scan.responses,
            tool_results: guard.scan.tool_results.clone(),
        },
        enforcement: match guard.enforcement {
            guard_use::Enforcement::Enforce => Enforcement::Enforce,
            guard_use::Enforcement::Audit => Enforcement::Audit,
        },
    };
    written.iter().map(lower).collect()
}
