//! Weakened copies of a bundle: what the manifests refuse, taken away one by one. A copy that every case is content with
//! shows a case that is missing, and an example of it is written out.

mod weakening;
mod around;
mod witness;

use pai_bundle::origin::Origin;

use super::cases::Case;
use super::trial;
use crate::inspect::change::Change;
use crate::inspect::world::World;

/// A weakened copy that no case noticed.
#[derive(Debug)]
pub struct Survivor {
    /// What was taken away.
    pub change: Change,
    /// Where it is written.
    pub origin: Option<Origin>,
    /// A case that would notice; `None` where no request that was tried is answered differently: other rules refuse the
    /// same for the same reason.
    pub missing: Option<String>,
}

/// What came of all copies.
#[derive(Debug)]
pub struct Mutation {
    /// How many there were.
    pub mutants: usize,
    /// Those that no case noticed.
    pub survivors: Vec<Survivor>,
}

impl Mutation {
    /// Whether a case could have noticed one that none did.
    pub fn lacks_cases(&self) -> bool {
        self.survivors.iter().any(|survivor| survivor.missing.is_some())
    }
}

/// Runs the cases against every weakened copy.
pub fn run(world: &World, cases: &[Case]) -> Mutation {
    let changes = weakening::all(world.bundle(), cases);
    let mutants = changes.len();
    let survivors = changes.into_iter().filter_map(|change| survivor(world, cases, change)).collect();
    Mutation { mutants, survivors }
}

fn survivor(world: &World, cases: &[Case], change: Change) -> Option<Survivor> {
    let (weaker, concerned) = weakened(world, &change)?;
    let notices = |case: &&Case| !trial::try_one(&weaker, case).passed();
    if cases.iter().filter(|case| concerned.knows(&case.question.who)).any(|case| notices(&case)) {
        return None;
    }
    let missing = witness::find(&concerned, &weaker).map(|found| found.written());
    Some(Survivor { origin: change.origin(world.bundle()), change, missing })
}

/// The copy, and what it is a copy of: as much of the bundle as the change can concern.
fn weakened(world: &World, change: &Change) -> Option<(World, World)> {
    let part = around::cut(world.bundle(), change);
    let weaker = World::new(change.apply(&part).ok()?).ok()?;
    Some((weaker, World::new(part).ok()?))
}
