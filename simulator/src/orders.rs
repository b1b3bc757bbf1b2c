//! Orders for the answers to come, and the log of those that were given: what requests and the handle share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::log::Log;
use crate::scenario::Scenario;

/// What requests and the handle share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    pub(crate) log: Log,
    orders: Arc<Mutex<Orders>>,
}

#[derive(Debug, Default)]
struct Orders {
    standing: Scenario,
    /// Answers that the standing scenario gave.
    given: usize,
    next: VecDeque<Scenario>,
}

impl Shared {
    /// Answer like this from now on.
    pub(crate) fn answer_like(&self, scenario: Scenario) {
        let mut orders = self.lock();
        orders.standing = scenario;
        orders.given = 0;
    }

    /// Answer like this once, after what is queued already.
    pub(crate) fn answer_next_like(&self, scenario: Scenario) {
        self.lock().next.push_back(scenario);
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scenario of the next answer.
    pub(crate) fn take(&self) -> Scenario {
        let mut orders = self.lock();
        if let Some(next) = orders.next.pop_front() {
            return next;
        }
        let mut scenario = orders.standing.clone();
        if orders.given < scenario.fault_after_requests {
            scenario.fault = None;
        }
        orders.given = orders.given.saturating_add(1);
        scenario
    }
}
