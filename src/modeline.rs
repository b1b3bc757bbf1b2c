//! The line that tells an editor which schema a manifest has: part of every manifest that `pai` writes.

use std::path::{Path, PathBuf};

use miette::miette;
use pai_compiler::schema::{Subject, file};

use crate::{replace, terminal};

/// Where schemas lie, in the workspace or in a folder around it.
const FOLDER: &str = "schemas";

/// The modeline of a manifest in `folder`, with its line end. It names the nearest `schemas/pai.schema.json` of the
/// folder and those around it, up to where version control begins. Where there is none, one is written into the folder:
/// a path works for everybody who has the repository, without a network, and fits the `pai` that checks it.
pub(crate) fn of(folder: &Path) -> miette::Result<String> {
    let path = match nearest(folder) {
        Some(up) => format!("{}{FOLDER}/{}", "../".repeat(up), file::COMBINED),
        None => write(folder)?,
    };
    Ok(format!("# yaml-language-server: $schema={path}\n"))
}

/// The modeline of policy tests, beside a manifest's: their schema lies in the same folder, and is written there too.
pub(crate) fn of_cases(folder: &Path, manifests: &str) -> miette::Result<String> {
    let schema = file::file(Subject::Cases);
    let modeline = manifests.replace(file::COMBINED, &schema.name);
    let up = manifests.matches("../").count();
    let mut path = folder.to_owned();
    path.extend(std::iter::repeat_n("..", up));
    path.push(FOLDER);
    path.push(&schema.name);
    if !path.exists() {
        replace::file(&path, schema.text.as_bytes())
            .map_err(|cause| miette!("`{}` cannot be written: {cause}", path.display()))?;
    }
    Ok(modeline)
}

/// How many folders up the schema is.
fn nearest(folder: &Path) -> Option<usize> {
    let folder = folder.canonicalize().ok()?;
    for (up, around) in folder.ancestors().enumerate() {
        if around.join(FOLDER).join(file::COMBINED).is_file() {
            return Some(up);
        }
        if around.join(".git").exists() {
            return None;
        }
    }
    None
}

fn write(folder: &Path) -> miette::Result<String> {
    let schema = file::file(Subject::All);
    let path: PathBuf = [folder, Path::new(FOLDER), Path::new(file::COMBINED)].iter().collect();
    std::fs::create_dir_all(folder.join(FOLDER))
        .and_then(|()| replace::file(&path, schema.text.as_bytes()))
        .map_err(|cause| miette!("`{}` cannot be written: {cause}", path.display()))?;
    terminal::say(&format!("wrote {}, which gives editors completion; commit it", path.display()));
    Ok(format!("{FOLDER}/{}", file::COMBINED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_schema_is_named_and_one_is_written_where_there_is_none() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let repository = folder.path().join("repository");
        let inner = repository.join("a/b");
        std::fs::create_dir_all(&inner).expect("folders");
        std::fs::create_dir_all(repository.join(".git")).expect("a folder");

        // Outside of the repository: nobody else who has it has that file.
        write(folder.path()).expect("written");
        let own = "# yaml-language-server: $schema=schemas/pai.schema.json\n";
        assert_eq!(of(&inner).expect("a modeline"), own);
        assert!(inner.join("schemas/pai.schema.json").is_file());

        std::fs::remove_dir_all(inner.join("schemas")).expect("removed");
        write(&repository).expect("written");
        assert_eq!(
            of(&inner).expect("a modeline"),
            "# yaml-language-server: $schema=../../schemas/pai.schema.json\n"
        );
        assert!(!inner.join("schemas").exists());
    }
}
