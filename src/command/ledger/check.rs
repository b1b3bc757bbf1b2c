//! `pai ledger check`: whether limits, marks, sums and decision records agree.

use std::io::ErrorKind;

use clap::Args;
use miette::miette;
use pai_ledger::store::StoreError;
use pai_runtime::audit::recorded::Recorded;
use pai_runtime::audit::{self, Audit, Tolerated};
use pai_runtime::report::Limits;

use super::{Known, Outcome, Target};
use crate::rows::{Ledger, RowsError};
use crate::terminal;

/// Which ledger.
#[derive(Debug, Args)]
#[command(
    after_help = "A gateway at work is asked for its accounts and its limits; otherwise the ledger is read from its folder. \
                  Exit code 0 says that all holds, 1 that something does not.\n\n\
                  Examples:\n  pai ledger check\n  pai ledger check team.bundle --state /var/lib/pai"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
}

/// Checks, and says all that was found.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let target = &arguments.target;
    // Before the ledger: what it counts later is more.
    let records = records(target)?;
    let mut ledger = match target.whereabouts.open(target.path()) {
        Ok(ledger) => ledger,
        Err(RowsError::Store { cause: cause @ StoreError::Database { .. } }) => {
            return Ok(unreadable(&RowsError::from(cause)));
        }
        Err(cause) => return Err(cause.into()),
    };
    let (limits, are_known) = match &ledger {
        Ledger::AtWork(_) => (Limits::default(), true),
        Ledger::AtRest(_) => match target.limits()? {
            Known::Limits(limits) => (limits, true),
            Known::Nothing => (Limits::default(), false),
            Known::Broken => return Ok(Outcome::Findings),
        },
    };
    let (rows, corrupt) = ledger.all(&limits)?;
    let mut audit = audit::audit(&rows, corrupt, records.as_ref());
    if !are_known {
        audit.tolerated.insert(0, Tolerated::NoLimits);
    }
    terminal::print(&text(&audit, records.as_ref()));
    Ok(if audit.violations.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

/// The records of the gateway whose folder it is; a gateway elsewhere hands out none.
fn records(target: &Target) -> miette::Result<Option<Recorded>> {
    if target.whereabouts.is_elsewhere() {
        return Ok(None);
    }
    let path = target.whereabouts.state(target.path()).join("records.jsonl");
    match Recorded::read(&path) {
        Ok(records) => Ok(Some(records)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(miette!("`{}` cannot be read: {cause}", path.display())),
    }
}

/// The database itself refuses: not one account can be looked at.
fn unreadable(cause: &RowsError) -> Outcome {
    terminal::print(&format!(
        "FAIL  {cause}\n      expected  a database as pai wrote it\n      to do     put the folder `ledger` back from a \
         copy; without one, move it and `records.jsonl` away, and the budgets of today begin at nothing"
    ));
    Outcome::Findings
}

fn text(audit: &Audit, records: Option<&Recorded>) -> String {
    let mut text = String::new();
    for violation in &audit.violations {
        text.push_str(&format!(
            "FAIL  {violation}\n      expected  {}\n      found     {}\n      to do     {}\n",
            violation.expected(),
            violation.found(),
            violation.help()
        ));
    }
    for tolerated in &audit.tolerated {
        text.push_str(&format!("note  {tolerated}\n"));
    }
    let Audit { accounts, limited, days, .. } = audit;
    let verdict = match audit.violations.len() {
        0 => "all holds".to_owned(),
        1 => "1 thing does not hold".to_owned(),
        number => format!("{number} things do not hold"),
    };
    text.push_str(&format!("{verdict}; accounts: {accounts}, with a limit: {limited}, days: {days}"));
    if let Some(records) = records {
        text.push_str(&format!(", decision records: {}", records.records));
    }
    text
}
