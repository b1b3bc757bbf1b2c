//! The end of every request, however it ends: the hold is settled and the decision is recorded, exactly once, also
//! when the request is dropped in the middle.

use std::net::IpAddr;
use std::time::Instant;

use http::StatusCode;
use pai_bundle::digest::Digest;
use pai_bundle::origin::Origin;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_ledger::account::Charge;
use pai_ledger::usage::Settlement;
use pai_ledger::{Caps, Hold, Ledger, Quantity};
use pai_policies::Denial;

use crate::candidate::Candidate;
use crate::guard;
use crate::identify::Caller;
use crate::rate::Slot;
use crate::record::attempted::Came;
use crate::record::writing::Records;
use crate::record::{AccountAfter, Attempt, Deciding, GuardVerdict, MoneyAfter, Outcome, Record, Settled};
use crate::refusal::Refusal;
use crate::tariff::{Measured, Most, Terms};

/// The rule that every permit comes from.
const PERMIT: &str = "base/use";

/// The record of a request in the making. Dropped unfinished, it says why by itself.
pub(crate) struct Note {
    /// Boxed: a note changes hands often.
    record: Option<Box<Record>>,
    records: Records,
    ledger: Ledger,
    started: Instant,
    held: Quantity,
    /// Boxed: few have any.
    lost: Option<Box<Lost>>,
    charges: Vec<Charge>,
    slot: Option<Slot>,
}

/// Charged for attempts that came to nothing.
#[derive(Default)]
struct Lost {
    all: Option<Settlement>,
    /// The part of it that no attempt of the record has yet.
    untold: Option<Settlement>,
}

/// What is known of a request from its first line.
pub(crate) struct Arrival<'a> {
    pub(crate) id: &'a str,
    pub(crate) now: UnixSeconds,
    pub(crate) started: Instant,
    pub(crate) address: IpAddr,
    pub(crate) path: String,
    pub(crate) bundle: &'a Digest,
}

impl Note {
    /// Begins a record.
    pub(crate) fn new(arrival: Arrival<'_>, records: Records, ledger: Ledger) -> Self {
        let time = jiff::Timestamp::from_second(arrival.now.0).map(|at| at.to_string()).unwrap_or_default();
        let record = Record {
            time,
            id: arrival.id.to_owned(),
            bundle: arrival.bundle.to_string(),
            principal: None,
            credential: None,
            address: arrival.address.to_string(),
            path: arrival.path,
            requested: None,
            provider: None,
            model: None,
            outcome: Outcome::ClientGone,
            status: 499,
            code: None,
            policies: Vec::new(),
            guards: Vec::new(),
            audited: Vec::new(),
            unread: Vec::new(),
            attempts: Vec::new(),
            held: 0,
            held_usd: 0.0,
            settled: None,
            day: None,
            accounts: Vec::new(),
            first_byte_ms: None,
            latency_ms: 0.0,
        };
        Self {
            record: Some(Box::new(record)),
            records,
            ledger,
            started: arrival.started,
            held: Quantity::ZERO,
            lost: None,
            charges: Vec::new(),
            slot: None,
        }
    }

    /// Who asked.
    pub(crate) fn caller(&mut self, caller: &Caller) {
        self.edit(|record| {
            record.principal = Some(caller.holder().as_principal().describe());
            record.credential = Some(caller.credential().to_owned());
        });
    }

    /// For what.
    pub(crate) fn requested(&mut self, model: &str) {
        self.edit(|record| record.requested = Some(model.to_owned()));
    }

    /// The request counts as under way until this is dropped.
    pub(crate) fn occupy(&mut self, slot: Slot) {
        self.slot = Some(slot);
    }

    /// Which candidate it is about now.
    pub(crate) fn candidate(&mut self, candidate: &Candidate) {
        self.edit(|record| {
            record.provider = Some(candidate.provider.to_string());
            record.model = Some(candidate.model.to_string());
        });
    }

    /// What came of a candidate.
    pub(crate) fn attempt(&mut self, candidate: &Candidate, came: &Came<'_>) {
        let candidate = [&candidate.provider.to_text(), "/", candidate.model.as_str()].concat();
        let (result, came) = (came.words(), came.class());
        self.edit(|record| {
            record.attempts.push(Attempt { candidate, result, charged: false, charge: None, came });
        });
    }

