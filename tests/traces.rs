//! Looking for secrets in whatever a program leaves behind, in the forms in which they would be found.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// Secrets to look for.
#[derive(Default)]
pub(crate) struct Hunt {
    forms: Vec<(String, Vec<u8>)>,
}

impl Hunt {
    /// Looks for a secret as it is, in base64 wherever it may stand in a longer text, in hexadecimal, and for its SHA-256.
    pub(crate) fn secret(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 16, "{name} is too short to be told from chance");
        self.form(format!("{name}, as it is"), secret.as_bytes());
        for before in 0..3 {
            // The characters that hold nothing but the secret's own bits.
            let padded = [vec![b' '; before], secret.as_bytes().to_vec()].concat();
            let whole = padded.len() / 3 * 3;
            let encoded = STANDARD_NO_PAD.encode(&padded[..whole]);
            self.form(format!("{name}, in base64"), &encoded.as_bytes()[(before * 4).div_ceil(3)..]);
        }
        for hexadecimal in [hex(secret.as_bytes()), hex(secret.as_bytes()).to_uppercase()] {
            self.form(format!("{name}, in hexadecimal"), hexadecimal.as_bytes());
        }
        let digest = Sha256::digest(secret.as_bytes());
        self.form(format!("{name}, its SHA-256"), hex(&digest).as_bytes());
        self.form(format!("{name}, its SHA-256"), STANDARD.encode(digest).as_bytes());
    }

    /// Looks for these bytes alone.
    pub(crate) fn form(&mut self, name: String, bytes: &[u8]) {
        self.forms.push((name, bytes.to_vec()));
    }

    /// The first that is found.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        self.forms.iter().find_map(|(name, form)| {
            let at = position(bytes, form)?;
            let around = bytes.get(at.saturating_sub(80)..(at + form.len() + 20).min(bytes.len()));
            Some(format!("{name}: …{}…", String::from_utf8_lossy(around.unwrap_or_default())))
        })
    }

    pub(crate) fn assert_clean(&self, what: &str, bytes: &[u8]) {
        if let Some(found) = self.find(bytes) {
            panic!("{what} has {found}");
        }
    }

    /// Every file below a folder but those that belong to `left_out`; how many that were.
    pub(crate) fn assert_clean_folder(&self, folder: &Path, left_out: &dyn Fn(&Path) -> bool) -> usize {
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if left_out(&path) {
                continue;
            }
            if path.is_dir() {
                count += self.assert_clean_folder(&path, left_out);
            } else {
                self.assert_clean(&path.display().to_string(), &std::fs::read(&path).expect("a file"));
                count += 1;
            }
        }
        count
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

/// The looking works: each form is found in the middle of other bytes, and nothing is found where nothing is.
#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "cAnArY-0123456789-abcdef";
    let mut hunt = Hunt::default();
    hunt.secret("it", secret);
    for before in 0..4 {
        let text = [&b"....."[..before], secret.as_bytes(), b"and more"].concat();
        for found in [text.clone(), STANDARD.encode(&text).into_bytes(), hex(&text).into_bytes()] {
            assert!(hunt.find(&found).is_some(), "{}", String::from_utf8_lossy(&found));
        }
    }
    assert!(hunt.find(hex(&Sha256::digest(secret)).as_bytes()).is_some());
    assert!(hunt.find(b"cAnArY-0123456789-abcdeg and nothing else").is_none());
}
