//! Names, numbers and lists as the sentences of a comparison have them.

use pai_bundle::name::{DEFAULT_NAMESPACE, QualifiedName};

use crate::inspect::question::Who;

/// Names in a sentence; of longer lists the first, and how many more.
const NAMES_MAX: usize = 6;

/// Without the namespace where it is the usual one.
pub(super) fn named(name: &QualifiedName) -> String {
    if name.namespace.as_str() == DEFAULT_NAMESPACE { name.name.to_string() } else { name.to_string() }
}

/// `agent coder`.
pub(super) fn who(who: &Who) -> String {
    format!("{} {}", sort(who), named(who.name()))
}

fn sort(who: &Who) -> &'static str {
    match who {
        Who::Agent(_) => "agent",
        Who::AccessKey(_) => "access key",
    }
}

/// Several of one sort; all of them where they are as many as there are.
pub(super) fn principals(list: &[&Who], there_are: usize) -> String {
    match list {
        [] => String::new(),
        [only] => who(only),
        [first, ..] if list.len() == there_are => format!("every {} ({there_are})", sort(first)),
        [first, ..] => {
            let names: Vec<String> = list.iter().map(|who| named(who.name())).collect();
            format!("{}s {}", sort(first), and(&names))
        }
    }
}

/// `a, b and c`, or `a, b, c, d, e, f and 7 more`.
pub(super) fn and(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first @ .., last] if names.len() <= NAMES_MAX => format!("{} and {last}", first.join(", ")),
        _ => {
            let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
            format!("{} and {} more", shown.join(", "), names.len() - NAMES_MAX)
        }
    }
}

/// `1,000,000`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A cap, or that there is none.
pub(super) fn cap(value: Option<u64>) -> String {
    value.map_or_else(|| "no cap".to_owned(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        let names: Vec<String> = "abcdefgh".chars().map(String::from).collect();
        assert_eq!(and(&names), "a, b, c, d, e, f and 2 more");
        assert_eq!(and(&names[..3]), "a, b and c");
    }
}
