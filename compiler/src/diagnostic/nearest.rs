//! "Did you mean": the known name that is nearest to what was written.

/// How many names a list in a help text has at most.
const LISTED: usize = 8;

/// The nearest of `known`, if it is near enough for a slip of the fingers.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let scored = known.into_iter().map(|name| {
        let candidate = name.to_lowercase();
        let same_start = lower.len() >= 4 && (candidate.starts_with(&lower) || lower.starts_with(&candidate));
        let distance = strsim::damerau_levenshtein(&lower, &candidate);
        (if same_start { distance.min(1) } else { distance }, name)
    });
    let allowed = 1 + written.chars().count() / 4;
    scored.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

/// `did you mean X?`, or else what there is: `NOUN are: a, b`.
pub(crate) fn suggest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    noun: &str,
) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    if known.is_empty() {
        return None;
    }
    Some(format!("{noun}: {}", list(&known)))
}

/// Names in backticks, with "and N more" where there are many.
pub(crate) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["maxTokensPerDay", "maxTokensPerRequest", "models", "retry"];
        for (written, expected) in [
            ("maxTokenPerDay", Some("maxTokensPerDay")),
            ("maxtokensperday", Some("maxTokensPerDay")),
            ("modles", Some("models")),
            ("model", Some("models")),
            ("budget", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }
}
