//! Claude Code's settings as text: what a gateway needs is put in, and everything else stays as it was written.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::{Value, json};

/// What a gateway needs there.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The command that prints the credential.
    pub(super) helper: String,
    /// Variables, with their values.
    pub(super) env: Vec<(&'static str, String)>,
}

/// Variables that would be sent instead of what the helper prints. An empty one hides what the shell has exported.
const HIDDEN: [&str; 2] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"];

/// A settings file is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SettingsError {
    /// No JSON.
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// JSON of another shape.
    #[error("{0} is not an object")]
    Shape(&'static str),
    /// The same name twice: readers differ in which one counts.
    #[error("it cannot be changed safely: a name stands twice in one object")]
    Twice,
}

/// Settings with all that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) text: String,
    /// What is different now, in words.
    pub(super) changes: Vec<String>,
}

impl Wanted {
    /// Alone, as it would stand in a new file.
    pub(super) fn document(&self) -> Value {
        let mut env = serde_json::Map::new();
        for (name, value) in self.variables() {
            env.insert(name.to_owned(), json!(value));
        }
        json!({ "apiKeyHelper": self.helper, "env": env })
    }

    fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let set = self.env.iter().map(|(name, value)| (*name, value.as_str()));
        set.chain(HIDDEN.iter().map(|name| (*name, "")))
    }
}

/// Puts it in. What was written stays in its order and layout.
pub(super) fn merge(text: &str, wanted: &Wanted) -> Result<Merged, SettingsError> {
    if text.trim().is_empty() {
        let text = format!("{:#}\n", wanted.document());
        return Ok(Merged { text, changes: vec!["apiKeyHelper and env are new".to_owned()] });
    }
    // Strictly: what Claude Code cannot read is not made into something that it can, in silence.
    let mut meant: Value =
        serde_json::from_str(text).map_err(|cause| SettingsError::Syntax(cause.to_string()))?;
    let root = CstRootNode::parse(text, &ParseOptions::default())
        .map_err(|cause| SettingsError::Syntax(cause.to_string()))?;
    let settings = root.object_value().ok_or(SettingsError::Shape("it"))?;
    if settings.get("env").is_some() && settings.object_value("env").is_none() {
        return Err(SettingsError::Shape("`env`"));
    }
    let mut changes = Vec::new();
    put(&settings, "apiKeyHelper", &wanted.helper, "apiKeyHelper", &mut changes);
    let env = settings.object_value_or_set("env");
    for (name, value) in wanted.variables() {
        put(&env, name, value, &format!("env.{name}"), &mut changes);
    }
    let text = root.to_string();
    for (name, value) in wanted.variables() {
        meant["env"][name] = json!(value);
    }
    meant["apiKeyHelper"] = json!(wanted.helper);
    if serde_json::from_str::<Value>(&text).ok().as_ref() != Some(&meant) {
        return Err(SettingsError::Twice);
    }
    Ok(Merged { text, changes })
}

fn put(object: &CstObject, name: &str, value: &str, path: &str, changes: &mut Vec<String>) {
    let input = || CstInputValue::String(value.to_owned());
    let Some(property) = object.get(name) else {
        object.append(name, input());
        changes.push(format!("{path} is new"));
        return;
    };
    let old =
        property.value().and_then(|node| node.as_string_lit()).and_then(|text| text.decoded_value().ok());
    if old.as_deref() != Some(value) {
        property.set_value(input());
        changes.push(format!("{path} is replaced"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            helper: "pai gateway token --base-url 'http://g/ext'".to_owned(),
            env: vec![("ANTHROPIC_BASE_URL", "http://g/ext".to_owned())],
        }
    }

    #[test]
    fn what_was_there_stays_in_its_order_and_layout() {
        let before = "{\n    \"zebra\": [1,  2],\n    \"env\": { \"MINE\": \"1\" },\n    \"apple\": 1.0e2,\n    \"permissions\": {\"allow\": [\"Bash(git *)\"]}\n}\n";
        let merged = merge(before, &wanted()).expect("merged");
        let kept = [
            "\"zebra\": [1,  2],",
            "\"apple\": 1.0e2,",
            "\"permissions\": {\"allow\": [\"Bash(git *)\"]}",
            "\"MINE\": \"1\"",
        ];
        let places: Vec<_> = kept.iter().map(|part| merged.text.find(part)).collect();
        assert!(places.iter().all(Option::is_some), "{}", merged.text);
        let read: Value = serde_json::from_str(&merged.text).expect("json");
        assert_eq!(read["env"]["ANTHROPIC_BASE_URL"], "http://g/ext");
        assert_eq!(read["env"]["ANTHROPIC_API_KEY"], "");
        assert_eq!(read["env"]["MINE"], "1");
        assert!(
            merged.text.find("zebra") < merged.text.find("apple") && merged.text.ends_with("}\n"),
            "{}",
            merged.text
        );
    }

    #[test]
    fn a_second_time_changes_nothing() {
        for before in [
            "",
            "{}",
            "{\"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"sk\"}, \"apiKeyHelper\": 7}",
            "{\r\n\t\"a\": null\r\n}",
        ] {
            let once = merge(before, &wanted()).expect("merged");
            assert!(!once.changes.is_empty(), "{before}");
            let twice = merge(&once.text, &wanted()).expect("merged");
            assert_eq!((twice.text, twice.changes), (once.text, vec![]), "{before}");
        }
    }

    #[test]
    fn credentials_of_others_are_hidden() {
        let before =
            "{\"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"sk-other\", \"ANTHROPIC_API_KEY\": \"sk-mine\"}}";
        let merged = merge(before, &wanted()).expect("merged");
        assert!(!merged.text.contains("sk-"), "{}", merged.text);
        assert!(
            merged.changes.contains(&"env.ANTHROPIC_API_KEY is replaced".to_owned()),
            "{:?}",
            merged.changes
        );
    }

    #[test]
    fn what_cannot_be_changed_safely_is_not_changed() {
        for (before, error) in [
            ("[]", SettingsError::Shape("it")),
            ("{\"env\": []}", SettingsError::Shape("`env`")),
            ("{\"env\": {}, \"env\": {}}", SettingsError::Twice),
        ] {
            assert_eq!(merge(before, &wanted()), Err(error), "{before}");
        }
        for before in ["{", "{\"a\": 1,}", "// note\n{}", "{} {}"] {
            assert!(matches!(merge(before, &wanted()), Err(SettingsError::Syntax(_))), "{before}");
        }
    }
}
