//! What OpenAI's models take in chat completions, told from their names: those that think refuse what others take.
//!
//! Sources: <https://platform.openai.com/docs/guides/reasoning>, and for tools the service's own refusals, such as
//! <https://github.com/openai/openai-openapi/issues/541> and <https://github.com/BerriAI/litellm/pull/34569>.

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Those that do not think, and those that nobody here knows, such as deployments with names of their own.
    Plain,
    /// `o1`, `o3`, `o4-mini`.
    O,
    /// `gpt-5` and later, by its two numbers, save for those named `chat`, which do not think.
    Gpt(u32, u32),
}

impl Family {
    /// By the model's name.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.strip_prefix("ft:").unwrap_or(model);
        if ["o1", "o3", "o4"]
            .iter()
            .any(|o| name.strip_prefix(o).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
        {
            return Self::O;
        }
        let Some(rest) = name.strip_prefix("gpt-") else { return Self::Plain };
        let version = rest.split(['-', ':']).next().unwrap_or_default();
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        match (major.parse(), minor.parse()) {
            (Ok(major @ 5..), Ok(minor)) if !rest.contains("-chat") => Self::Gpt(major, minor),
            _ => Self::Plain,
        }
    }

    /// Whether it thinks before it answers. Such models refuse `temperature` and `top_p` other than 1, and `stop`.
    pub(crate) fn thinks(self) -> bool {
        self != Self::Plain
    }

    /// The words that `reasoning_effort` takes, from the least to the most.
    pub(crate) fn efforts(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::O => &["low", "medium", "high"],
            Self::Gpt(5, 0) => &["minimal", "low", "medium", "high"],
            Self::Gpt(5, 1) => &["none", "low", "medium", "high"],
            Self::Gpt(5, 2..=5) => &["none", "low", "medium", "high", "xhigh"],
            Self::Gpt(5, _) => &["none", "low", "medium", "high", "xhigh", "max"],
            Self::Gpt(..) => &["low", "medium", "high", "xhigh", "max"],
        }
    }

    /// Whether it calls tools in chat completions only if it does not think. From `gpt-5.6` on it must be told so, as
    /// it thinks by itself.
    pub(crate) fn calls_tools_without_thinking_only(self) -> bool {
        matches!(self, Self::Gpt(5, 4..))
    }

    /// Whether it calls no tools in chat completions at all, since it cannot be told not to think.
    pub(crate) fn calls_no_tools(self) -> bool {
        matches!(self, Self::Gpt(6.., _))
    }

    /// Whether `parallel_tool_calls` is refused.
    pub(crate) fn calls_one_by_one(self) -> bool {
        self == Self::O
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_from_names() {
        let table = [
            ("gpt-4o-mini", Family::Plain),
            ("gpt-4.1", Family::Plain),
            ("o1", Family::O),
            ("o3-mini-2025-01-31", Family::O),
            ("o4-mini", Family::O),
            ("o30", Family::Plain),
            ("gpt-5", Family::Gpt(5, 0)),
            ("gpt-5-mini-2025-08-07", Family::Gpt(5, 0)),
            ("gpt-5.4-nano", Family::Gpt(5, 4)),
            ("gpt-5.12-sol", Family::Gpt(5, 12)),
            ("gpt-5-chat-latest", Family::Plain),
            ("gpt-5.2-chat-latest", Family::Plain),
            ("gpt-6-astra", Family::Gpt(6, 0)),
            ("ft:gpt-4o:acme", Family::Plain),
            ("my-deployment", Family::Plain),
            ("gpt-oss-120b", Family::Plain),
            ("", Family::Plain),
        ];
        for (model, family) in table {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
