//! Any change of any manifest, with comments wherever people put them: all of them stay, and nothing else moves.

use proptest::prelude::*;
use serde_json::json;
use yaml_parser::{SyntaxElement, SyntaxKind};

use super::*;
use crate::format::tests::noisy;
use crate::source::agree::values;
use crate::source::tree::Content;

/// What is done to a value.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Replace,
    Drop,
    Add,
    AddFirst,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop::sample::select(vec![Deed::Replace, Deed::Drop, Deed::Add, Deed::AddFirst])
}

fn new_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("word"),
        json!("two: words # here"),
        json!(7),
        json!(1_000_000),
        json!(["x", "y z"]),
        json!({"k": "v", "l": [1, {"m": "n"}]}),
        json!([]),
        json!({}),
        json!(null),
        json!("line\nline"),
    ])
}

/// Comments as another reader sees them.
fn comments(text: &str) -> Option<Vec<String>> {
    let tree = std::panic::catch_unwind(|| yaml_parser::parse(text)).ok()?.ok()?;
    let tokens = tree.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    let comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
    Some(comments.map(|token| token.text().trim_end().to_owned()).collect())
}

/// Makes the change in the value; where in the text it may show. `None` where the deed is none for that value.
fn done(page: &Page<'_>, want: &mut Value, pointer: &str, deed: Deed, new: &Value) -> Option<(usize, usize)> {
    let (above, last) = pointer.rsplit_once('/')?;
    let found = page.document.find(pointer)?;
    let extent = (owner(page, pointer), page.below(page.end_of(found.node), 0).0);
    let parent = page.document.find(above)?;
    let around = match deed {
        // Where a list becomes empty, brackets take the place of all of it.
        Deed::Drop if want.pointer(above).is_some_and(is_single) => (owner(page, above), extent.1),
        // Of items that say the same, one goes as well as the other; in brackets, a comma goes along.
        Deed::Drop if page.is_flow(parent.node) || matches!(parent.node.content, Content::Sequence(_)) => {
            (owner(page, above), page.below(page.end_of(parent.node), 0).0)
        }
        Deed::Replace | Deed::Drop => extent,
        Deed::Add | Deed::AddFirst => (owner(page, above), page.below(page.end_of(parent.node), 0).0),
    };
    match (deed, want.pointer_mut(above)?) {
        (Deed::Replace, _) => *want.pointer_mut(pointer)? = new.clone(),
        (Deed::Drop, Value::Object(fields)) => drop(fields.remove(last)?),
        (Deed::Drop, Value::Array(items)) => drop(items.remove(last.parse().ok()?)),
        (Deed::Add, Value::Object(fields)) => drop(fields.insert("added".to_owned(), new.clone())),
        (Deed::Add, Value::Array(items)) => items.push(new.clone()),
        (Deed::AddFirst, Value::Array(items)) => items.insert(0, new.clone()),
        _ => return None,
    }
    Some(around)
}

/// The start of the line that a value's key is in; for items, where the one before ends.
fn owner(page: &Page<'_>, pointer: &str) -> usize {
    let Some(found) = page.document.find(pointer) else { return 0 };
    let Some((above, last)) = pointer.rsplit_once('/') else { return 0 };
    if let Some(key) = found.key {
        return page.line_start(key.start);
    }
    let before = last.parse::<usize>().ok().and_then(|at| at.checked_sub(1));
    match before.and_then(|at| page.document.find(&format!("{above}/{at}"))) {
        Some(before) => page.end_of(before.node),
        None => owner(page, above),
    }
}

fn is_single(value: &Value) -> bool {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)) == Some(1)
}

/// Every pointer below the document.
fn pointers(page: &Page<'_>) -> Vec<String> {
    let mut all = Vec::new();
    page.document.root.walk(&mut |pointer, _, _| all.push(pointer.to_owned()));
    all.retain(|pointer| !pointer.is_empty());
    all
}

/// What became of one change.
#[derive(Debug, PartialEq)]
enum Outcome {
    Made,
    NotADeed,
    Refused(EditError),
}

fn tried(text: &str, at: prop::sample::Index, deed: Deed, new: &Value) -> Result<Outcome, TestCaseError> {
    let Ok(page) = Page::read(text) else { return Ok(Outcome::NotADeed) };
    let pointers = pointers(&page);
    let pointer = at.get(&pointers);
    let mut want = schema::settled(Kind::Agent, &page.document);
    let Some((start, end)) = done(&page, &mut want, pointer, deed, new) else { return Ok(Outcome::NotADeed) };
    if pointer == "/kind" || pointer == "/apiVersion" {
        return Ok(Outcome::NotADeed);
    }
    let made = match brought(text, &target("a"), &want) {
        Ok(made) => made,
        Err(error) => return Ok(Outcome::Refused(error)),
    };
    let what = format!("{deed:?} {pointer} {new}\n--- before\n{text}\n--- after\n{made}");
    // Another reader reads what was meant.
    let read = values(&made).map(|mut all| serde_json::to_value(all.remove(0)).expect("json"));
    prop_assert_eq!(read.as_ref(), Some(&want), "{}", what);
    // Nothing has changed but at the place in question.
    let (before, behind) = (&text[..start.min(text.len())], text.get(end..).unwrap_or_default());
    prop_assert!(made.starts_with(before), "changed before: {}", what);
    prop_assert!(made.ends_with(behind), "changed behind: {}", what);
    prop_assert!(made.len() >= before.len() + behind.len(), "{}", what);
    // Every comment outside of it stays, in order.
    if let (Some(old), Some(new)) = (comments(text), comments(&made)) {
        if matches!(deed, Deed::Add | Deed::AddFirst) {
            prop_assert_eq!(old, new, "{}", what);
        } else {
            let outside = |text: &str| comments(text).unwrap_or_default().len();
            let inside = text.get(start..end).unwrap_or_default().matches('#').count();
            prop_assert!(old.len() - new.len().min(old.len()) <= inside, "{} {}", outside(text), what);
            let mut rest = old.iter();
            prop_assert!(new.iter().all(|comment| rest.any(|other| other == comment)), "{}", what);
        }
    }
    Ok(Outcome::Made)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_keeps_every_comment_and_changes_nothing_else(
        text in noisy::manifest(),
        at in any::<prop::sample::Index>(),
        deed in deed(),
        new in new_value(),
    ) {
        let outcome = tried(&text, at, deed, &new)?;
        prop_assert!(!matches!(outcome, Outcome::Refused(_)), "{:?}\n{}", outcome, text);
    }

    #[test]
    fn any_bytes_at_any_place_do_no_harm(
        text in noisy::manifest(),
        at in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        piece in noisy::piece(),
        deed in deed(),
        new in new_value(),
    ) {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut text = text;
        text.insert_str(*cut.get(&starts), piece);
        // It may be refused; where it is made, it is right.
        if find::one(&text, &target("a")).is_ok() || Page::read(&text).is_ok() {
            tried(&text, at, deed, &new)?;
        }
    }
}
