//! Layouts, what stays as it is, what is refused, and the promise about any text.

use proptest::prelude::*;

use super::*;
use crate::source::agree::values;

pub(crate) mod noisy;

fn format_as(path: &str, text: &str) -> Formatted {
    let sources = Sources::new([(path, text)]);
    let (files, found) = format(&sources);
    let (_, formatted) = files.into_iter().next().unwrap();
    assert_eq!(formatted == Formatted::Unreadable, found.has_errors(), "{text}");
    formatted
}

#[test]
fn a_mark_before_an_empty_line_stays_and_the_line_goes() {
    let text = "apiVersion: pai.io/v1\nkind: Agent\n";
    becomes("a.yaml", &format!("\u{feff}\n{text}"), &format!("\u{feff}{text}"));
}

#[track_caller]
fn becomes(path: &str, old: &str, new: &str) {
    match format_as(path, old) {
        Formatted::Changed(text) => assert_eq!(text, new),
        other => panic!("{other:?}"),
    }
    assert_eq!(format_as(path, new), Formatted::Same);
}

const HEAD: &str = "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata:\n  name: a\n";

#[test]
fn a_manifest_gets_one_layout_and_keeps_its_comments_anchors_and_numbers() {
    becomes(
        "a.yaml",
        "---   # first\n#no space\n\n\napiVersion:   pai.io/v1\nkind: 'Agent'   \nmetadata: {name:   a}   # who\nspec:\n    models:\n    - p/a  # first choice\n    # the other\n    -   p/b\n\n\n    # caps\n    tokens: &caps\n          maxPerDay: 1_000\n          maxPerRequest:   10\n    other:   *caps\n    text: |\n        kept  \n           as it is\n    # dangling\n# end\n\n\n",
        "--- # first\n#no space\n\napiVersion: pai.io/v1\nkind: \"Agent\"\nmetadata: { name: a } # who\nspec:\n  models:\n    - p/a # first choice\n    # the other\n    - p/b\n\n  # caps\n  tokens: &caps\n    maxPerDay: 1_000\n    maxPerRequest: 10\n  other: *caps\n  text: |\n    kept  \n       as it is\n  # dangling\n# end\n",
    );
}

#[test]
fn documents_follow_each_other_without_blank_lines() {
    becomes("a.yaml", &format!("{HEAD}\n\n---\n\n{HEAD}"), &format!("{HEAD}---\n{HEAD}"));
}

#[test]
fn documents_of_others_stay_byte_by_byte() {
    let foreign = "---\napiVersion:   v1\nkind:   ConfigMap   \n\n\n";
    let chart = "---\n{{ if .Values.pai }}\n  x:   {{ .Values.x }}\n{{ end }}\n";
    becomes(
        "a.yaml",
        &format!("{HEAD}\n\n{foreign}{chart}---\n{HEAD}\n"),
        &format!("{HEAD}{foreign}{chart}---\n{HEAD}"),
    );
    assert_eq!(format_as("a.yaml", foreign), Formatted::Same);
    assert_eq!(format_as("a.yaml", ""), Formatted::Same);
}

#[test]
fn line_ends_and_a_byte_order_mark_stay_as_they_are() {
    let old = "\u{feff}apiVersion:  pai.io/v1\r\nkind: GuardBinding\r\nspec:\r\n  text: |\r\n    a\r\n\r\n    b\r\n\r\n\r\n";
    let new =
        "\u{feff}apiVersion: pai.io/v1\r\nkind: GuardBinding\r\nspec:\r\n  text: |\r\n    a\r\n\r\n    b\r\n";
    becomes("a.yaml", old, new);
}

#[test]
fn a_comment_before_a_key_is_indented_like_the_key() {
    becomes(
        "a.yaml",
        &format!("{HEAD}spec:\n  a:\n  - x\n  # of b\n\n  # more of b\n  b:\n  - y\n# of c\nc: 1\n"),
        &format!("{HEAD}spec:\n  a:\n    - x\n  # of b\n\n  # more of b\n  b:\n    - y\n# of c\nc: 1\n"),
    );
}

