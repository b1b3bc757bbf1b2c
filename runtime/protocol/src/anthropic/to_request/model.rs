//! What a model takes, by its name. The API refuses what it does not take, and a request that is refused helps nobody.
//!
//! The rules are cuts by version and not lists of names, so that a model of tomorrow is asked like its elders of today.
//! Source: <https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting>, of October 2026.

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// One of Anthropic's.
    Claude {
        /// Which kind.
        family: Family,
        /// Major and minor; one without a number in its name counts as the newest.
        version: (u32, u32),
    },
    /// Any other that speaks this dialect: it is asked in the oldest words, which are understood the most widely.
    Other,
}

/// Kinds of Claude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Fable and Mythos, which always think.
    Thinker,
    /// Opus.
    Opus,
    /// Sonnet.
    Sonnet,
    /// Haiku.
    Haiku,
}

/// How thinking is turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Off {
    /// `disabled`
    Disabled,
    /// `between_tools`
    BetweenTools,
    /// Not at all, or not that anybody here knows.
    Never,
}

const NEWEST: (u32, u32) = (u32::MAX, 0);

impl Model {
    /// Reads `claude-opus-4-7`, `claude-3-5-haiku-20241022`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    pub(super) fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let Some((_, rest)) = name.split_once("claude") else { return Self::Other };
        let mut family = Family::Sonnet;
        let mut numbers = Vec::new();
        for word in rest.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            match word {
                "fable" | "mythos" => family = Family::Thinker,
                "opus" => family = Family::Opus,
                "haiku" => family = Family::Haiku,
                // A longer one is a date.
                word if word.len() <= 2 => numbers.extend(word.parse::<u32>()),
                _ => {}
            }
        }
        let version = match numbers[..] {
            [] => NEWEST,
            [major] => (major, 0),
            [major, minor, ..] => (major, minor),
        };
        Self::Claude { family, version }
    }

    fn is_from(self, first: (u32, u32)) -> bool {
        matches!(self, Self::Claude { version, .. } if version >= first)
    }

    /// Whether it thinks as much as it finds right, and is told how hard in words. The others are told in tokens.
    pub(super) fn is_adaptive(self) -> bool {
        self.is_from((4, 6))
    }

    /// Whether it can think at all.
    pub(super) fn thinks(self) -> bool {
        self == Self::Other || self.is_from((3, 7))
    }

    /// The word for the hardest thinking but one, which OpenAI's hardest is: `max`, before there was `xhigh`.
    pub(super) fn hardest(self) -> &'static str {
        match self {
            Self::Claude { version, .. } if version >= (4, 7) && version != NEWEST => "xhigh",
            _ => "max",
        }
    }

    /// How it is told not to think.
    pub(super) fn off(self) -> Off {
        match self {
            Self::Claude { family: Family::Thinker, .. } => Off::Never,
            Self::Claude { family: Family::Opus, version } if version >= (5, 5) => Off::Never,
            Self::Claude { family: Family::Sonnet, version: (5, 5) } => Off::BetweenTools,
            Self::Claude { version, .. } if version > (5, 5) => Off::Never,
            Self::Claude { .. } | Self::Other => Off::Disabled,
        }
    }

    /// Whether it takes `temperature`, `top_p` and `top_k`.
    pub(super) fn takes_sampling(self) -> bool {
        !self.is_from((4, 7))
    }

    /// Whether answers and arguments can be held to a schema.
    pub(super) fn has_structured_outputs(self) -> bool {
        self == Self::Other || self.is_from((4, 5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let claude = |family, version| Model::Claude { family, version };
        let table = [
            ("claude-opus-4-7", claude(Family::Opus, (4, 7))),
            ("claude-opus-4-20250514", claude(Family::Opus, (4, 0))),
            ("claude-3-5-haiku-20241022", claude(Family::Haiku, (3, 5))),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", claude(Family::Sonnet, (4, 5))),
            ("anthropic/claude-4.6-sonnet", claude(Family::Sonnet, (4, 6))),
            ("claude-fable-5-1", claude(Family::Thinker, (5, 1))),
            ("claude-mythos-preview", claude(Family::Thinker, NEWEST)),
            ("deepseek-v4", Model::Other),
        ];
        for (name, model) in table {
            assert_eq!(Model::named(name), model, "{name}");
        }
    }

    #[test]
    fn every_row_of_anthropics_table_is_kept() {
        // Name, adaptive, how it is turned off, sampling.
        let table = [
            ("claude-fable-5-1", true, Off::Never, false),
            ("claude-mythos-5", true, Off::Never, false),
            ("claude-mythos-preview", true, Off::Never, false),
            ("claude-opus-5-5", true, Off::Never, false),
            ("claude-opus-5", true, Off::Disabled, false),
            ("claude-opus-4-8", true, Off::Disabled, false),
            ("claude-opus-4-7", true, Off::Disabled, false),
            ("claude-sonnet-5-5", true, Off::BetweenTools, false),
            ("claude-sonnet-5", true, Off::Disabled, false),
            ("claude-haiku-5-5", true, Off::Disabled, false),
            ("claude-opus-4-6", true, Off::Disabled, true),
            ("claude-sonnet-4-6", true, Off::Disabled, true),
            ("claude-opus-4-5", false, Off::Disabled, true),
            ("claude-haiku-4-5", false, Off::Disabled, true),
            ("claude-sonnet-4-5", false, Off::Disabled, true),
        ];
        for (name, is_adaptive, off, takes_sampling) in table {
            let model = Model::named(name);
            assert_eq!(
                (model.is_adaptive(), model.off(), model.takes_sampling()),
                (is_adaptive, off, takes_sampling),
                "{name}"
            );
        }
    }

    #[test]
    fn the_hardest_word_is_one_that_the_model_knows() {
        let table = [
            ("claude-opus-4-6", "max"),
            ("claude-mythos-preview", "max"),
            ("claude-opus-4-7", "xhigh"),
            ("claude-sonnet-5", "xhigh"),
        ];
        for (name, word) in table {
            assert_eq!(Model::named(name).hardest(), word, "{name}");
        }
    }
}
