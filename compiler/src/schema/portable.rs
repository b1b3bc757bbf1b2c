//! A schema as other programs read it: with an identity, and without what only our own validator understands.

use serde_json::{Map, Value, json};

use crate::manifest::text::format;

/// Digits in groups, which YAML 1.2 reads as text and `pai` as an integer.
const GROUPED: &str = "^[0-9]+(_[0-9]+)+$";

/// What is said of text where an integer is wanted.
const GROUPED_SAYS: &str = "write an integer such as 5000000 or 5_000_000, without quotes";

/// Gives a schema its `$id`, patterns for the formats of ours, and integers as people write them.
pub(super) fn portable(mut schema: Value, id: &str) -> Value {
    loosen(&mut schema);
    if let Value::Object(fields) = &mut schema {
        let mut identified = Map::new();
        identified.insert("$schema".to_owned(), fields.shift_remove("$schema").unwrap_or_default());
        identified.insert("$id".to_owned(), json!(id));
        identified.append(fields);
        *fields = identified;
    }
    schema
}

/// The pattern that comes nearest to a format of ours: what fits the format fits the pattern.
pub(super) fn pattern(format: &str) -> Option<&'static str> {
    match format {
        format::CIDR => Some("^[0-9A-Fa-f.:]+/[0-9]{1,3}$"),
        format::ADDRESS => Some("^[0-9A-Fa-f.:]+$"),
        format::MOMENT => Some(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?))?$",
        ),
        format::HTTP_URL => Some("^https?://[^/?#@\\s\\\\]+(/[^?#@\\s\\\\]*)?$"),
        _ => None,
    }
}

fn loosen(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(loosen),
        Value::Object(fields) => {
            let known = fields.get("format").and_then(Value::as_str).and_then(pattern);
            if let Some(pattern) = known {
                fields.shift_remove("format");
                fields.insert("pattern".to_owned(), json!(pattern));
            }
            let number = fields
                .get("type")
                .and_then(Value::as_str)
                .filter(|name| matches!(*name, "integer" | "number"));
            if let Some(number) = number {
                let types = json!([number, "string"]);
                fields.insert("type".to_owned(), types);
                fields.insert("pattern".to_owned(), json!(GROUPED));
                fields.insert("patternErrorMessage".to_owned(), json!(GROUPED_SAYS));
            }
            fields.values_mut().for_each(loosen);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::formats::{is_cidr, is_http_url, is_moment};

    #[test]
    fn what_fits_a_format_fits_its_pattern() {
        type Case = (&'static str, fn(&str) -> bool, &'static [&'static str]);
        let cases: [Case; 3] = [
            (
                format::CIDR,
                is_cidr,
                &["10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120", "10.0.0.0", "x/8"],
            ),
            (
                format::MOMENT,
                is_moment,
                &[
                    "2027-01-31",
                    "2027-01-31T18:00:00Z",
                    "2027-01-31T18:00:00.5+01:00",
                    "2027-01-31 18:00Z",
                    "tomorrow",
                ],
            ),
            (
                format::HTTP_URL,
                is_http_url,
                &[
                    "https://a",
                    "http://[::1]:8000/v1/",
                    "https://a/v1/b:c",
                    "https://a?b",
                    "ftp://a",
                    "https://u@a",
                    "a",
                ],
            ),
        ];
        for (name, fits, texts) in cases {
            let schema = json!({ "type": "string", "pattern": pattern(name).unwrap() });
            let validator = jsonschema::validator_for(&schema).unwrap();
            for text in texts {
                assert_eq!(validator.is_valid(&json!(text)), fits(text), "{name}: {text}");
            }
        }
    }
}
