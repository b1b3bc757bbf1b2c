//! What an unquoted scalar means: the core schema of YAML 1.2, less what some readers take for something else.

use serde_json::{Number, Value};

use super::tree::Spelling;
use super::{Span, rules};
use crate::diagnostic::{Diagnostic, mask::shown};

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
        "<<" | "=" => {
            return Plain::Ambiguous("YAML 1.1 readers take it for a key with a meaning of its own");
        }
        _ => {}
    }
    // YAML 1.1 has the single letters as well; which readers kept them differs by their version.
    if ["yes", "no", "on", "off", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Plain::Ambiguous("some YAML readers take it for a truth value and others for text");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Plain::Ambiguous("it is no number that JSON has");
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return usual(Value::String(text.to_owned()));
    }
    number(text, unsigned).unwrap_or_else(|| {
        let spelling = if is_date(text) { Spelling::Date } else { Spelling::Usual };
        Plain::Means(Value::String(text.to_owned()), spelling)
    })
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
    let grouped =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if grouped(unsigned) {
        return Some(Plain::Means(Value::String(text.to_owned()), Spelling::Underscores));
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.contains(':') && whole.split(':').all(grouped) && (fraction.is_empty() || grouped(fraction)) {
        return Some(Plain::Ambiguous("some YAML readers take it for a number in base 60"));
    }
    if unsigned.contains('_') && unsigned.contains('.') && grouped(&unsigned.replace('.', "")) {
        return Some(Plain::Ambiguous("some YAML readers take it for a number with groups of digits"));
    }
    let base = ["0x", "0o", "0b", "0X", "0O", "0B"].iter().any(|prefix| unsigned.starts_with(prefix));
    if base
        && unsigned.len() > 2
        && unsigned.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
    {
        return Some(Plain::Ambiguous("YAML readers do not agree on numbers in other bases"));
    }
    let float = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|_| float)?;
    if unsigned.contains(['e', 'E']) {
        return Some(Plain::Ambiguous("YAML readers do not agree on numbers with an exponent"));
    }
    Some(match Number::from_f64(number) {
        Some(number) => Plain::Means(Value::Number(number), Spelling::Usual),
        None => Plain::Ambiguous("it is too large for a number"),
    })
}

/// Whether YAML 1.1 has this as a date or a time: `2027-01-31`, alone or with a time behind it.
fn is_date(text: &str) -> bool {
    let digits = |part: &str, from, to| {
        (from..=to).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (date, time) = text.split_once(['T', 't', ' ', '\t']).unwrap_or((text, "0"));
    let mut parts = date.split('-');
    let widths = [(4, 4), (1, 2), (1, 2)];
    let is_date =
        widths.into_iter().all(|(from, to)| parts.next().is_some_and(|part| digits(part, from, to)));
    is_date && parts.next().is_none() && time.trim_start().starts_with(|c: char| c.is_ascii_digit())
}

/// A finding about a value that readers read differently.
pub(crate) fn ambiguous(text: &str, why: &str, place: Span) -> Diagnostic {
    let truth = match text.to_lowercase().as_str() {
        "yes" | "on" | "y" => "write `true` if it is a truth value, or ",
        "no" | "off" | "n" => "write `false` if it is a truth value, or ",
        _ => "",
    };
    Diagnostic::new(&rules::AMBIGUOUS, place, format!("YAML readers do not agree on {}", shown(text)))
        .label(why)
        .help(format!("{truth}quote it if it is text: \"{text}\""))
        .quote(text, place)
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
            ("-.5", json!(-0.5)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.0/8", json!("10.0.0.0/8")),
            ("anthropic/claude", json!("anthropic/claude")),
            ("4o", json!("4o")),
            ("0xyz", json!("0xyz")),
            ("2024-10-21-preview", json!("2024-10-21-preview")),
            ("1-2-3", json!("1-2-3")),
            ("_1", json!("_1")),
            ("1e", json!("1e")),
            ("NaN", json!("NaN")),
            ("nULL", json!("nULL")),
            ("yes please", json!("yes please")),
        ] {
            assert_eq!(plain(text), Plain::Means(value, Spelling::Usual), "{text}");
        }
    }

    #[test]
    fn what_readers_read_differently_is_refused() {
        for text in [
            "yes",
            "NO",
            "On",
            "off",
            "y",
            "N",
            "0777",
            "-00",
            "+0777",
            "08",
            "1:30",
            "12:30:45",
            "1_0:30",
            "1:30.5",
            ".inf",
            "-.Inf",
            ".nan",
            "0x1F",
            "0o17",
            "-0o7",
            "0b101",
            "1e3",
            "1.5e+3",
            "1e1000",
            "1_000.5",
            "685_230.15",
            "=",
            "<<",
        ] {
            assert!(matches!(plain(text), Plain::Ambiguous(_)), "{text}");
        }
        let long = format!("{}.0", "9".repeat(400));
        for text in ["9223372036854775808", "99999999999999999999", &long] {
            assert!(matches!(plain(text), Plain::Ambiguous(_)), "{text}");
        }
    }

    #[test]
    fn dates_are_kept_for_whoever_wants_one() {
        for text in [
            "2026-12-01",
            "2026-1-2",
            "2026-12-01T00:00:00Z",
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14 21:59:43",
        ] {
            assert_eq!(plain(text), Plain::Means(json!(text), Spelling::Date), "{text}");
        }
    }

    #[test]
    fn underscores_are_kept_for_whoever_wants_an_integer() {
        assert_eq!(plain("1_000"), Plain::Means(json!("1_000"), Spelling::Underscores));
        assert_eq!(without_underscores("1_000_000"), Some(json!(1_000_000)));
        assert_eq!(without_underscores("99_999_999_999_999_999_999"), None);
    }
}
