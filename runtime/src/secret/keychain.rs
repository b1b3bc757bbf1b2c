//! The operating system's keychain, asked through the command that comes with it: `security` on macOS, libsecret's
//! `secret-tool` elsewhere. A library would bring some forty crates for the bus that desktops keep secrets behind.

use std::io::{ErrorKind, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::SecretError;

/// How long somebody may take to unlock it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether it has answered.
const PAUSE: Duration = Duration::from_millis(10);
/// The service under which items stand; the account is NAME/KEY.
const SERVICE: &str = "pai";
/// How `security` ends where there is no such item: errSecItemNotFound, -25300, as an exit code.
const MACOS_ABSENT: i32 = 44;
/// What such a program needs of the environment. The rest may be secrets.
const PASSED_ON: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];
/// Most bytes of an answer.
const MOST_BYTES: u64 = 64 * 1024;

/// Looks the item up; the value comes through a pipe and stands in no argument.
pub(super) fn find(wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
    let account = format!("{}/{}", wanted.name, wanted.key);
    let failed = |cause: String| SecretError::Keychain { wanted: account.clone(), cause };
    let mut command = if cfg!(target_os = "macos") {
        let mut command = Command::new("security");
        command.args(["find-generic-password", "-s", SERVICE, "-a", &account, "-w"]);
        command
    } else {
        let mut command = Command::new("secret-tool");
        command.args(["lookup", "service", SERVICE, "account", &account]);
        command
    };
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|known| name == known)));
    let program = command.get_program().to_string_lossy().into_owned();
    let (status, answer) = ask(&mut command).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => failed(format!(
            "there is no program `{program}` here; install it, or leave the keychain out (--keychain, PAI_KEYCHAIN)"
        )),
        ErrorKind::TimedOut => {
            failed(format!("`{program}` did not answer within {} s; is it locked?", PATIENCE.as_secs()))
        }
        _ => failed(format!("`{program}`: {cause}")),
    })?;
    match status.code() {
        Some(0) => {}
        Some(MACOS_ABSENT) if cfg!(target_os = "macos") => return Ok(None),
        // secret-tool says the same for an item that is not there; a keyring that is not there it names.
        Some(1) if !cfg!(target_os = "macos") && answer.complaint.is_empty() => return Ok(None),
        _ => return Err(failed(format!("`{program}` ended with {status}: {}", answer.complaint))),
    }
    let text = std::str::from_utf8(&answer.value).map_err(|_| failed("its answer is no text".to_owned()))?;
    Ok((!text.trim_end().is_empty()).then(|| SecretString::from(text)))
}

struct Answer {
    value: Zeroizing<Vec<u8>>,
    complaint: String,
}

/// Runs it, and ends it where it takes too long. Answers are shorter than what a pipe holds, so they are read at the end.
fn ask(command: &mut Command) -> std::io::Result<(ExitStatus, Answer)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(ErrorKind::TimedOut.into());
        }
        std::thread::sleep(PAUSE);
    };
    let mut value = Zeroizing::new(Vec::with_capacity(4096));
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST_BYTES).read_to_end(&mut value)?;
    }
    let mut complaint = String::new();
    if let Some(stderr) = child.stderr.take() {
        // Words for people only; what cannot be read says nothing.
        let _ = stderr.take(1024).read_to_string(&mut complaint);
    }
    Ok((status, Answer { value, complaint: complaint.trim().to_owned() }))
}
