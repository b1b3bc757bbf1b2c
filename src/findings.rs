//! What the compiler found: in which form it is shown, which warnings count, and a line that sums it up.

use std::path::Path;

use clap::{Args, ValueEnum};
use miette::miette;
use pai_compiler::diagnostic::{Level, Levels, Rule, reference, render};
use pai_compiler::{Diagnostics, Severity, Sources, check};

use crate::terminal::{self, LookArguments, When};

/// The word for all warnings in `--deny`.
const ALL: &str = "warnings";

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the lines they are about, on standard error.
    Human,
    /// One line each.
    Short,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// XML as `JUnit` writes it.
    Junit,
}

/// Options of every command that shows findings.
#[derive(Debug, Args)]
pub(crate) struct FindingArguments {
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Take warnings of this code for errors; `warnings` for all of them. Repeatable.
    #[arg(long, value_name = "CODE|warnings")]
    deny: Vec<String>,
    /// Do not show warnings of this code; repeatable.
    #[arg(long, value_name = "CODE")]
    allow: Vec<String>,
    /// Show warnings of this code as warnings, whatever `--deny warnings` says; repeatable.
    #[arg(long, value_name = "CODE")]
    warn: Vec<String>,
    /// Show at most so many findings; 0 shows all [default: 200 for people, all for programs].
    #[arg(long, value_name = "NUMBER")]
    max_findings: Option<usize>,
    #[command(flatten)]
    look: LookArguments,
}

/// How many findings people are shown at once.
const SHOWN_TO_PEOPLE: usize = 200;

impl FindingArguments {
    /// What the caller makes of warnings.
    pub(crate) fn levels(&self) -> miette::Result<Levels> {
        let mut levels = Levels::default();
        let given = [(&self.deny, Level::Deny), (&self.warn, Level::Warn), (&self.allow, Level::Allow)];
        for (codes, level) in given {
            for code in codes {
                if code == ALL && level != Level::Warn {
                    levels.set_others(level)
                } else {
                    levels.set(rule(code)?, level)
                }
                .map_err(|cause| miette!("{cause}"))?;
            }
        }
        Ok(levels)
    }

    /// Shows findings in the form that was asked for. Programs get a document also where there is nothing to say.
    pub(crate) fn show(&self, found: &Diagnostics, shown: &Sources) {
        let most = self.max_findings.unwrap_or(if self.is_for_people() { SHOWN_TO_PEOPLE } else { 0 });
        let most = if most == 0 { usize::MAX } else { most };
        let (first, more) = (found.first(most), found.len().saturating_sub(most));
        match self.format {
            Format::Human if first.is_empty() => {}
            Format::Human => terminal::say(&render::human(&first, shown, self.look.look())),
            Format::Short => terminal::pass(&render::short(&first, shown)),
            Format::Json => terminal::print(&render::json(&first, shown)),
            Format::Sarif => terminal::print(&render::sarif(&first, shown)),
            Format::Github => terminal::pass(&render::github(&first, shown)),
            Format::Junit => terminal::pass(&render::junit(&first, shown)),
        }
        if more > 0 {
            terminal::say(&format!("and {more} more; --max-findings 0 shows all"));
        }
        if !found.is_empty() {
            terminal::say(&summary(found));
        }
    }

    fn is_for_people(&self) -> bool {
        self.format == Format::Human
    }
}

/// Shows every finding to people.
pub(crate) fn show(found: &Diagnostics, shown: &Sources) {
    if !found.is_empty() {
        terminal::say(&render::human(found, shown, terminal::look(When::Auto)));
        terminal::say(&summary(found));
    }
}

/// The rule with that code or name; if there is none, which come near.
pub(crate) fn rule(code: &str) -> miette::Result<&'static Rule> {
    check::rule(code).ok_or_else(|| {
        let near = reference::nearest(code).into_iter();
        let near: Vec<String> =
            near.map(|rule| format!("{} {}: {}", rule.code, rule.name, rule.title)).collect();
        let help = if near.is_empty() {
            "`pai explain` lists all codes".to_owned()
        } else {
            format!("did you mean one of these?\n{}", near.join("\n"))
        };
        miette!(help = help, "there is no finding `{code}`")
    })
}

/// Writes corrections into files, each file whole or not at all. How many were made.
pub(crate) fn write_fixed(fixed: &[pai_compiler::fix::Fixed]) -> miette::Result<usize> {
    let mut made = 0;
    for file in fixed {
        crate::replace::file(Path::new(&file.path), file.text.as_bytes())
            .map_err(|cause| miette!("`{}` cannot be written: {cause}", file.path))?;
        made += file.edits;
    }
    Ok(made)
}

fn summary(found: &Diagnostics) -> String {
    let count = |severity, one: &str, many: &str| match found.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let parts = [count(Severity::Error, "error", "errors"), count(Severity::Warning, "warning", "warnings")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
