//! The names that policies use, as constants; `schemas/pai.cedarschema` says the same to policy authors, and a
//! test holds the two together.

/// The vocabulary as Cedar's own schema language has it.
pub const SCHEMA: &str = include_str!("../../schemas/pai.cedarschema");

/// Entity types.
pub mod entity {
    /// A namespace.
    pub const NAMESPACE: &str = "Namespace";
    /// An LLM subscription.
    pub const MODEL_PROVIDER: &str = "ModelProvider";
    /// A model of a provider.
    pub const MODEL: &str = "Model";
    /// A workload.
    pub const AGENT: &str = "Agent";
    /// A holder of an access key.
    pub const ACCESS_KEY: &str = "AccessKey";
    /// The last part of a placeholder model's id.
    pub const PLACEHOLDER: &str = "*";
}

/// Attributes of entities.
pub mod attribute {
    /// Every entity that exists has one; gates test for it.
    pub const NAME: &str = "name";
    /// A provider's kind.
    pub const KIND: &str = "kind";
    /// Whether access keys may use a provider.
    pub const EXTERNAL_ACCESS: &str = "externalAccess";
    /// A model's provider.
    pub const PROVIDER: &str = "provider";
    /// An agent's models.
    pub const MODELS: &str = "models";
    /// An access key's providers.
    pub const PROVIDERS: &str = "providers";
    /// An access key's end.
    pub const EXPIRES: &str = "expires";
    /// A principal's cap on one request.
    pub const PER_REQUEST: &str = "perRequest";
    /// A principal's cap on a day.
    pub const PER_DAY: &str = "perDay";
    /// A principal's cap on what a day costs.
    pub const NANO_USD_PER_DAY: &str = "nanoUsdPerDay";
    /// What an agent's guards refuse, by the names of `context.guard.hits`.
    pub const GUARD_HITS: &str = "guardHits";
    /// Which failures of an agent's guards refuse, by the names of `context.guard.failures`.
    pub const GUARD_FAILURES: &str = "guardFailures";
    /// All of them.
    pub const ALL: [&str; 12] = [
        NAME,
        KIND,
        EXTERNAL_ACCESS,
        PROVIDER,
        MODELS,
        PROVIDERS,
        EXPIRES,
        PER_REQUEST,
        PER_DAY,
        NANO_USD_PER_DAY,
        GUARD_HITS,
        GUARD_FAILURES,
    ];
}

/// Fields of the context.
pub mod context {
    /// The model as it will be asked for.
    pub const MODEL: &str = "model";
    /// Upper bound of the request.
    pub const TOKENS_REQUESTED: &str = "tokensRequested";
    /// What the request can cost at most.
    pub const NANO_USD_REQUESTED: &str = "nanoUsdRequested";
    /// Where accounts would stand.
    pub const AFTER: &str = "after";
    /// Within `after`: the provider's day.
    pub const AFTER_PROVIDER: &str = "provider";
    /// Within `after`: the provider's external day.
    pub const AFTER_PROVIDER_EXTERNAL: &str = "providerExternal";
    /// Within `after`: the principal's day.
    pub const AFTER_PRINCIPAL: &str = "principal";
    /// Within `after`: the cost of the principal's day.
    pub const AFTER_PRINCIPAL_NANO_USD: &str = "principalNanoUsd";
    /// The caller's address.
    pub const SOURCE_IP: &str = "sourceIp";
    /// Whether the key may be used from there.
    pub const IP_ALLOWED: &str = "ipAllowed";
    /// Whether the key's model list has the model.
    pub const MODEL_ALLOWED: &str = "modelAllowed";
    /// The gateway's clock.
    pub const NOW: &str = "now";
    /// The gateway's clock as a number of seconds.
    pub const NOW_SECONDS: &str = "nowSeconds";
    /// Whether the request came in as external use.
    pub const EXTERNAL: &str = "external";
    /// What guards found.
    pub const GUARD: &str = "guard";
    /// Within `guard`: in user turns.
    pub const GUARD_PROMPTS: &str = "prompts";
    /// Within `guard`: in the instructions before the conversation.
    pub const GUARD_SYSTEM: &str = "system";
    /// Within `guard`: in results of tools.
    pub const GUARD_TOOL_RESULTS: &str = "toolResults";
    /// Within `guard`: in the answer.
    pub const GUARD_RESPONSES: &str = "responses";
    /// Within `guard`: where scores reached thresholds.
    pub const GUARD_HITS: &str = "hits";
    /// Within `guard`: where a classifier did not judge.
    pub const GUARD_FAILURES: &str = "failures";
    /// Within `guard`: whether there is something that no guard can read.
    pub const GUARD_UNREAD: &str = "unread";
    /// Within a verdict: what was found.
    pub const VERDICT_LABEL: &str = "label";
    /// Within a verdict: how sure that is, in thousandths.
    pub const VERDICT_SCORE: &str = "score";
}

/// Actions.
pub mod action {
    /// The group of all.
    pub const USE: &str = "use";
    /// The group of those that use up tokens.
    pub const SPEND: &str = "spend";
    /// Asking a model.
    pub const INVOKE: &str = "invoke";
    /// Asking for embeddings.
    pub const EMBED: &str = "embed";
    /// Asking how many tokens a prompt has.
    pub const COUNT_TOKENS: &str = "countTokens";
    /// Seeing a model in a list.
    pub const LIST: &str = "list";
}

/// Annotations that a refusal is made from.
pub mod annotation {
    /// The policy's stable id.
    pub const ID: &str = "id";
    /// Machine-readable cause, as in `budget_exhausted`.
    pub const CODE: &str = "code";
    /// How a refusal is answered: one of the words of [`super::kind`].
    pub const KIND: &str = "kind";
    /// A sentence for the caller, with placeholders in braces.
    pub const REASON: &str = "reason";
    /// What to do about it.
    pub const HELP: &str = "help";
    /// `file:line:column` of the manifest value that the policy came from.
    pub const SOURCE: &str = "source";
    /// JSON pointer of the manifest field that decides.
    pub const FIELD: &str = "field";
    /// For base rules, whose manifest the field is in: `principal` or `provider`.
    pub const SUBJECT: &str = "subject";
}

/// Kinds of refusal, in the order in which they are named when several apply.
pub mod kind {
    /// The credential is not (or no longer) good: 401.
    pub const CREDENTIAL: &str = "credential";
    /// Not allowed: 403.
    pub const PERMISSION: &str = "permission";
    /// The request is larger than allowed: 403.
    pub const SIZE: &str = "size";
    /// A daily budget does not have room: 429.
    pub const BUDGET: &str = "budget";
    /// All of them, first to last.
    pub const ALL: [&str; 4] = [CREDENTIAL, PERMISSION, SIZE, BUDGET];
}

/// Codes of the refusals that compiled manifests bring about.
pub mod code {
    /// `allowedModels` does not match.
    pub const MODEL_NOT_ALLOWED: &str = "model_not_allowed";
    /// `deniedModels` matches.
    pub const MODEL_DENIED: &str = "model_denied";
    /// `maxTokensPerRequest` is exceeded.
    pub const REQUEST_TOO_LARGE: &str = "request_too_large";
    /// A daily budget has no room.
    pub const BUDGET_EXHAUSTED: &str = "budget_exhausted";
    /// A guard found something.
    pub const GUARD_REFUSED: &str = "guard_refused";
    /// A guard's classifier does not answer.
    pub const GUARD_UNAVAILABLE: &str = "guard_unavailable";
    /// A guard that only records found something.
    pub const GUARD_AUDITED: &str = "guard_audited";
}
