//! Titles for fields: what an editor shows above the description. A field's name as words.

use serde_json::{Map, Value};

/// Words that are not written as names write them.
const WORDS: [(&str, &str); 8] = [
    ("api", "API"),
    ("cidrs", "CIDRs"),
    ("env", "environment"),
    ("id", "ID"),
    ("max", "maximum"),
    ("ms", "in milliseconds"),
    ("ref", "reference"),
    ("usd", "in US dollars"),
];

/// Gives every property below `schema` a title, unless its type has one of its own.
pub(super) fn add(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(add),
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for (name, property) in properties.iter_mut() {
                    give(name, property);
                }
            }
            fields.values_mut().for_each(add);
        }
        _ => {}
    }
}

/// Properties that are `false` forbid a field; they describe none.
fn give(name: &str, property: &mut Value) {
    let Value::Object(fields) = property else { return };
    if fields.contains_key("title") || !fields.contains_key("description") {
        return;
    }
    let mut titled = Map::new();
    titled.insert("title".to_owned(), Value::String(of(name)));
    titled.append(fields);
    *fields = titled;
}

/// `maxTokensPerDay` as `Maximum tokens per day`.
pub(super) fn of(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last_was_upper = true;
    for character in name.chars() {
        let upper = character.is_uppercase();
        if words.is_empty() || (upper && !last_was_upper) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(character.to_lowercase());
        }
        last_was_upper = upper;
    }
    let spoken: Vec<&str> = words
        .iter()
        .map(|word| WORDS.iter().find(|(written, _)| written == word).map_or(word.as_str(), |(_, said)| said))
        .collect();
    let text = spoken.join(" ");
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, title) in [
            ("maxTokensPerDay", "Maximum tokens per day"),
            ("apiKeySecretRef", "API key secret reference"),
            ("maxCostPerDayUSD", "Maximum cost per day in US dollars"),
            ("initialBackoffMs", "Initial backoff in milliseconds"),
            ("spec", "Spec"),
        ] {
            assert_eq!(of(name), title);
        }
    }
}