    /// What came of a candidate that was charged although nothing of it reaches the client.
    pub(crate) fn charged_attempt(&mut self, candidate: &Candidate, came: &Came<'_>) {
        self.attempt(candidate, came);
        let charge = self.lost.as_mut().and_then(|lost| lost.untold.take());
        self.edit(|record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.charged = true;
                attempt.charge = charge;
            }
        });
    }

    /// What guards said. Of what was judged before, or in pieces, the worst stays.
    pub(crate) fn judged(&mut self, verdicts: Vec<GuardVerdict>) {
        self.edit(|record| {
            for verdict in verdicts {
                guard::tell(&verdict, &record.id);
                let same = |known: &&mut GuardVerdict| {
                    (&known.binding, &known.target) == (&verdict.binding, &verdict.target)
                };
                match record.guards.iter_mut().find(same) {
                    None => record.guards.push(verdict),
                    Some(known) => guard::join(known, verdict),
                }
            }
        });
    }

    /// Guards that audit, and would have refused.
    pub(crate) fn audited(&mut self, deciding: Vec<Deciding>) {
        self.edit(|record| {
            for one in deciding {
                if !record.audited.contains(&one) {
                    record.audited.push(one);
                }
            }
        });
    }

    /// What no guard can read.
    pub(crate) fn unread(&mut self, what: &[&'static str]) {
        self.edit(|record| record.unread = what.to_vec());
    }

    /// A policy objected when the answer had begun to go out.
    pub(crate) fn objected(&mut self, refusal: &Refusal) {
        self.edit(|record| {
            record.code = Some(refusal.code());
            if let Refusal::Denied(denial) = refusal {
                record.policies = deciding(denial);
            }
        });
    }

    /// Tokens are held from here on; should the request be dropped, they count in full.
    pub(crate) fn holds(&mut self, held: Quantity, charges: Vec<Charge>) {
        self.held = held;
        self.charges = charges;
        self.edit(|record| {
            record.held = held.tokens.0;
            record.held_usd = held.cost.in_dollars();
            record.policies = vec![Deciding { policy: PERMIT.to_owned(), source: None }];
        });
    }

    /// What is left of the tightest caps on the request's accounts.
    pub(crate) fn budgets_left(&self) -> Caps {
        let accounts: Vec<_> = self.charges.iter().map(|charge| charge.account.clone()).collect();
        let balances = self.ledger.balances(&accounts);
        let left = self.charges.iter().zip(balances).map(|(charge, balance)| {
            let used = balance.used();
            (
                charge.limit.tokens.map(|cap| cap.saturating_sub(used.tokens)),
                charge.limit.cost.map(|cap| cap.saturating_sub(used.cost)),
            )
        });
        left.fold(Caps::NONE, |least, (tokens, cost)| Caps {
            tokens: least.tokens.into_iter().chain(tokens).min(),
            cost: least.cost.into_iter().chain(cost).min(),
        })
    }

    /// The hold was given back.
    pub(crate) fn released(&mut self) {
        self.held = Quantity::ZERO;
    }

    /// The attempt broke off before an answer: its hold counts in full, whatever comes of the next.
    pub(crate) fn broke(&mut self) {
        let held = self.held;
        self.lose(Settlement::in_full(held));
    }

    fn lose(&mut self, settlement: Settlement) {
        self.held = Quantity::ZERO;
        let lost = self.lost.get_or_insert_default();
        lost.all = sum(lost.all, Some(settlement));
        lost.untold = sum(lost.untold, Some(settlement));
    }

    /// The answer has begun.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        let elapsed = self.elapsed_ms();
        self.edit(|record| {
            record.status = status.as_u16();
            record.first_byte_ms = Some(elapsed);
        });
    }

    /// The request was refused here.
    pub(crate) fn refused(mut self, refusal: &Refusal) {
        self.edit(|record| {
            record.code = Some(refusal.code());
            match refusal {
                Refusal::Denied(denial) => record.policies = deciding(denial),
                Refusal::OverBudget(over) | Refusal::HeldByOthers(over) => {
                    let deciding = |(policy, origin): &(String, Origin)| Deciding {
                        policy: policy.clone(),
                        source: Some(origin.to_string()),
                    };
                    record.policies = over.rule.iter().map(deciding).collect();
                }
                _ => {}
            }
        });
        let outcome = match refusal {
            Refusal::UpstreamFailed { .. } => Outcome::UpstreamFailed,
            _ => Outcome::Refused,
        };
        let status = refusal.status();
        let counted = self.counted_in_full();
        self.finish(outcome, Some(status), counted);
    }

    /// It ended with nothing charged.
    pub(crate) fn ended(mut self, outcome: Outcome) {
        self.finish(outcome, None, None);
    }

    fn edit(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// A hold that was neither released nor settled has been dropped, and so counts in full.
    fn counted_in_full(&self) -> Option<Settlement> {
        (self.held.tokens > Tokens::ZERO).then(|| Settlement::in_full(self.held))
    }

    fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// Writes the record, the first time it is called.
    fn finish(&mut self, outcome: Outcome, status: Option<StatusCode>, settlement: Option<Settlement>) {
        let Some(mut record) = self.record.take() else { return };
        record.outcome = outcome;
        record.status = status.map_or(record.status, |status| status.as_u16());
        let (lost, untold) = self.lost.take().map_or((None, None), |lost| (lost.all, lost.untold));
        record.settled = sum(settlement, lost).map(Settled::from);
        record.day = self.charges.first().map(|charge| charge.account.day.to_string());
        record.accounts = self.accounts_after();
        record.latency_ms = self.elapsed_ms();
        let charged = sum(settlement, untold);
        self.records.add(&record, charged.as_ref());
        self.slot = None;
    }
}

