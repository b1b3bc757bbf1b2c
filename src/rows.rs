//! The ledger's rows: asked of the gateway that has it open, or read from the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::Diagnostic;
use pai_bundle::limit::Scope;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::store::StoreError;
use pai_ledger::{CorruptRecord, SledStore};
use pai_runtime::report::{self, Answer, Limits, Row};

use crate::operator::{Operator, OperatorError};
use crate::{period, workspace};

/// Which ledger is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct Whereabouts {
    /// The gateway's state folder, where it is not the workspace's.
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The admin address of a gateway elsewhere, such as `http://127.0.0.1:8081`; `PAI_ADMIN_TOKEN` has the token for it.
    #[arg(long, visible_alias = "url", env = "PAI_ADMIN_URL", value_name = "URL")]
    admin: Option<String>,
    /// The gateway of a context, where that decides.
    #[arg(skip)]
    remote: Option<Operator>,
}

/// There are no rows to be had.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum RowsError {
    /// No gateway has ever run on the folder.
    #[error("there is no ledger in `{}`", state.display())]
    #[diagnostic(help("give the workspace that is served, or the gateway's state folder with --state"))]
    NoLedger {
        /// The state folder.
        state: PathBuf,
    },
    /// A gateway has it, and did not say where it is.
    #[error("a gateway is using the ledger in `{}`", state.display())]
    #[diagnostic(help("say where it is asked with --admin http://ADDRESS"))]
    Unannounced {
        /// The state folder.
        state: PathBuf,
    },
    /// No gateway runs on the folder.
    #[error("no gateway runs on `{}`", state.display())]
    #[diagnostic(help(
        "start it with `pai serve`, give the workspace that is served, or say where it is asked with --url http://ADDRESS"
    ))]
    NoGateway {
        /// The state folder.
        state: PathBuf,
    },
    /// A gateway does not answer as it should.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Operator(#[from] OperatorError),
    /// The files refuse.
    #[error("{}", told(cause))]
    Store {
        /// Why.
        cause: StoreError,
    },
}

fn told(cause: &StoreError) -> String {
    match std::error::Error::source(cause) {
        Some(source) => format!("{cause}: {source}"),
        None => cause.to_string(),
    }
}

impl From<StoreError> for RowsError {
    fn from(cause: StoreError) -> Self {
        Self::Store { cause }
    }
}

impl Whereabouts {
    /// A gateway elsewhere, of which nothing is on this machine.
    pub(crate) fn of(operator: Operator) -> Self {
        Self { state: None, admin: None, remote: Some(operator) }
    }

    /// The state folder of a workspace's gateway.
    pub(crate) fn state(&self, workspace: &Path) -> PathBuf {
        self.state.clone().unwrap_or_else(|| workspace::state(workspace))
    }

    /// Whether a state folder was named, so that the workspace need not be the one that is served from it.
    pub(crate) fn names_state(&self) -> bool {
        self.state.is_some()
    }

    /// Whether the gateway is one whose folder is not here.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.admin.is_some() || self.remote.is_some()
    }

    /// Whether the command itself says which gateway or folder is meant.
    pub(crate) fn is_named(&self) -> bool {
        self.admin.is_some() || self.state.is_some()
    }

    /// The gateway that is named, or the one that runs on the workspace's state folder.
    pub(crate) fn operator(&self, workspace: &Path) -> Result<Operator, RowsError> {
        let state = self.state(workspace);
        match &self.admin {
            Some(admin) => Ok(Operator::at(admin, &state)),
            None => Operator::local(&state).ok_or(RowsError::NoGateway { state }),
        }
    }

    /// A gateway that is named is asked; otherwise the folder says who has it.
    pub(crate) fn open(&self, workspace: &Path) -> Result<Ledger, RowsError> {
        if let Some(operator) = &self.remote {
            return Ok(Ledger::AtWork(operator.clone()));
        }
        if let Some(admin) = &self.admin {
            return Ok(Ledger::AtWork(Operator::at(admin, &self.state(workspace))));
        }
        let state = self.state(workspace);
        let folder = state.join("ledger");
        if !SledStore::is_in(&folder) {
            return Err(RowsError::NoLedger { state });
        }
        match SledStore::open(&folder) {
            Ok(store) => Ok(Ledger::AtRest(store)),
            Err(StoreError::InUse { .. }) => match Operator::local(&state) {
                Some(operator) => Ok(Ledger::AtWork(operator)),
                None => Err(RowsError::Unannounced { state }),
            },
            Err(cause) => Err(cause.into()),
        }
    }
}

/// A ledger to read from.
pub(crate) enum Ledger {
    /// Its folder, which is ours as long as this lives.
    AtRest(SledStore),
    /// The gateway that has it.
    AtWork(Operator),
}

impl Ledger {
    /// The accounts of these days, sorted. One at work knows its limits itself.
    pub(crate) fn rows(
        &mut self,
        days: &RangeInclusive<UtcDay>,
        limits: &Limits,
    ) -> Result<Vec<Row>, RowsError> {
        match self {
            Self::AtRest(store) => Ok(report::at_rest(store, days, limits)?),
            Self::AtWork(gateway) => Ok(ask(gateway, days)?.rows),
        }
    }

    /// All accounts, and the records that cannot be trusted. Of a gateway each day is asked for by itself, so that it
    /// never has more than one in its memory twice.
    pub(crate) fn all(&mut self, limits: &Limits) -> Result<(Vec<Row>, Vec<CorruptRecord>), RowsError> {
        match self {
            Self::AtRest(store) => Ok(report::readable(store, limits)?),
            Self::AtWork(gateway) => {
                let mut rows = Vec::new();
                for day in days(gateway)? {
                    rows.extend(ask(gateway, &(day..=day))?.rows);
                }
                Ok((rows, Vec::new()))
            }
        }
    }

    /// When each of these was used last, as far as the ledger goes back.
    pub(crate) fn last_used(
        &mut self,
        wanted: &BTreeSet<(Scope, String)>,
    ) -> Result<BTreeMap<(Scope, String), UnixSeconds>, RowsError> {
        let mut found = BTreeMap::new();
        let mut add = |rows: Vec<Row>| {
            for row in rows {
                let whose = (row.scope, row.name);
                if let Some(at) = row.last_used.map(UnixSeconds)
                    && wanted.contains(&whose)
                {
                    let latest = found.entry(whose).or_insert(at);
                    *latest = at.max(*latest);
                }
            }
            found.len() == wanted.len()
        };
        match self {
            Self::AtRest(store) => {
                add(report::at_rest(store, &(UtcDay(0)..=UtcDay(u32::MAX)), &Limits::default())?);
            }
            Self::AtWork(gateway) => {
                for day in days(gateway)?.into_iter().rev() {
                    if add(ask(gateway, &(day..=day))?.rows) {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The days in which something was used, in order.
fn days(gateway: &Operator) -> Result<Vec<UtcDay>, RowsError> {
    let today = period::today();
    let days = ask(gateway, &(today..=today))?.days;
    let day = |day: &String| -> Result<UtcDay, RowsError> {
        let strange = |cause: &dyn std::fmt::Display| OperatorError::Strange {
            url: gateway.url().to_owned(),
            cause: cause.to_string(),
        };
        day.parse::<UtcDay>().map_err(|cause| strange(&cause).into())
    };
    days.iter().map(day).collect()
}

fn ask(gateway: &Operator, days: &RangeInclusive<UtcDay>) -> Result<Answer, RowsError> {
    Ok(gateway.read(&format!("/usage?from={}&to={}", days.start(), days.end()))?)
}
