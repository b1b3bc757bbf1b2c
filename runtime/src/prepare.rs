//! What one candidate is sent: the client's own bytes, where its provider speaks the client's dialect, else the same
//! request in the provider's words. Said before anything is bounded, because bounds are those of what is sent.

use std::borrow::Cow;

use bytes::Bytes;
use pai_bundle::provider::{ModelFacts, Provider, ProviderKind};
use pai_policies::Action;
use pai_protocol::conversation::Renamed;
use pai_protocol::edit::{self, Wanted};
use pai_protocol::translate::{self, Target, Translated};
use pai_protocol::{Asked, Dialect, Input, anthropic, responses};

use crate::candidate::Candidate;
use crate::refusal::Refusal;

/// A request as one candidate would get it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What the provider is spoken to in.
    pub(crate) dialect: Dialect,
    /// What its input is made of.
    pub(crate) input: Input,
    /// The most tokens of each answer that it asks for, if any.
    pub(crate) max_output: Option<u64>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Same,
    Translated(Translated),
}

impl Prepared {
    /// For one candidate, or why it cannot be asked.
    pub(crate) fn new(
        asked: &Asked,
        body: &Bytes,
        action: Action,
        provider: &Provider,
        candidate: &Candidate,
        model: &ModelFacts,
    ) -> Result<Self, Refusal> {
        let refused = |what: String| Refusal::Untranslatable {
            provider: provider.name.clone(),
            kind: provider.kind.as_str(),
            what,
        };
        let dialect = asked.dialect.spoken_by(provider).ok_or_else(|| {
            refused(
                if action == Action::Embed { "an embedding" } else { "a completion without a conversation" }
                    .to_owned(),
            )
        })?;
        if dialect == asked.dialect {
            let input = asked.input.clone();
            return Ok(Self { dialect, input, max_output: asked.max_output, form: Form::Same });
        }
        let target = Target {
            dialect,
            kind: provider.kind,
            model: candidate.model.as_str(),
            max_output: model.output_tokens,
        };
        let translated =
            translate::request(asked.dialect, body, &target).map_err(|cannot| refused(cannot.what))?;
        Ok(Self {
            dialect,
            input: translate::input_of(&asked.input, &translated),
            // Written into the body by the translation, in any case.
            max_output: Some(asked.max_output.unwrap_or(u64::MAX).min(model.output_tokens)),
            form: Form::Translated(translated),
        })
    }

    /// Whether it is said in other words than the client's.
    pub(crate) fn is_translated(&self) -> bool {
        matches!(self.form, Form::Translated(_))
    }

    /// What was left out on purpose.
    pub(crate) fn dropped(&self) -> &[Cow<'static, str>] {
        match &self.form {
            Form::Same => &[],
            Form::Translated(translated) => translated.dropped.names(),
        }
    }

    /// Names of tools that stand in the body in place of the client's.
    pub(crate) fn renamed(&self) -> Renamed {
        match &self.form {
            Form::Same => Renamed::default(),
            Form::Translated(translated) => translated.renamed.clone(),
        }
    }

    /// The bytes that go out. `max_output` is asked for where the client said nothing and a budget rests on it.
    pub(crate) fn body(
        &self,
        asked: &Asked,
        body: &Bytes,
        candidate: &Candidate,
        kind: ProviderKind,
        max_output: Option<u64>,
    ) -> Bytes {
        match &self.form {
            Form::Translated(translated) => translated.body.clone(),
            Form::Same => {
                let wanted = Wanted {
                    model: candidate.model.as_str(),
                    max_output: max_output
                        .zip(limit_member(self.dialect, kind))
                        .map(|(most, name)| (name, most)),
                    // Without it a stream of chat completions says nothing of what it used.
                    stream_usage: asked.stream,
                };
                let body = edit::rewritten(body, asked, &wanted);
                match self.dialect {
                    // What another provider thought in the same conversation, Anthropic would refuse.
                    Dialect::Messages => anthropic::foreign::without_thinking(&body).unwrap_or(body),
                    // OpenAI too.
                    Dialect::Responses => responses::foreign::without_reasoning(&body).unwrap_or(body),
                    _ => body,
                }
            }
        }
    }
}

/// The name under which a dialect takes the most tokens of output; `None` where there is no output.
fn limit_member(dialect: Dialect, kind: ProviderKind) -> Option<&'static str> {
    match (dialect, kind) {
        // OpenAI's newer models refuse `max_tokens`; servers that are compatible with its API may know nothing else.
        (Dialect::Chat, ProviderKind::OpenAi | ProviderKind::AzureOpenAi) => Some("max_completion_tokens"),
        (Dialect::Chat | Dialect::Messages | Dialect::Completions, _) => Some("max_tokens"),
        (Dialect::Responses, _) => Some("max_output_tokens"),
        (Dialect::Embeddings | Dialect::Gemini, _) => None,
    }
}
