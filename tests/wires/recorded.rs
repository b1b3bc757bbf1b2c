//! The golden files, read again: answers of providers as they were sent, to be cut and split in other ways.

use std::path::{Path, PathBuf};

use pai_protocol::Dialect;

use super::client::Client;
use super::exchange::RETURN;
use super::{KINDS, spoken};

/// Where the cases of a pair are.
pub(crate) fn folder(client: Client, kind: &str) -> PathBuf {
    let name = format!("tests/golden/wires/{}-to-{kind}", client.name());
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A stream that a provider sent for a client's request.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) client: Client,
    /// What the provider speaks.
    pub(crate) from: Dialect,
    /// Pair and case.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The streams of a case, for every pair that has it.
pub(crate) fn streams(case: &str) -> Vec<Recorded> {
    let mut all = Vec::new();
    for client in [Client::Messages, Client::Chat, Client::Responses, Client::Completions] {
        for (kind, _) in KINDS {
            let Some(from) = spoken(client, kind) else { continue };
            let Ok(text) = std::fs::read_to_string(folder(client, kind).join(format!("{case}.txt"))) else {
                continue;
            };
            let answers = answers(&text);
            assert!(!answers.is_empty(), "{client:?} to {kind}, {case}: no answer");
            all.extend(answers.into_iter().enumerate().map(|(round, bytes)| Recorded {
                client,
                from,
                name: format!("{client:?} to {kind}, {case}, {}", round + 1),
                bytes,
            }));
        }
    }
    assert!(!all.is_empty(), "{case}: nothing is recorded");
    all
}

/// The bodies of what the provider answered, in order.
fn answers(text: &str) -> Vec<Vec<u8>> {
    let messages = text.split("== the provider answers\n").skip(1);
    messages
        .filter_map(|message| {
            let (_, body) = message.split_once("\n\n")?;
            // The body may be empty: then the next title follows the empty line at once.
            let body = body.split("\n== ").next()?;
            Some(body.replace(RETURN, "\r").into_bytes())
        })
        .collect()
}
