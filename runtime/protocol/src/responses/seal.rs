//! Seals as the `encrypted_content` of reasoning items, which clients send back as they got it.
//!
//! OpenAI's own stand there as they are. Others are marked with their maker, and with what they belong to: a call of a
//! tool has no place for a seal in this dialect, so that it stands in a reasoning item of its own right behind the call.

use crate::event::{Seal, SealMaker};

/// Begins the seals of others than OpenAI.
pub(super) const FOREIGN: &str = "pai:";

const MAKERS: [(SealMaker, &str); 3] = [
    (SealMaker::Anthropic, "anthropic:"),
    (SealMaker::AnthropicRedacted, "anthropic-redacted:"),
    (SealMaker::Gemini, "gemini:"),
];

/// What a seal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The thoughts beside which it stands.
    Thoughts,
    /// The call before it.
    Call,
}

impl On {
    const ALL: [Self; 2] = [Self::Thoughts, Self::Call];

    fn mark(self) -> &'static str {
        match self {
            Self::Thoughts => "thoughts:",
            Self::Call => "call:",
        }
    }
}

/// As `encrypted_content`.
pub(super) fn write(seal: &Seal, on: On) -> String {
    match MAKERS.iter().find(|(maker, _)| *maker == seal.maker) {
        Some((_, maker)) => format!("{FOREIGN}{}{maker}{}", on.mark(), seal.value),
        None => seal.value.split_once('/').map_or(seal.value.as_str(), |(_, content)| content).to_owned(),
    }
}

/// From the `encrypted_content` of the reasoning item of this id.
pub(super) fn read(id: &str, content: &str) -> (Seal, On) {
    let foreign = content.strip_prefix(FOREIGN).and_then(|rest| {
        let (on, rest) = On::ALL.iter().find_map(|on| Some((*on, rest.strip_prefix(on.mark())?)))?;
        let (maker, value) =
            MAKERS.iter().find_map(|(maker, mark)| Some((*maker, rest.strip_prefix(mark)?)))?;
        Some((Seal { maker, value: value.to_owned() }, on))
    });
    foreign.unwrap_or_else(|| {
        let seal = Seal { maker: SealMaker::OpenAi, value: format!("{id}/{content}") };
        (seal, On::Thoughts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_to_whom_made_it() {
        for maker in [SealMaker::Anthropic, SealMaker::AnthropicRedacted, SealMaker::Gemini] {
            for on in On::ALL {
                let seal = Seal { maker, value: "pai:a:b/c==".to_owned() };
                assert_eq!(read("rs_1", &write(&seal, on)), (seal, on));
            }
        }
        let own = Seal { maker: SealMaker::OpenAi, value: "rs_1/gAAA/b+c==".to_owned() };
        assert_eq!(write(&own, On::Thoughts), "gAAA/b+c==");
        assert_eq!(read("rs_1", "gAAA/b+c=="), (own, On::Thoughts));
    }

    #[test]
    fn what_is_marked_but_not_by_us_is_openais() {
        for content in ["pai:", "pai:call:", "pai:thoughts:nobody:x", "gemini:x"] {
            assert_eq!(read("rs", content).0.maker, SealMaker::OpenAi, "{content}");
        }
    }
}
