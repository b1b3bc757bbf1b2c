//! How a request is called as long as it holds something.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a request while its hold is open. Made at random by whoever admits the request, before anything is held.
/// One that is no longer open may be used again: the next attempt of the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
