//! Promises of the whole, one module each. Real sockets, real processes, the simulator as the provider.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot set up has to stop")]

/// A gateway and a simulator for a test.
mod support;
/// Random numbers that can be had again.
mod random;
/// Requests that come all at once.
mod crowd;
/// What a well-behaved client gets, byte by byte.
mod journey;
/// What is refused, how, and that nothing went upstream.
mod refusals;
/// The route table, walked.
mod routes;
/// Streams that end in every way there is.
mod streams;
/// Guards on every path, and what becomes of what they find.
mod guards;
/// Streams that guards read ahead of the client.
mod guards_streams;
/// Classifiers that fail.
mod guard_faults;
/// What policies make of what guards find.
mod guard_policies;
/// How well guards do, as figures.
mod guard_eval;
/// Answers as providers send them, and what each is charged.
mod metering;
/// What goes over the wire between every client and every provider.
mod wires;
/// Streams that are split anywhere.
mod splits;
/// Streams that are cut anywhere.
mod cuts;
/// Every end of an answer, in every form.
mod aborts;
/// Clients that close their connection at the end of a stream, not behind it.
mod leaving;
/// Other candidates, when one cannot answer.
mod fallover;
/// Streams put together again, as SDKs do it.
mod assemble;
/// Other candidates of another kind, in the caller's own protocol.
mod crossover;
/// Whatever fails or is spent, what is out of bounds is never reached.
mod reach;
/// What clients see of every failure of a provider.
mod drill;
/// Attacks on the wire: bytes that are no proper HTTP, bombs, and endless bodies.
mod threats_wire;
/// Attacks by what is asked: addresses, headers, names of models; and by what a provider answers.
mod threats;
/// What is said that is not so.
mod threats_words;
/// Providers that keep failing, behind those that do not.
mod set_back;
/// Where the names of endpoints may lead, and that nothing else says where requests go.
mod endpoint_names;
/// The door of operators, and what callers learn of each other.
mod threats_admin;
/// Attacks with frames of HTTP/2.
mod threats_http2;
/// HTTPS, and certificates that change.
mod tls;
/// Developers' keys, side by side.
mod developers;
/// Clients that flood, trickle and do not read.
mod hostile_clients;
/// Budgets in money.
mod money;
/// Requests that do not fit now.
mod waiting;
/// A thousand requests against a budget for ten.
mod storm;
/// Clocks that jump.
mod clock;
/// A gateway in a process of its own.
mod processes;
/// A gateway that is killed, again and again.
mod crash;
/// A minute of traffic and disconnects.
#[cfg(target_os = "linux")]
mod soak;
/// A gateway whose disk fails.
#[cfg(target_os = "linux")]
mod disk;
/// The programs: what they print, and with which exit code they end.
mod programs;
/// Wrong manifests, and what is said about them.
mod golden;
/// Colours, width and links of findings.
mod look;
/// The page about every code, and the command that prints from it.
mod reference;
/// The same input gives the same bytes.
mod reproducible;
/// `pai fmt`: nothing but layout changes.
mod formatting;
/// Hooks for pre-commit, and the wheel behind them.
mod hooks;
/// The workflow for GitHub Actions, run.
mod workflow;
/// Signed bundles, from the command line.
mod signing;
/// Planted secrets, and that no bundle has them.
mod canaries;
/// Forms in which a secret could be found.
mod traces;
/// Planted secrets, and that a gateway at work lets none of them out.
mod canaries_served;
/// Attacks on keys and secrets.
mod threats_keys;
/// Attacks on the process, and by what it writes down.
mod threats_process;
/// The encrypted store, from the command line.
mod secrets;
/// New bundles while requests run.
mod reload;
/// A folder that is served while it is edited.
mod live_edits;
/// Bundles that operators send.
mod pushes;
/// The same from outside: signals, and what is served at all.
mod reload_signals;
/// `docs/policies.md`, rule by rule.
mod policies_page;
/// Rules of authors: they narrow, and none fails open.
mod narrowing;
/// `pai test`: cases beside the manifests.
mod suites;
/// `pai diff`: pairs of workspaces, and every request that is named, asked again.
mod differences;
/// Prometheus's text format, read strictly.
mod exposition;
/// `/metrics`, held against records, `/status` and `/usage`.
mod metrics;
/// `pai usage`: live, at rest, by model.
mod usage;
/// `pai ledger`: what was counted, checked and exported.
mod ledger;
/// `pai get`: what is in a workspace.
mod listing;
/// Somebody at a machine, for the tests below.
mod person;
/// `pai login`, `pai logout`, `pai context`.
mod contexts;
/// `pai gateway`: environment, settings, test.
mod clients;
/// `pai completion` and `pai man`.
mod completion;
/// `docs/quickstart.md`, command by command, at a terminal.
mod onboarding;
/// Commands that change manifests.
mod resources;
/// How every command says what it is for.
mod manners;
/// Logged in as administrator.
mod remote;
/// Every example is checked, built and served.
mod examples;
/// Policies in both forms, the ledger's limits and a plain model agree.
mod agreement;
/// A workspace of any size, and every question about it.
mod large;
/// The same agreement, exhaustively.
mod exhaustive;
/// Definitions for Kubernetes: what an API server would refuse, and what it would accept.
mod crds;
/// Any bytes into the readers, for a while.
mod fuzz;
/// A gateway over its socket and its bundle offline give the same answers.
mod questions;
/// Rules of the house about the code itself.
mod house;
