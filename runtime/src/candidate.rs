//! The candidates of a request, or a refusal that names what the caller could ask for.

pub(crate) use pai_policies::candidate::{Candidate, fallbacks, named};

use crate::refusal::Refusal;
use crate::snapshot::{Holder, Snapshot};

/// How many models a refusal names.
const NAMED_MODELS: usize = 8;

/// The candidates, best first; at least one.
pub(crate) fn candidates(
    snapshot: &Snapshot,
    holder: &Holder,
    requested: &str,
) -> Result<Vec<Candidate>, Refusal> {
    let found = pai_policies::candidate::candidates(snapshot, holder.as_principal(), requested);
    if found.is_empty() {
        return Err(Refusal::NoProvider { model: requested.to_owned(), known: known(snapshot, holder) });
    }
    Ok(found)
}

/// Some of the models that it may ask for, by reference.
pub(crate) fn known(snapshot: &Snapshot, holder: &Holder) -> Vec<String> {
    named(snapshot, holder.as_principal())
        .iter()
        .take(NAMED_MODELS)
        .map(|candidate| format!("{}/{}", candidate.provider.name, candidate.model))
        .collect()
}