impl Note {
    /// Every account concerned, all of one moment.
    fn accounts_after(&self) -> Vec<AccountAfter> {
        let accounts: Vec<_> = self.charges.iter().map(|charge| charge.account.clone()).collect();
        let balances = self.ledger.balances(&accounts);
        let charged = self.charges.iter().zip(accounts).zip(balances);
        charged
            .map(|((charge, account), balance)| AccountAfter {
                scope: account.scope,
                name: account.name.into(),
                settled: balance.settled.tokens.0,
                held: balance.held.tokens.0,
                limit: charge.limit.tokens.map(|limit| limit.0),
                money: charge.limit.cost.map(|limit| MoneyAfter {
                    settled_usd: balance.settled.cost.in_dollars(),
                    held_usd: balance.held.cost.in_dollars(),
                    limit_usd: limit.in_dollars(),
                }),
            })
            .collect()
    }
}

/// Both together, where there are two.
fn sum(one: Option<Settlement>, other: Option<Settlement>) -> Option<Settlement> {
    let (Some(mut all), Some(more)) = (one, other) else { return one.or(other) };
    all.usage.add(&more.usage);
    all.cost = all.cost.saturating_add(more.cost);
    all.estimated |= more.estimated;
    Some(all)
}

impl Drop for Note {
    fn drop(&mut self) {
        let counted = self.counted_in_full();
        self.finish(Outcome::of_drop(), None, counted);
    }
}

fn deciding(denial: &Denial) -> Vec<Deciding> {
    denial
        .causes()
        .map(|cause| Deciding { policy: cause.policy.to_string(), source: Some(cause.origin.to_string()) })
        .collect()
}

/// A hold whose answer has begun, with the record that its end completes.
pub(crate) struct Settling {
    hold: Hold,
    terms: Terms,
    note: Note,
}

impl Settling {
    /// Takes both: whoever has the answer's body has these.
    pub(crate) fn new(hold: Hold, terms: Terms, note: Note) -> Self {
        Self { hold, terms, note }
    }

    /// What is held.
    pub(crate) fn most(&self) -> Most {
        self.terms.most
    }

    /// Settles and records.
    pub(crate) fn finish(mut self, measured: &Measured, outcome: Outcome) {
        let settlement = self.terms.settlement(measured);
        let charged = self.hold.tokens() > Tokens::ZERO;
        self.hold.settle(settlement);
        self.note.finish(outcome, None, charged.then_some(settlement));
    }

    /// Settles an attempt that came to nothing, by what was read of it or for nothing; the record goes on with the next.
    pub(crate) fn abandon(mut self, measured: Option<&Measured>) -> Note {
        if let Some(measured) = measured {
            let settlement = self.terms.settlement(measured);
            self.hold.settle(settlement);
            self.note.lose(settlement);
        } else {
            self.hold.release();
            self.note.released();
        }
        self.note
    }

    /// The record.
    pub(crate) fn note(&mut self) -> &mut Note {
        &mut self.note
    }
}
