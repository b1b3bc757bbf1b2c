//! THE route table: every path the gateway answers, with what is done there and who may come. Nothing else routes;
//! a test walks this table and finds an action and a meter behind every path that reaches a provider.

use http::Method;
use pai_policies::Action;
use pai_protocol::{Dialect, Family};

use crate::token::TokenKind;

/// Which credentials a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anybody: nothing behind it concerns a provider or a principal.
    Anyone,
    /// Agents.
    Agents,
    /// Holders of access keys.
    External,
}

impl Audience {
    /// The kind of token it takes; `None` where it takes none.
    pub fn token(self) -> Option<TokenKind> {
        match self {
            Self::Anyone => None,
            Self::Agents => Some(TokenKind::Agent),
            Self::External => Some(TokenKind::AccessKey),
        }
    }
}

/// How the tokens of an answer are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meter {
    /// The answer reports its usage, plain or as a stream.
    Reported,
    /// The provider charges nothing for it.
    Free,
}

/// What is done at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Says that the gateway is there.
    Hello,
    /// Lists the models that the caller may use. Answered from the bundle, so no provider is asked.
    ListModels,
    /// Shows one of them.
    ShowModel,
    /// Asks a provider.
    Forward {
        /// What the request is written in.
        dialect: Dialect,
        /// What the policies decide on.
        action: Action,
        /// How it is counted.
        meter: Meter,
    },
    /// Says why it is not done here: nobody could meter it.
    Unmetered {
        /// What, in words.
        what: &'static str,
    },
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Methods answered; another one is 405.
    pub methods: &'static [Method],
    /// Path, with parameters as axum writes them.
    pub path: &'static str,
    /// Who may come.
    pub audience: Audience,
    /// Whose errors its clients read; `None` where both kinds come, and the headers tell them apart.
    pub family: Option<Family>,
    /// What is done.
    pub operation: Operation,
}

const PROBE: &[Method] = &[Method::HEAD, Method::GET];
const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];

const GET_POST: &[Method] = &[Method::GET, Method::POST, Method::DELETE];

const fn spends(dialect: Dialect, action: Action) -> Operation {
    Operation::Forward { dialect, action, meter: Meter::Reported }
}

const MESSAGES: Operation = spends(Dialect::Messages, Action::Invoke);
/// Free at the provider, and never stopped by a budget.
const COUNT_TOKENS: Operation =
    Operation::Forward { dialect: Dialect::Messages, action: Action::CountTokens, meter: Meter::Free };
const CHAT: Operation = spends(Dialect::Chat, Action::Invoke);
const RESPONSES: Operation = spends(Dialect::Responses, Action::Invoke);
const COMPLETIONS: Operation = spends(Dialect::Completions, Action::Invoke);
const EMBEDDINGS: Operation = spends(Dialect::Embeddings, Action::Embed);
/// What a batch used shows only when its results are read, up to 29 days later, one by one.
const BATCHES: Operation = Operation::Unmetered { what: "batches" };

/// The table. Claude Code probes `HEAD /api/hello` (and `HEAD /` before 2.1.330) under its base URL, which for
/// external use ends in `/ext`.
pub const ROUTES: &[Route] = &[
    open("/"),
    open("/api/hello"),
    open("/ext"),
    open("/ext/"),
    open("/ext/api/hello"),
    agents(POST, "/v1/messages", MESSAGES),
    external(POST, "/ext/v1/messages", MESSAGES),
    agents(POST, "/v1/messages/count_tokens", COUNT_TOKENS),
    external(POST, "/ext/v1/messages/count_tokens", COUNT_TOKENS),
    agents(GET_POST, "/v1/messages/batches", BATCHES).of(Family::Anthropic),
    external(GET_POST, "/ext/v1/messages/batches", BATCHES).of(Family::Anthropic),
    agents(GET_POST, "/v1/messages/batches/{*rest}", BATCHES).of(Family::Anthropic),
    external(GET_POST, "/ext/v1/messages/batches/{*rest}", BATCHES).of(Family::Anthropic),
    agents(POST, "/v1/chat/completions", CHAT),
    external(POST, "/ext/v1/chat/completions", CHAT),
    agents(POST, "/v1/responses", RESPONSES),
    external(POST, "/ext/v1/responses", RESPONSES),
    agents(POST, "/v1/completions", COMPLETIONS),
    external(POST, "/ext/v1/completions", COMPLETIONS),
    agents(POST, "/v1/embeddings", EMBEDDINGS),
    external(POST, "/ext/v1/embeddings", EMBEDDINGS),
    agents(GET_POST, "/v1/batches", BATCHES).of(Family::OpenAi),
    external(GET_POST, "/ext/v1/batches", BATCHES).of(Family::OpenAi),
    agents(GET_POST, "/v1/batches/{*rest}", BATCHES).of(Family::OpenAi),
    external(GET_POST, "/ext/v1/batches/{*rest}", BATCHES).of(Family::OpenAi),
    agents(GET, "/v1/models", Operation::ListModels),
    external(GET, "/ext/v1/models", Operation::ListModels),
    // Model references have slashes, so the rest of the path is the id.
    agents(GET, "/v1/models/{*model}", Operation::ShowModel),
    external(GET, "/ext/v1/models/{*model}", Operation::ShowModel),
];

const fn open(path: &'static str) -> Route {
    route(PROBE, path, Audience::Anyone, Operation::Hello)
}

const fn agents(methods: &'static [Method], path: &'static str, operation: Operation) -> Route {
    route(methods, path, Audience::Agents, operation)
}

const fn external(methods: &'static [Method], path: &'static str, operation: Operation) -> Route {
    route(methods, path, Audience::External, operation)
}

const fn route(
    methods: &'static [Method],
    path: &'static str,
    audience: Audience,
    operation: Operation,
) -> Route {
    let family = match operation {
        Operation::Forward { dialect, .. } => Some(dialect.family()),
        Operation::Hello | Operation::ListModels | Operation::ShowModel | Operation::Unmetered { .. } => None,
    };
    Route { methods, path, audience, family, operation }
}

impl Route {
    const fn of(self, family: Family) -> Self {
        Self { family: Some(family), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_a_provider_has_a_credential_an_action_and_a_meter() {
        for route in ROUTES {
            match route.operation {
                Operation::Forward { action, meter, .. } => {
                    assert!(route.audience.token().is_some(), "{}", route.path);
                    assert_eq!(action.spends(), meter == Meter::Reported, "{}", route.path);
                }
                Operation::ListModels | Operation::ShowModel | Operation::Unmetered { .. } => {
                    assert!(route.audience.token().is_some(), "{}", route.path);
                }
                Operation::Hello => assert_eq!(route.audience, Audience::Anyone, "{}", route.path),
            }
        }
    }

    #[test]
    fn external_paths_and_external_credentials_go_together() {
        for route in ROUTES {
            let external = route.path.starts_with("/ext/v1");
            assert_eq!(route.audience == Audience::External, external, "{}", route.path);
        }
    }
}
