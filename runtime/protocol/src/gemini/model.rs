//! What a model can, as far as its name tells.

/// One of Google's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    /// The third generation and later: it must be shown its seals again with every call of a tool, takes pictures within
    /// a tool's result, and answers in JSON while it has tools. The generations before do none of these.
    pub(super) is_third_or_later: bool,
    /// How its thinking is steered.
    pub(super) thinking: Thinking,
}

/// How thinking is steered (<https://ai.google.dev/gemini-api/docs/generate-content/thinking>). Asking a model in the
/// other way, or one that does not think at all, is an error there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all.
    Unknown,
    /// By a number of tokens, in the 2.5 generation.
    Budget {
        /// The fewest, where it thinks.
        least: u64,
        /// The most.
        most: u64,
        /// Whether it can do without.
        can_be_off: bool,
    },
    /// By a word, since the third generation, which never does without. Every model takes `LOW` and `HIGH`.
    Level {
        /// Whether it takes `MINIMAL`: some of the Flash line do, others answer with an error.
        minimal: bool,
        /// Whether it takes `MEDIUM`.
        medium: bool,
    },
}

/// Which of the Flash line take `MINIMAL` beside all of Flash-Lite. A later model may not: 3.7 Flash does not.
const TAKE_MINIMAL: [&str; 3] = ["3-flash", "3.5-flash", "3.6-flash"];

impl Model {
    /// By its name, with or without `models/` before it. Of an unknown name nothing is expected.
    pub(super) fn named(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let Some(line) = name.strip_prefix("gemini-") else {
            return Self { is_third_or_later: false, thinking: Thinking::Unknown };
        };
        let digits = line.find(|character: char| !character.is_ascii_digit()).unwrap_or(line.len());
        let generation = line.get(..digits).and_then(|digits| digits.parse::<u32>().ok());
        // `gemini-flash-latest` and its like have been of the third generation since it came.
        let is_third_or_later = generation.map_or_else(|| line.ends_with("-latest"), |number| number >= 3);
        // Models that make pictures take fewer levels than others of their line, and each its own.
        let thinking = if line.contains("-image") {
            Thinking::Unknown
        } else if is_third_or_later {
            Thinking::Level {
                minimal: line.contains("flash-lite")
                    || TAKE_MINIMAL.iter().any(|flash| line.starts_with(flash)),
                medium: !line.starts_with("3-pro"),
            }
        } else {
            by_budget(line)
        };
        Self { is_third_or_later, thinking }
    }
}

fn by_budget(line: &str) -> Thinking {
    if line.starts_with("2.5-flash-lite") {
        Thinking::Budget { least: 512, most: 24_576, can_be_off: true }
    } else if line.starts_with("2.5-flash") {
        Thinking::Budget { least: 1, most: 24_576, can_be_off: true }
    } else if line.starts_with("2.5-pro") {
        Thinking::Budget { least: 128, most: 32_768, can_be_off: false }
    } else {
        Thinking::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_how_thinking_is_steered() {
        let level = |minimal, medium| (true, Thinking::Level { minimal, medium });
        let budget = |least, most, can_be_off| (false, Thinking::Budget { least, most, can_be_off });
        let table = [
            ("gemini-2.5-pro", budget(128, 32_768, false)),
            ("models/gemini-2.5-flash-preview-09-2025", budget(1, 24_576, true)),
            ("gemini-2.5-flash-lite", budget(512, 24_576, true)),
            ("gemini-2.5-flash-image", (false, Thinking::Unknown)),
            ("gemini-2.0-flash", (false, Thinking::Unknown)),
            ("gemma-3-27b-it", (false, Thinking::Unknown)),
            ("gemini-3-pro-preview", level(false, false)),
            ("gemini-3.1-pro-preview", level(false, true)),
            ("Gemini-3-Flash-preview", level(true, true)),
            ("gemini-3.1-flash-lite", level(true, true)),
            ("gemini-3.7-flash", level(false, true)),
            ("gemini-3.1-flash-image", (true, Thinking::Unknown)),
            ("gemini-12-pro", level(false, true)),
            ("gemini-flash-latest", level(false, true)),
            ("gemini-", (false, Thinking::Unknown)),
            ("", (false, Thinking::Unknown)),
        ];
        for (name, (is_third_or_later, thinking)) in table {
            assert_eq!(Model::named(name), Model { is_third_or_later, thinking }, "{name}");
        }
    }
}
