//! The table of subcommands, and what their outcomes mean to whoever called.

mod validate;
mod fmt;
mod build;
mod test;
mod explain;
mod diff;
mod bundle;
mod schema;
mod serve;
mod usage;
mod ledger;
mod init;
mod get;
mod describe;
mod create;
mod apply;
mod edit;
mod delete;
mod access_key;
mod add;
mod login;
mod logout;
mod context;
mod gateway;
mod completion;
mod man;
mod status;
mod push;
mod admin_token;
mod agent;
mod guard;
mod token;

use std::process::ExitCode;

use clap::Subcommand;

/// Exit code for what could not be done at all: a wrong argument, an unreadable file, a taken port.
pub(crate) const MISUSE: u8 = 2;

/// What a subcommand found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to complain about.
    Clean,
    /// Errors in what was checked.
    Findings,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Clean => Self::SUCCESS,
            Outcome::Findings => Self::from(1),
        }
    }
}

/// What `pai` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check manifests and policies without building anything.
    Validate(validate::Arguments),
    /// Lay out manifests and policies; comments stay where they are.
    Fmt(fmt::Arguments),
    /// Compile manifests and policies to a bundle.
    Build(build::Arguments),
    /// Run the cases beside the manifests.
    Test(test::Arguments),
    /// Say what a finding's code means, or what would become of a request, and why.
    Explain(explain::Arguments),
    /// Say what a change means: who gains or loses which model, and which limits move.
    Diff(diff::Arguments),
    /// Look into bundles, sign them, and check signatures.
    Bundle(bundle::Arguments),
    /// Print schemas of manifests, for editors and for Kubernetes.
    Schema(schema::Arguments),
    /// Serve a workspace or a bundle.
    Serve(serve::Arguments),
    /// Say who has used how many tokens.
    Usage(usage::Arguments),
    /// Check and export what was counted, account by account.
    Ledger(ledger::Arguments),
    /// List providers, agents, access keys, guards and secrets.
    Get(get::Arguments),
    /// Make a workspace.
    Init(init::Arguments),
    /// Say all that is known of resources.
    Describe(describe::Arguments),
    /// Create providers, agents, access keys, guards and secrets.
    Create(create::Arguments),
    /// Create or update manifests from files.
    Apply(apply::Arguments),
    /// Change a manifest in an editor.
    Edit(edit::Arguments),
    /// Delete manifests and secrets.
    Delete(delete::Arguments),
    /// Make, list, rotate and revoke access keys.
    AccessKey(access_key::Arguments),
    /// Store secrets, encrypted.
    Add(add::Arguments),
    /// Log in to a gateway, with an access key or a token.
    Login(login::Arguments),
    /// Forget the credential that is in use.
    Logout(logout::Arguments),
    /// Choose between the gateways that you are logged in to.
    Context(context::Arguments),
    /// Set clients up for the gateway, and test the way to it.
    Gateway(gateway::Arguments),
    /// Print a script that makes your shell complete commands and names.
    Completion(completion::Arguments),
    /// Print manual pages.
    Man(man::Arguments),
    /// Say what a gateway serves since when, and whether all is well with it.
    Status(status::Arguments),
    /// Send a bundle to a gateway.
    Push(push::Arguments),
    /// Make, list and take away tokens of people who operate a gateway.
    AdminToken(admin_token::Arguments),
    /// Make, rotate and revoke tokens of agents.
    Agent(agent::Arguments),
    /// Measure how well guards see attacks.
    Guard(guard::Arguments),
}

impl Command {
    /// Runs it.
    pub(crate) fn run(self) -> miette::Result<Outcome> {
        match self {
            Self::Validate(arguments) => validate::run(&arguments),
            Self::Fmt(arguments) => fmt::run(&arguments),
            Self::Build(arguments) => build::run(&arguments),
            Self::Test(arguments) => test::run(&arguments),
            Self::Explain(arguments) => explain::run(&arguments),
            Self::Diff(arguments) => diff::run(&arguments),
            Self::Bundle(arguments) => bundle::run(&arguments),
            Self::Schema(arguments) => schema::run(&arguments),
            Self::Serve(arguments) => serve::run(&arguments),
            Self::Usage(arguments) => usage::run(&arguments),
            Self::Ledger(arguments) => ledger::run(&arguments),
            Self::Get(arguments) => get::run(&arguments),
            Self::Init(arguments) => init::run(&arguments),
            Self::Describe(arguments) => describe::run(&arguments),
            Self::Create(arguments) => create::run(&arguments),
            Self::Apply(arguments) => apply::run(&arguments),
            Self::Edit(arguments) => edit::run(&arguments),
            Self::Delete(arguments) => delete::run(&arguments),
            Self::AccessKey(arguments) => access_key::run(&arguments),
            Self::Add(arguments) => add::run(&arguments),
            Self::Login(arguments) => login::run(&arguments),
            Self::Logout(arguments) => logout::run(&arguments),
            Self::Context(arguments) => context::run(&arguments),
            Self::Gateway(arguments) => gateway::run(&arguments),
            Self::Completion(arguments) => completion::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
            Self::Status(arguments) => status::run(&arguments),
            Self::Push(arguments) => push::run(&arguments),
            Self::AdminToken(arguments) => admin_token::run(&arguments),
            Self::Agent(arguments) => agent::run(&arguments),
            Self::Guard(arguments) => guard::run(&arguments),
        }
    }
}
