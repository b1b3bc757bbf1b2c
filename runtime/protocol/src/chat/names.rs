//! Names and ids that OpenAI takes: shorter ones than Anthropic does, in fewer letters.

use crate::conversation::{Renamed, Untranslatable};

/// Most characters of a tool's name (<https://platform.openai.com/docs/api-reference/chat/create>). Those that Claude
/// Code makes of MCP servers' are longer now and then.
const NAME_MAX: usize = 64;
/// Most characters of a call's id, by the service's own refusals.
const ID_MAX: usize = 40;

/// A name that is taken: its own, or one made of it, always the same, which is noted in `renamed`.
pub(crate) fn tool(name: &str, renamed: &mut Renamed) -> Result<String, Untranslatable> {
    if is_taken(name) {
        return Ok(name.to_owned());
    }
    let start: String = name.chars().map(|c| if is_letter(c) { c } else { '_' }).take(NAME_MAX - 9).collect();
    let short = format!("{start}_{:08x}", fingerprint(name));
    match renamed.asked(&short) {
        other if other != short && other != name => {
            Err(Untranslatable::new(format!("the tool name `{name}`")))
        }
        _ => {
            renamed.add(&short, name);
            Ok(short)
        }
    }
}

/// The name of a form, which means nothing.
pub(crate) fn form(name: Option<&str>) -> String {
    let name: String =
        name.unwrap_or_default().chars().map(|c| if is_letter(c) { c } else { '_' }).take(NAME_MAX).collect();
    if name.is_empty() { "answer".to_owned() } else { name }
}

fn is_taken(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_letter)
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// FNV-1a, which is the same everywhere and always: a prompt must not change from request to request, or no cache
/// knows it again.
fn fingerprint(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Ids of calls, the same for a call and its result. One that is too long is named by the place at which it first
/// stands, which stays as a conversation grows.
#[derive(Debug, Default)]
pub(crate) struct Ids<'a> {
    long: Vec<&'a str>,
}

impl<'a> Ids<'a> {
    /// The id that is sent.
    pub(crate) fn sent(&mut self, id: &'a str) -> String {
        if !id.is_empty() && id.chars().count() <= ID_MAX {
            return id.to_owned();
        }
        let place = self.long.iter().position(|long| *long == id).unwrap_or_else(|| {
            self.long.push(id);
            self.long.len() - 1
        });
        format!("call_pai_{place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_taken_becomes_another_and_comes_back() {
        let mut renamed = Renamed::default();
        let long = format!("mcp__{}__update_project", "a".repeat(60));
        let table = ["get_weather", long.as_str(), "a.b", "größe", ""];
        for name in table {
            let sent = tool(name, &mut renamed).expect("a name");
            assert!(is_taken(&sent), "{sent}");
            assert_eq!(renamed.asked(&sent), name);
            assert_eq!(tool(name, &mut Renamed::default()).expect("a name"), sent, "always the same");
        }
        let other = tool(&format!("{long}s"), &mut renamed).expect("a name");
        assert_ne!(other, tool(&long, &mut renamed).expect("a name"));
    }

    #[test]
    fn a_long_id_is_short_and_the_same_for_call_and_result() {
        let mut ids = Ids::default();
        let [one, two] = ["x".repeat(41), "y".repeat(99)];
        let sent = [ids.sent(&one), ids.sent(&two), ids.sent("toolu_1"), ids.sent(&one)];
        assert_eq!(sent, ["call_pai_0", "call_pai_1", "toolu_1", "call_pai_0"]);
    }
}
