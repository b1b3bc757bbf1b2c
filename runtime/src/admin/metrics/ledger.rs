//! The ledger, and today's accounts as `/usage` has them.

use pai_bundle::limit::Scope;

use super::labels;
use crate::exchange::Shared;
use crate::metrics::page::{Family, Labels, Page};
use crate::report::{self, Row};
use crate::snapshot::Snapshot;

pub(super) fn put(page: &mut Page, shared: &Shared, snapshot: &Snapshot) {
    let ledger = &shared.ledger;
    let open_holds = u64::try_from(ledger.open_holds()).unwrap_or(u64::MAX);
    page.add(
        Family::gauge("pai_ledger_granting", "1 while holds are granted; 0 once the ledger has failed.")
            .with(ledger.failure().is_none().into()),
    );
    page.add(Family::gauge("pai_ledger_open_holds", "Holds of attempts under way.").with(open_holds));
    page.add(
        Family::counter("pai_ledger_bound_breaches", "Answers that used more than was held for them.")
            .with(ledger.breaches()),
    );
    page.add(
        Family::counter("pai_ledger_unknown_settlements", "Settlements of requests that were not open.")
            .with(ledger.unknown_settlements()),
    );
    let today = ledger.today(shared.calendar.look().believed);
    let rows = report::live(ledger, &(today..=today), |account| snapshot.caps(account)).rows;
    tokens(page, &rows);
    money(page, &rows);
}

fn tokens(page: &mut Page, rows: &[Row]) {
    let mut settled = Family::gauge(
        "pai_account_settled_tokens",
        "Tokens of today (UTC) that count against the account's budget.",
    );
    let mut held =
        Family::gauge("pai_account_held_tokens", "Tokens that the account's requests under way may use.");
    let mut limit =
        Family::gauge("pai_account_limit_tokens", "The account's tokens for a day, where they are limited.");
    for row in rows {
        settled.put(account(row), row.settled().tokens.0);
        held.put(account(row), row.held_tokens);
        if let Some(tokens) = row.limit_tokens {
            limit.put(account(row), tokens);
        }
    }
    for family in [settled, held, limit] {
        page.add(family);
    }
}

fn money(page: &mut Page, rows: &[Row]) {
    let mut settled =
        Family::gauge("pai_account_settled_usd", "What today's tokens of the account cost, in US dollars.");
    let mut held = Family::gauge("pai_account_held_usd", "What the account's requests under way may cost.");
    let mut limit =
        Family::gauge("pai_account_limit_usd", "The account's dollars for a day, where they are limited.");
    for row in rows {
        settled.put_real(account(row), row.settled().cost.in_dollars());
        held.put_real(account(row), row.held_nano_usd.in_dollars());
        if let Some(cost) = row.limit_nano_usd {
            limit.put_real(account(row), cost.in_dollars());
        }
    }
    for family in [settled, held, limit] {
        page.add(family);
    }
}

/// As records and `/usage` name it.
fn account(row: &Row) -> Labels {
    let scope = match row.scope {
        Scope::Provider => "provider",
        Scope::ProviderExternal => "providerExternal",
        Scope::Agent => "agent",
        Scope::AccessKey => "accessKey",
    };
    labels([("scope", scope), ("name", &row.name)])
}
