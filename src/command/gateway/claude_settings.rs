//! `pai gateway claude-settings`: Claude Code's settings for the gateway, printed or put into its file. The credential is not
//! among them: Claude Code asks `pai gateway token` for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::miette;
use pai_runtime::durable::{self, Readers};

use super::settings_file::{self, Wanted};
use super::{Choice, Outcome};
use crate::context::Contexts;
use crate::{replace, terminal};

/// What to do with them.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything else in the file stays as it is written; the file as it was is kept beside it, as settings.json.bak.

Examples:
  pai gateway claude-settings                          prints them
  pai gateway claude-settings --write                  into ~/.claude/settings.json (or CLAUDE_CONFIG_DIR)
  pai gateway claude-settings --write --scope project  into .claude/settings.json here, which a team shares")]
pub(super) struct Arguments {
    /// Put them into Claude Code's file.
    #[arg(long)]
    write: bool,
    /// Whose file.
    #[arg(long, value_enum, default_value = "user")]
    scope: Scope,
    #[command(flatten)]
    choice: Choice,
}

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Yours, in every project.
    User,
    /// Everybody's in the project of this folder.
    Project,
}

/// Prints or writes.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let (_, base) = arguments.choice.of_caller(&Contexts::load()?)?;
    let wanted = wanted(&base, arguments.scope);
    if !arguments.write {
        terminal::print(&format!("{:#}", wanted.document()));
        return Ok(Outcome::Clean);
    }
    let path = path(arguments.scope)?;
    let old = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => return Err(miette!("`{}` cannot be read: {cause}", path.display())),
    };
    let merged = settings_file::merge(old.as_deref().unwrap_or_default(), &wanted).map_err(|cause| {
        miette!(help = "mend it by hand; nothing was written", "`{}`: {cause}", path.display())
    })?;
    if merged.changes.is_empty() {
        terminal::say(&format!("{} has all of it already", path.display()));
        return Ok(Outcome::Clean);
    }
    let unwritable =
        |path: &Path, cause: &io::Error| miette!("`{}` cannot be written: {cause}", path.display());
    if let Some(old) = &old {
        let backup = path.with_extension("json.bak");
        durable::replace(&backup, old.as_bytes(), Readers::Owner)
            .map_err(|cause| unwritable(&backup, &cause))?;
        terminal::say(&format!("{} is the file as it was", backup.display()));
    } else if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|cause| unwritable(folder, &cause))?;
    }
    replace::file(&path, merged.text.as_bytes()).map_err(|cause| unwritable(&path, &cause))?;
    terminal::say(&format!("wrote {}: {}", path.display(), merged.changes.join(", ")));
    Ok(Outcome::Clean)
}

fn wanted(base: &str, scope: Scope) -> Wanted {
    // Yours names this program wherever it lies; a team's settings cannot.
    let program = match scope {
        Scope::User => std::env::current_exe().ok().and_then(|path| path.to_str().map(str::to_owned)),
        Scope::Project => None,
    };
    let program =
        program.map_or_else(|| "pai".to_owned(), |path| format!("'{}'", path.replace('\'', r"'\''")));
    Wanted {
        helper: format!("{program} gateway token --base-url '{base}'"),
        env: vec![
            ("ANTHROPIC_BASE_URL", base.to_owned()),
            ("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1".to_owned()),
        ],
    }
}

fn path(scope: Scope) -> miette::Result<PathBuf> {
    let folder = match scope {
        Scope::Project => PathBuf::from(".claude"),
        Scope::User => match std::env::var_os("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty()) {
            Some(folder) => folder.into(),
            None => std::env::home_dir()
                .ok_or_else(|| miette!("there is no home folder; set HOME"))?
                .join(".claude"),
        },
    };
    Ok(folder.join("settings.json"))
}
