//! The ledger's rows: asked of the gateway that has it open, or read from the disk.

use std::ops::RangeInclusive;
use std::path::Path;

use miette::miette;
use pai_bundle::unit::UtcDay;
use pai_ledger::store::StoreError;
use pai_runtime::presence;
use pai_runtime::report::{self, Row};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    rows: Vec<Row>,
}

/// Rows of these days. A gateway that is named is asked; otherwise the folder says who has it.
pub(super) fn read(
    state: &Path,
    admin: Option<&str>,
    days: &RangeInclusive<UtcDay>,
) -> miette::Result<Vec<Row>> {
    if let Some(admin) = admin {
        return ask(admin, days);
    }
    let folder = state.join("ledger");
    if !folder.exists() {
        return Err(miette!(
            help = "give the workspace that is served, or the gateway's state folder with --state",
            "there is no ledger in `{}`",
            state.display()
        ));
    }
    match report::at_rest(&folder, days) {
        Ok(rows) => Ok(rows),
        Err(StoreError::InUse { .. }) => match presence::admin_address(state) {
            Some(address) => ask(&format!("http://{address}"), days),
            None => Err(miette!(
                help = "say where it is asked with --admin http://ADDRESS",
                "a gateway is using the ledger in `{}`",
                state.display()
            )),
        },
        Err(cause) => Err(miette!("{cause}")),
    }
}

fn ask(admin: &str, days: &RangeInclusive<UtcDay>) -> miette::Result<Vec<Row>> {
    let url = format!("{}/usage?from={}&to={}", admin.trim_end_matches('/'), days.start(), days.end());
    let failed = |cause: &dyn std::fmt::Display| {
        miette!(help = "is it the admin address of a gateway?", "{admin} cannot be asked: {cause}")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|cause| failed(&cause))?.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
        let answer: Result<Answer, reqwest::Error> = match answer {
            Ok(answer) => answer.json().await,
            Err(cause) => Err(cause),
        };
        answer.map(|answer| answer.rows).map_err(|cause| failed(&cause.without_url()))
    })
}
