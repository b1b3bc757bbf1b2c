//! THE route table: every path the gateway answers, with what is done there and who may come. Nothing else routes;
//! a test walks this table and finds an action and a meter behind every path that reaches a provider.

use http::Method;
use pai_policies::Action;

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
        /// The provider's path, behind its base URL.
        upstream: &'static str,
        /// What the policies decide on.
        action: Action,
        /// How it is counted.
        meter: Meter,
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
    /// What is done.
    pub operation: Operation,
}

const PROBE: &[Method] = &[Method::HEAD, Method::GET];
const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];

const MESSAGES: Operation =
    Operation::Forward { upstream: "/v1/messages", action: Action::Invoke, meter: Meter::Reported };
/// Free at the provider, and never stopped by a budget.
const COUNT_TOKENS: Operation = Operation::Forward {
    upstream: "/v1/messages/count_tokens",
    action: Action::CountTokens,
    meter: Meter::Free,
};

/// The table. Claude Code probes `HEAD /api/hello` (and `HEAD /` before 2.1.330) under its base URL, which for
/// external use ends in `/ext`.
pub const ROUTES: &[Route] = &[
    route(PROBE, "/", Audience::Anyone, Operation::Hello),
    route(PROBE, "/api/hello", Audience::Anyone, Operation::Hello),
    route(PROBE, "/ext", Audience::Anyone, Operation::Hello),
    route(PROBE, "/ext/", Audience::Anyone, Operation::Hello),
    route(PROBE, "/ext/api/hello", Audience::Anyone, Operation::Hello),
    route(POST, "/v1/messages", Audience::Agents, MESSAGES),
    route(POST, "/ext/v1/messages", Audience::External, MESSAGES),
    route(POST, "/v1/messages/count_tokens", Audience::Agents, COUNT_TOKENS),
    route(POST, "/ext/v1/messages/count_tokens", Audience::External, COUNT_TOKENS),
    route(GET, "/v1/models", Audience::Agents, Operation::ListModels),
    route(GET, "/ext/v1/models", Audience::External, Operation::ListModels),
    // Model references have slashes, so the rest of the path is the id.
    route(GET, "/v1/models/{*model}", Audience::Agents, Operation::ShowModel),
    route(GET, "/ext/v1/models/{*model}", Audience::External, Operation::ShowModel),
];

const fn route(
    methods: &'static [Method],
    path: &'static str,
    audience: Audience,
    operation: Operation,
) -> Route {
    Route { methods, path, audience, operation }
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
                Operation::ListModels | Operation::ShowModel => {
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
