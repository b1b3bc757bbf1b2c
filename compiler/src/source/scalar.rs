//! What an unquoted scalar means: the core schema of YAML 1.2, less what some readers take for something else.

use serde_json::{Number, Value};

use super::tree::Spelling;

/// An unquoted scalar, understood or refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Plain {
    Means(Value, Spelling),
    /// Read in several ways by several readers; the text says how.
    Ambiguous(&'static str),
}

/// Reads an unquoted scalar.
pub(crate) fn plain(text: &str) -> Plain {
    let usual = |value| Plain::Means(value, Spelling::Usual);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return usual(Value::Null),
        "true" | "True" | "TRUE" => return usual(Value::Bool(true)),
        "false" | "False" | "FALSE" => return usual(Value::Bool(false)),
        _ => {}
    }
    if ["yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Plain::Ambiguous("some YAML readers take it for a truth value and others for text");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Plain::Ambiguous("it is no number that JSON has");
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return usual(Value::String(text.to_owned()));
    }
    number(text, unsigned).unwrap_or_else(|| usual(Value::String(text.to_owned())))
}

/// A number, or what some reader takes for one.
fn number(text: &str, unsigned: &str) -> Option<Plain> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Some(Plain::Ambiguous(
                "with a leading zero, some YAML readers take it for an octal number",
            ));
        }
        return Some(match text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
            Ok(number) => Plain::Means(Value::from(number), Spelling::Usual),
            Err(_) => Plain::Ambiguous("it is too large for an integer"),
        });
    }
    if unsigned.contains('_') && unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return Some(Plain::Means(Value::String(text.to_owned()), Spelling::Underscores));
    }
    if unsigned.contains(':') && unsigned.split(':').all(digits) {
        return Some(Plain::Ambiguous("some YAML readers take it for a number in base 60"));
    }
    let base = ["0x", "0o", "0b", "0X", "0O", "0B"].iter().any(|prefix| unsigned.starts_with(prefix));
    if base
        && unsigned.len() > 2
        && unsigned.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
    {
        return Some(Plain::Ambiguous("YAML readers do not agree on numbers in other bases"));
    }
    let float = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let finite = text.parse::<f64>().ok().filter(|number| float && number.is_finite())?;
    Number::from_f64(finite).map(|number| Plain::Means(Value::Number(number), Spelling::Usual))
}

/// The integer that digits with underscores stand for.
pub(crate) fn without_underscores(text: &str) -> Option<Value> {
    match plain(&text.replace('_', "")) {
        Plain::Means(value @ Value::Number(_), _) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        for (text, value) in [
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("0", json!(0)),
            ("2.5", json!(2.5)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("2026-12-01", json!("2026-12-01")),
            ("2026-12-01T00:00:00Z", json!("2026-12-01T00:00:00Z")),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.0/8", json!("10.0.0.0/8")),
            ("anthropic/claude", json!("anthropic/claude")),
            ("4o", json!("4o")),
            ("0xyz", json!("0xyz")),
        ] {
            assert_eq!(plain(text), Plain::Means(value, Spelling::Usual), "{text}");
        }
    }

    #[test]
    fn what_readers_read_differently_is_refused() {
        for text in
            ["yes", "NO", "On", "off", "0777", "1:30", "12:30:45", ".inf", "-.Inf", ".nan", "0x1F", "0o17"]
        {
            assert!(matches!(plain(text), Plain::Ambiguous(_)), "{text}");
        }
        assert!(matches!(plain("9223372036854775808"), Plain::Ambiguous(_)));
    }

    #[test]
    fn underscores_are_kept_for_whoever_wants_an_integer() {
        assert_eq!(plain("1_000"), Plain::Means(json!("1_000"), Spelling::Underscores));
        assert_eq!(without_underscores("1_000_000"), Some(json!(1_000_000)));
        assert_eq!(without_underscores("99_999_999_999_999_999_999"), None);
    }
}
