//! Guards: bindings as they were written, and where they are attached.

use pai_bundle::guard::{Enforcement, GuardBinding, GuardUse, Scan};

use super::places::places;
use crate::manifest::{self, Resource, guard_use};
use crate::source::Sources;

pub(super) fn lower(guard: &Resource<manifest::GuardBinding>, sources: &Sources) -> GuardBinding {
    let spec = guard.document.find("/spec").map(|found| found.node.to_value());
    GuardBinding { name: guard.name.clone(), spec: spec.unwrap_or_default(), places: places(guard, sources) }
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
