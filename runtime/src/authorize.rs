//! A candidate and today's balances to a permit: the facts are gathered here, the policies decide.

use std::net::IpAddr;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::QualifiedName;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::account::{Account, Balance, Charge};
use pai_ledger::{Caps, Ledger, Quantity};
use pai_policies::{Action, Facts, GuardFacts, Permit, Principal, Used};

use crate::candidate::Candidate;
use crate::identify::Caller;
use crate::record::Deciding;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;

/// What is the same for every candidate of a request.
pub(crate) struct Circumstances<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    pub(crate) address: IpAddr,
    pub(crate) now: UnixSeconds,
    /// Fixed when the request came in: a request belongs to one day, wherever midnight falls.
    pub(crate) day: UtcDay,
}

/// Whose use is counted as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// What was settled, and what requests under way hold.
    Held,
    /// What was settled: whether it would fit once the others have ended.
    Settled,
}

/// Asks the policies about one candidate.
pub(crate) fn authorize(
    snapshot: &Snapshot,
    ledger: &Ledger,
    circumstances: &Circumstances<'_>,
    candidate: &Candidate,
    asked: (Quantity, Counting),
    guard: &GuardFacts,
) -> Result<Permit, Refusal> {
    let (asked, counting) = asked;
    let principal = circumstances.caller.holder().as_principal();
    let facts = Facts {
        principal,
        provider: &candidate.provider,
        model: &candidate.model,
        action: circumstances.action,
        tokens: asked.tokens,
        cost: asked.cost,
        used: used(ledger, principal, &candidate.provider, circumstances, counting),
        address: circumstances.address,
        now: circumstances.now,
        guard,
    };
    snapshot.authorizer.decide(&facts).map_err(Refusal::Denied)
}

/// The audits that would have objected to what guards found.
pub(crate) fn audited(
    snapshot: &Snapshot,
    circumstances: &Circumstances<'_>,
    candidate: &Candidate,
    guard: &GuardFacts,
) -> Vec<Deciding> {
    let facts = Facts {
        principal: circumstances.caller.holder().as_principal(),
        provider: &candidate.provider,
        model: &candidate.model,
        action: circumstances.action,
        tokens: Tokens::ZERO,
        cost: NanoUsd::ZERO,
        used: Used::default(),
        address: circumstances.address,
        now: circumstances.now,
        guard,
    };
    snapshot.authorizer.audited(&facts).into_iter().map(Deciding::from).collect()
}

/// What stands in the accounts now. The ledger checks again, in one step with the hold: this is for the policies'
/// eyes, and for their words.
fn used(
    ledger: &Ledger,
    principal: Principal<'_>,
    provider: &QualifiedName,
    circumstances: &Circumstances<'_>,
    counting: Counting,
) -> Used {
    if !circumstances.action.spends() {
        return Used::default();
    }
    let day = circumstances.day;
    let of_provider = |scope| account(scope, provider, day);
    let of_principal = |scope| account(scope, principal.name(), day);
    let used = |accounts: &[Account]| -> Vec<Quantity> {
        let of = |balance: Balance| match counting {
            Counting::Held => balance.used(),
            Counting::Settled => balance.settled,
        };
        ledger.balances(accounts).into_iter().map(of).collect()
    };
    let at = |used: &[Quantity], place: usize| used.get(place).copied().unwrap_or(Quantity::MAX);
    match principal {
        Principal::Agent(_) => {
            let used = used(&[of_provider(Scope::Provider), of_principal(Scope::Agent)]);
            Used {
                provider: at(&used, 0).tokens,
                provider_external: Tokens::ZERO,
                principal: at(&used, 1).tokens,
                principal_cost: at(&used, 1).cost,
            }
        }
        Principal::AccessKey(_) => {
            let used = used(&[
                of_provider(Scope::Provider),
                of_provider(Scope::ProviderExternal),
                of_principal(Scope::AccessKey),
            ]);
            Used {
                provider: at(&used, 0).tokens,
                provider_external: at(&used, 1).tokens,
                principal: at(&used, 2).tokens,
                principal_cost: at(&used, 2).cost,
            }
        }
    }
}

fn account(scope: Scope, name: &QualifiedName, day: UtcDay) -> Account {
    Account { scope, name: name.to_text(), day }
}

/// The ledger's side of a permit: its accounts on the request's day.
pub(crate) fn charges(permit: &Permit, day: UtcDay) -> Vec<Charge> {
    permit
        .accounts()
        .iter()
        .map(|wanted| Charge {
            account: account(wanted.scope, &wanted.name, day),
            limit: Caps { tokens: wanted.limit, cost: wanted.cost_limit },
        })
        .collect()
}
