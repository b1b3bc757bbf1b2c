//! Holds that would fit if others ended: in the order in which they came, so that small requests do not starve a large
//! one that waits for the same account.

use std::collections::VecDeque;

use pai_bundle::unit::UnixSeconds;

use super::{Admission, Refusal, State, break_at, normal};
use crate::account::{Account, Charge, Shortage};
use crate::quantity::Quantity;
use crate::request::RequestId;

/// So many wait at most. Each end of a request looks through them, about 50 ns for one that has to wait on.
const MOST: usize = 1_024;

/// Whether a hold that does not fit may be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Queue,
    None,
}

/// What became of a hold that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Called {
    /// As [`Admission::Granted`] or [`Admission::NeedsMark`].
    Admitted(RequestId, Admission),
    /// Waiting can no longer help.
    Refused(RequestId, Shortage),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Queued>,
    called: Vec<Called>,
}

#[derive(Debug)]
struct Queued {
    id: RequestId,
    charges: Vec<Charge>,
    quantity: Quantity,
    now: UnixSeconds,
    /// The account that had no room when it was looked at last; `None` for one that stands behind another. What
    /// comes later and needs the account stands behind this one.
    waits_for: Option<Account>,
}

impl Queue {
    pub(super) fn contains(&self, id: RequestId) -> bool {
        self.entries.iter().any(|queued| queued.id == id)
    }

    /// Whether one of the charges is for an account that somebody waits for already.
    pub(super) fn is_behind(&self, charges: &[Charge]) -> bool {
        self.entries.iter().any(|queued| touches(charges, queued.waits_for.as_slice()))
    }

    pub(super) fn push(
        &mut self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
    ) -> Admission {
        self.entries.push_back(Queued { id, charges, quantity, now, waits_for: None });
        Admission::Queued
    }
}

impl State {
    /// Queues what may fit later, if its caller is patient and there is a place.
    pub(super) fn queue_or_refuse(
        &mut self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
        patience: Patience,
        shortage: Shortage,
    ) -> Result<Admission, Refusal> {
        let is_full = self.queue.entries.len() >= MOST;
        if patience == Patience::None || is_full || !shortage.is_held_by_others() {
            return Err(Refusal::OverBudget(shortage));
        }
        let waits_for = (!self.queue.is_behind(&charges)).then_some(shortage.account);
        self.queue.entries.push_back(Queued { id, charges, quantity, now, waits_for });
        Ok(Admission::Queued)
    }

    /// Ends the wait of a queued hold, and says why it did not fit; `None` where it is not queued any more.
    pub(crate) fn give_up(&mut self, id: RequestId) -> Option<Shortage> {
        let at = self.queue.entries.iter().position(|queued| queued.id == id)?;
        let shortage = self.shortage_at(at);
        if shortage.is_none()
            && let Some(charge) = self.queue.entries.get(at).and_then(|queued| queued.charges.first())
        {
            break_at(&mut self.broken, &charge.account, "a hold was queued although it fits");
        }
        self.leave_queue(id);
        shortage
    }

    /// What became of queued holds since this was asked last.
    pub(crate) fn called(&mut self) -> Vec<Called> {
        std::mem::take(&mut self.queue.called)
    }

    #[cfg(test)]
    pub(crate) fn queued(&self) -> Vec<RequestId> {
        self.queue.entries.iter().map(|queued| queued.id).collect()
    }

    pub(super) fn leave_queue(&mut self, id: RequestId) {
        let before = self.queue.entries.len();
        self.queue.entries.retain(|queued| queued.id != id);
        if self.queue.entries.len() != before {
            // It may have been what others stood behind.
            self.call_queue();
        }
    }

    /// Something was given back: looks who fits now, the first come first.
    pub(super) fn call_queue(&mut self) {
        if self.queue.entries.is_empty() {
            return;
        }
        let mut kept = VecDeque::with_capacity(self.queue.entries.len());
        let mut blocked: Vec<Account> = Vec::new();
        for mut queued in std::mem::take(&mut self.queue.entries) {
            if queued.charges.iter().any(|charge| charge.account.day < self.latest) {
                queued.charges = normal(queued.charges, self.latest);
            }
            if touches(&queued.charges, &blocked) {
                queued.waits_for = None;
                kept.push_back(queued);
                continue;
            }
            match self.fits(&queued.charges, queued.quantity) {
                Ok(()) => {
                    let admission = self.take(queued.id, queued.charges, queued.quantity, queued.now);
                    self.queue.called.push(Called::Admitted(queued.id, admission));
                }
                Err(shortage) if shortage.is_held_by_others() => {
                    blocked.push(shortage.account.clone());
                    queued.waits_for = Some(shortage.account);
                    kept.push_back(queued);
                }
                Err(shortage) => self.queue.called.push(Called::Refused(queued.id, shortage)),
            }
        }
        self.queue.entries = kept;
    }

    /// What the queued hold at a place waits for: an account of its own, or one that somebody before it waits for.
    fn shortage_at(&self, at: usize) -> Option<Shortage> {
        let queued = self.queue.entries.get(at)?;
        let own = self.fits(&queued.charges, queued.quantity).err();
        own.or_else(|| {
            let before = self.queue.entries.iter().take(at);
            let mut ahead = before.filter(|before| touches(&queued.charges, before.waits_for.as_slice()));
            ahead.find_map(|before| {
                self.fits(&normal(before.charges.clone(), self.latest), before.quantity).err()
            })
        })
    }
}

fn touches(charges: &[Charge], accounts: &[Account]) -> bool {
    !accounts.is_empty() && charges.iter().any(|charge| accounts.contains(&charge.account))
}
