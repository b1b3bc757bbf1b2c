//! A workspace or a bundle as it was: read from git's own store, without touching the work tree.

use std::io::Write;
use std::process::{Command, Stdio};

use miette::miette;

use crate::workspace::{self, Workspace};

/// What a revision holds at a place.
pub(crate) enum Held {
    /// A folder of manifests.
    Workspace(Workspace),
    /// One file.
    File(Vec<u8>),
}

/// What `name` names: `main`, `HEAD~1` and so on mean the current folder as it was there, `REVISION:path` a folder or
/// file, with its path from the root of the repository. `None` where git knows no such thing, or is not there.
pub(crate) fn read(name: &str) -> miette::Result<Option<Held>> {
    let Ok(object) = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", name], &[]) else {
        return Ok(None);
    };
    let object = text(&object).trim().to_owned();
    let sort = text(&git(&["cat-file", "-t", &object], &[])?).trim().to_owned();
    let listing = match sort.as_str() {
        "blob" => return Ok(Some(Held::File(git(&["cat-file", "blob", &object], &[])?))),
        // A tree has no place in the repository, so what it holds counts from there.
        "tree" => git(&["ls-tree", "-r", "-z", "--full-tree", &object], &[])?,
        _ => git(&["ls-tree", "-r", "-z", &object], &[])?,
    };
    let files: Vec<(&str, &str)> = std::str::from_utf8(&listing)
        .map_err(|_| miette!("a file name in `{name}` is not UTF-8"))?
        .split('\0')
        .filter_map(entry)
        .filter(|(_, path)| workspace::is_read(path))
        .collect();
    let texts = contents(&files)?;
    workspace::from_texts(name, files.iter().map(|(_, path)| *path).zip(texts))
        .map(|found| Some(Held::Workspace(found)))
        .map_err(Into::into)
}

/// Object and path of a line such as `100644 blob OBJECT<tab>PATH`; links and submodules hold no text.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (kind, path) = line.split_once('\t')?;
    let object = kind.strip_prefix("100644 blob ").or_else(|| kind.strip_prefix("100755 blob "))?;
    Some((object, path))
}

/// What the objects hold, asked for all at once.
fn contents(files: &[(&str, &str)]) -> miette::Result<Vec<Vec<u8>>> {
    let wanted: Vec<&str> = files.iter().flat_map(|(object, _)| [*object, "\n"]).collect();
    let answer = git(&["cat-file", "--batch"], wanted.concat().as_bytes())?;
    let mut rest = answer.as_slice();
    let mut found = Vec::new();
    // An object is answered by `OBJECT blob LENGTH`, a line feed, its bytes and a line feed.
    for _ in files {
        let cut = || miette!("git's answer is cut");
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
        let (header, behind) = rest.split_at(end);
        let length: usize =
            text(header).rsplit(' ').next().and_then(|length| length.parse().ok()).ok_or_else(cut)?;
        let behind = behind.get(1..).unwrap_or_default();
        found.push(behind.get(..length).ok_or_else(cut)?.to_vec());
        rest = behind.get(length + 1..).unwrap_or_default();
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What git prints.
fn git(arguments: &[&str], input: &[u8]) -> miette::Result<Vec<u8>> {
    let mut child = Command::new("git")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| miette!("git cannot be run: {cause}"))?;
    let stdin = child.stdin.take();
    // Git answers while it is still being asked, so somebody has to listen.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    });
    let output = output.map_err(|cause| miette!("git cannot be run: {cause}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(miette!("git {}: {}", arguments.first().unwrap_or(&""), text(&output.stderr).trim()))
    }
}
