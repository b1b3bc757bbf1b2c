//! Which words a text must have for a pattern to match at all, read off the pattern itself.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Alternatives of one requirement. More would make the word finder large, and say little.
const ALTERNATIVES: usize = 40;
/// Bytes of a word that the finder looks for: enough to be rare.
const LONGEST: usize = 7;
/// A requirement with a shorter word is met by nearly every text.
const SHORTEST: usize = 3;

/// One requirement: a match has at least one of these words.
pub(crate) type Clause = Vec<Vec<u8>>;

/// All requirements of a pattern; a match meets every one. Empty where the pattern has no fixed words.
pub(crate) fn required(hir: &Hir) -> Vec<Clause> {
    let mut clauses = clauses(hir);
    clauses.retain(|clause| shortest(clause) >= SHORTEST);
    // The most telling first; a few are enough to be sure that hardly any text is looked at in vain.
    clauses.sort_by_key(|clause| (usize::MAX - shortest(clause), clause.len()));
    // Words of three letters are nearly everywhere; they are looked for where a pattern has no better.
    if clauses.first().is_some_and(|best| shortest(best) > SHORTEST) {
        clauses.retain(|clause| shortest(clause) > SHORTEST);
    }
    clauses.truncate(4);
    for clause in &mut clauses {
        for word in clause.iter_mut() {
            word.truncate(LONGEST);
        }
        clause.sort();
        clause.dedup();
    }
    clauses
}

fn clauses(hir: &Hir) -> Vec<Clause> {
    if let Some(words) = exact(hir) {
        return vec![words];
    }
    match hir.kind() {
        HirKind::Capture(capture) => clauses(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => clauses(&repetition.sub),
        HirKind::Concat(parts) => of_concat(parts),
        HirKind::Alternation(branches) => of_alternation(branches).into_iter().collect(),
        HirKind::Repetition(_)
        | HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_) => Vec::new(),
    }
}

/// Parts that are fixed words are read together as long as there are few of them, so that requirements are phrases.
fn of_concat(parts: &[Hir]) -> Vec<Clause> {
    let mut found = Vec::new();
    let mut run: Clause = vec![Vec::new()];
    for part in parts {
        match exact(part) {
            Some(words) if run.len() * words.len() <= ALTERNATIVES => run = product(&run, &words),
            Some(words) => found.push(std::mem::replace(&mut run, words)),
            None => {
                found.push(std::mem::replace(&mut run, vec![Vec::new()]));
                found.extend(clauses(part));
            }
        }
    }
    found.push(run);
    found.retain(|clause| shortest(clause) > 0);
    found
}

/// Every branch must require something, or the whole requires nothing.
fn of_alternation(branches: &[Hir]) -> Option<Clause> {
    let mut all = Clause::new();
    for branch in branches {
        all.extend(
            clauses(branch).into_iter().max_by_key(|clause| (shortest(clause), usize::MAX - clause.len()))?,
        );
    }
    Some(all)
}

/// All that a part can match, if that is a short list of words.
fn exact(hir: &Hir) -> Option<Clause> {
    let words = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Class(class) => characters(class)?,
        HirKind::Capture(capture) => exact(&capture.sub)?,
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|max| *max <= 2)?;
            let once = exact(&repetition.sub)?;
            let mut all = Clause::new();
            let mut row: Clause = vec![Vec::new()];
            for times in 0..=max {
                if times >= repetition.min {
                    all.extend(row.iter().cloned());
                }
                if row.len() * once.len() > ALTERNATIVES {
                    return None;
                }
                row = product(&row, &once);
            }
            all
        }
        HirKind::Concat(parts) => {
            let mut all: Clause = vec![Vec::new()];
            for part in parts {
                let words = exact(part)?;
                if all.len() * words.len() > ALTERNATIVES {
                    return None;
                }
                all = product(&all, &words);
            }
            all
        }
        HirKind::Alternation(branches) => {
            let mut all = Clause::new();
            for branch in branches {
                all.extend(exact(branch)?);
            }
            all
        }
    };
    (words.len() <= ALTERNATIVES).then_some(words)
}

fn characters(class: &Class) -> Option<Clause> {
    let literal = class.literal();
    if let Some(only) = literal {
        return Some(vec![only]);
    }
    match class {
        Class::Bytes(bytes) => {
            let all: Vec<u8> = bytes.iter().flat_map(|range| range.start()..=range.end()).take(5).collect();
            (all.len() <= 4).then(|| all.into_iter().map(|byte| vec![byte]).collect())
        }
        Class::Unicode(chars) => {
            let all: Vec<char> = chars.iter().flat_map(|range| range.start()..=range.end()).take(5).collect();
            (all.len() <= 4).then(|| all.into_iter().map(|c| c.to_string().into_bytes()).collect())
        }
    }
}

fn product(left: &Clause, right: &Clause) -> Clause {
    left.iter().flat_map(|head| right.iter().map(move |tail| [head.as_slice(), tail].concat())).collect()
}

fn shortest(clause: &Clause) -> usize {
    clause.iter().map(Vec::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required_by(pattern: &str) -> Vec<Vec<String>> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(pattern)
            .expect("a pattern");
        required(&hir)
            .into_iter()
            .map(|clause| clause.into_iter().map(|word| String::from_utf8(word).expect("UTF-8")).collect())
            .collect()
    }

    #[test]
    fn the_words_that_a_match_must_have_are_found() {
        for (pattern, words) in [
            (r"\bignore (?:all )?rules\b", &[&["ignore "][..]][..]),
            (r"forget(?: [^ ]+){0,3} every(?:thing)?", &[&["forget"], &[" every", " everyt"]]),
            (r"(?:alpha|beta) [0-9]+ (?:gamma|delta)", &[&[" delta", " gamma"], &["alpha ", "beta "]]),
            (r"(?:one.*four|three)", &[&["four", "three"]]),
            (r"[0-9]+", &[]),
            (r"(?:word|[0-9]+)", &[]),
            (r"(?:word)?[0-9]+", &[]),
        ] {
            assert_eq!(required_by(pattern), words, "{pattern}");
        }
    }
}