#[test]
fn what_cannot_be_read_stays_and_is_reported() {
    assert_eq!(format_as("a.yaml", &format!("{HEAD}spec: [\n")), Formatted::Unreadable);
    assert_eq!(format_as("a.cedar", "forbid (principal, action, resource)"), Formatted::Unreadable);
    let deep = format!("{HEAD}spec: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(format_as("a.yaml", &deep), Formatted::Unreadable);
}

#[test]
fn policies_get_the_layout_of_cedars_own_tool() {
    becomes(
        "a.cedar",
        "// why\n@id(\"a\")forbid(principal,action,resource)when{context.tokensRequested>1// \"one\"\n};\n// end",
        "// why\n@id(\"a\")\nforbid (principal, action, resource)\nwhen\n{\n  context.tokensRequested > 1 // \"one\"\n};\n// end\n",
    );
    becomes("a.cedar", "// nothing yet\n\n\n", "// nothing yet\n");
}

#[test]
fn a_block_whose_last_lines_are_spaces_keeps_its_layout() {
    // The layout would take the spaces away, and they are part of the text.
    let text = format!("{HEAD}---\n{HEAD}spec:\n  a:  1\n  text: |\n   b\n\n     \n");
    assert_eq!(format_as("a.yaml", &text), Formatted::Refused(LayoutError::Meaning { line: 13 }));
}

#[test]
fn a_text_that_the_layout_panics_on_is_refused() {
    let text = "# apiVersion: pai.io/v1\n    - a # b\n---\napiVersion: pai.io/v1\nkind: Agent\n";
    assert_eq!(manifest::format(text), Err(LayoutError::Form { line: 1 }));
}

#[test]
fn a_layout_that_says_something_else_is_refused() {
    use super::comments::{Comment, same};
    let comment = |text, before, line| Comment { text, before, line };
    let old = [comment("# a", 3, 1), comment("# b", 9, 4)];
    assert_eq!(same(&old, &old), Ok(()));
    assert_eq!(same(&old, &old[..1]), Err(LayoutError::Comment { line: 4 }));
    assert_eq!(
        same(&old, &[comment("# a", 3, 1), comment("# b", 8, 4)]),
        Err(LayoutError::Comment { line: 4 })
    );
    assert_eq!(same(&old[..1], &old), Err(LayoutError::Meaning { line: 1 }));
    let says = |old, new| manifest::same(old, new);
    assert_eq!(says("a: 'b'\n", "a: \"b\"\n"), Ok(()));
    for (old, new) in [
        ("x: y\na: '1'\n", "x: y\na: 1\n"),
        ("x: y\na: |\n  b\n", "x: y\na: |-\n  b\n"),
        ("x: &y 1\na: *y\n", "x: &y 1\na: 1\n"),
        ("x: 1\na: !t b\n", "x: 1\na: b\n"),
        ("x: 1\na: [~: ]\n", "x: 1\na: [~:]\n"),
        ("x: 1\ny: 2\n", "y: 2\nx: 1\n"),
    ] {
        assert!(matches!(says(old, new), Err(LayoutError::Meaning { .. })), "{old}{new}");
    }
    assert_eq!(says("x: y\na: 1\n", "x: y\n"), Err(LayoutError::Meaning { line: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_manifest_keeps_its_meaning_and_is_laid_out_once(text in noisy::manifest()) {
        match format_as("a.yaml", &text) {
            Formatted::Changed(new) => {
                prop_assert_eq!(values(&new), values(&text), "{}", new);
                prop_assert_eq!(new.matches("# c").count(), text.matches("# c").count(), "{}", new);
                prop_assert_eq!(format_as("a.yaml", &new), Formatted::Same, "{}", new);
            }
            Formatted::Same => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn any_bytes_at_any_place_do_no_harm(text in noisy::manifest(), at in any::<prop::sample::Index>(), piece in noisy::piece()) {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut text = text;
        text.insert_str(*at.get(&starts), piece);
        // The mark at the start of a file is no part of what is read; serde_yaml takes it for one in places.
        let read = |text: &str| values(text.strip_prefix('\u{feff}').unwrap_or(text));
        let old = read(&text);
        if let Formatted::Changed(new) = format_as("a.yaml", &text) {
            prop_assert!(old.is_none() || read(&new) == old, "{}", new);
            prop_assert_eq!(format_as("a.yaml", &new), Formatted::Same, "{}", new);
        }
    }

    #[test]
    fn any_policy_text_keeps_its_comments(gaps in prop::collection::vec(prop::sample::select(vec!["", " ", "\n", "\n\n\n", " // c\n", "// d // e\n"]), 12)) {
        let words = ["", "@id(\"a // b\")", "forbid", "(", "principal", ",", "action", ",resource", ")", "when", "{ context.external }", ";"];
        let text: String = words.iter().zip(&gaps).flat_map(|(word, gap)| [*word, gap]).collect();
        match format_as("a.cedar", &text) {
            Formatted::Changed(new) => {
                prop_assert_eq!(new.matches("//").count(), text.matches("//").count(), "{}", new);
                prop_assert_eq!(format_as("a.cedar", &new), Formatted::Same, "{}", new);
            }
            Formatted::Same => {}
            other => prop_assert!(matches!(other, Formatted::Refused(LayoutError::Comment { .. })), "{:?}", other),
        }
    }
}
