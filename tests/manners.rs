//! Every command says how it is used, with examples; a command without a golden text fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help")
}

fn help(path: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PAI_")) {
        command.env_remove(name);
    }
    let output = command.args(path).arg("--help").env("NO_COLOR", "1").output().expect("started");
    assert!(output.status.success(), "{path:?}");
    assert!(output.stderr.is_empty(), "{path:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The names under `Commands:`; `help` is clap's own.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command of the tree, with its help.
fn tree() -> Vec<(Vec<String>, String)> {
    let mut all = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let text = help(&path);
        open.extend(subcommands(&text).into_iter().map(|name| {
            let mut below = path.clone();
            below.push(name);
            below
        }));
        all.push((path, text));
    }
    all.sort();
    assert!(all.len() > 30, "the tree was not walked: {}", all.len());
    all
}

#[test]
fn every_command_says_how_it_is_used_with_examples() {
    let tree = tree();
    let mut names = BTreeSet::new();
    for (path, text) in &tree {
        let command = format!("pai {}", path.join(" "));
        assert!(text.contains("Examples:\n  "), "`{command}` has no examples:\n{text}");
        let examples = text.lines().skip_while(|line| *line != "Examples:").skip(1);
        let own = examples.filter(|line| line.contains(command.trim_end())).count();
        assert!(own > 0, "no example of `{command}` runs it:\n{text}");
        let name = format!("{}.txt", [vec!["pai".to_owned()], path.clone()].concat().join("-"));
        let file = golden().join(&name);
        if std::env::var_os("SNAPSHOTS").is_some() && !file.exists() {
            std::fs::create_dir_all(golden()).expect("a folder");
            std::fs::write(&file, "").expect("written");
        }
        let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
        Assert::new().action_env("SNAPSHOTS").eq(Data::text(text.clone()).raw(), expected);
        names.insert(name);
    }
    let kept = std::fs::read_dir(golden())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let left: Vec<String> = kept.filter(|name| !names.contains(name)).collect();
    assert!(left.is_empty(), "of commands that are gone: {left:?}");
}

#[test]
fn every_option_says_what_it_is_for() {
    for (path, text) in tree() {
        let lines: Vec<&str> = text.lines().collect();
        let options = lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with('-'));
        for (at, line) in options.filter(|(_, line)| !line.trim_start().starts_with("- ")) {
            let same_line = line.trim_start().contains("  ");
            let next = lines
                .get(at + 1)
                .is_some_and(|next| next.starts_with("          ") && !next.trim().is_empty());
            assert!(same_line || next, "pai {}: {line}", path.join(" "));
        }
    }
}
