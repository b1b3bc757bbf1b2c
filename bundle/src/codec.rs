//! A bundle's bytes: one line of header, then the contents as indented JSON that a person can read and diff.
//!
//! The header names the format, the digest of everything after it and its length, so a cut or altered file is
//! found before a byte of the contents is believed. No time, host or path of the build is inside. A released
//! bundle has a signature and a serial number in its header as well; see [`crate::signature`].

use serde::{Deserialize, Serialize};

use crate::contents::Bundle;
use crate::digest::Digest;
use crate::signature::Signature;

/// The format this version writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// The oldest pai that reads [`FORMAT`], for older ones to name. Changes with the format alone, so that two
/// versions that write one format write the same bytes.
pub const NEEDS_PAI: &str = "0.1.0";

/// Largest header line accepted, in bytes; a signed header has about 300.
const HEADER_MAX_BYTES: usize = 1024;

/// The first line. Its order of fields is part of the format: signatures cover the line as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Header {
    pai_bundle: u32,
    needs_pai: String,
    digest: Digest,
    bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<Signature>,
}

/// Only the fields that every future header must keep, so that a newer format can be named.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyHeader {
    pai_bundle: u32,
    #[serde(default)]
    needs_pai: Option<String>,
}

/// A bundle could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the bundle cannot be written as JSON")]
pub struct EncodeError(#[from] serde_json::Error);

/// Why bytes are not a bundle this version can use.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Something else altogether.
    #[error("this is not a pai bundle: its first line is not a bundle header")]
    NotABundle,
    /// A header, but not as pai writes it.
    #[error("the bundle was altered: its header line is not as pai writes it")]
    Header,
    /// Written by a newer pai.
    #[error(
        "the bundle has format {found} and needs {needs}; this is pai {}, which reads format {FORMAT}",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The format of the file.
        found: u32,
        /// Which pai reads it, as far as its header says so.
        needs: String,
    },
    /// Written by an older pai.
    #[error(
        "the bundle has format {found}, and this pai reads format {FORMAT}: build it again from its manifests \
         with `pai build`, and sign it again if it was signed"
    )]
    Older {
        /// The format of the file.
        found: u32,
    },
    /// The file ends early or late.
    #[error(
        "the bundle is cut or has something behind it: the header says {expected} bytes, there are {found}"
    )]
    Length {
        /// What the header says.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// Some byte was changed.
    #[error("the bundle was altered: its contents have digest {found}, the header says {expected}")]
    Altered {
        /// What the header says.
        expected: Digest,
        /// What the contents have.
        found: Digest,
    },
    /// The digest is right and the contents are not a bundle's.
    #[error("the bundle's contents cannot be read: {0}")]
    Contents(#[source] serde_json::Error),
}

/// Bytes whose header and digest are right, and whose contents have not been read yet.
#[derive(Debug, Clone)]
pub struct Opened<'a> {
    pub(crate) header: Header,
    pub(crate) body: &'a [u8],
}

impl Opened<'_> {
    /// The digest of the contents, which the header carries and which has been compared.
    pub fn digest(&self) -> &Digest {
        &self.header.digest
    }

    /// The signature as it stands there. Nothing has checked it.
    pub fn signature(&self) -> Option<&Signature> {
        self.header.signature.as_ref()
    }

    /// How many bytes the contents have.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// Reads the contents.
    pub fn contents(&self) -> Result<Bundle, DecodeError> {
        serde_json::from_slice(self.body).map_err(DecodeError::Contents)
    }
}

/// The bundle's bytes, and the digest that its header carries. Equal bundles have equal bytes.
pub fn encode(bundle: &Bundle) -> Result<(Vec<u8>, Digest), EncodeError> {
    let mut body = serde_json::to_vec_pretty(bundle)?;
    body.push(b'\n');
    let digest = Digest::of(&body);
    let header = Header {
        pai_bundle: FORMAT,
        needs_pai: NEEDS_PAI.to_owned(),
        digest: digest.clone(),
        bytes: body.len(),
        signature: None,
    };
    Ok((join(&header, &body)?, digest))
}

/// Checks header, length and digest.
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let line_end =
        bytes.iter().take(HEADER_MAX_BYTES).position(|byte| *byte == b'\n').ok_or(DecodeError::NotABundle)?;
    let (line, rest) = bytes.split_at(line_end);
    let body = rest.get(1..).unwrap_or_default();
    let any: AnyHeader = serde_json::from_slice(line).map_err(|_| DecodeError::NotABundle)?;
    if any.pai_bundle > FORMAT {
        return Err(DecodeError::Newer { found: any.pai_bundle, needs: needs(any.needs_pai) });
    }
    if any.pai_bundle < FORMAT {
        return Err(DecodeError::Older { found: any.pai_bundle });
    }
    let header: Header = serde_json::from_slice(line).map_err(|_| DecodeError::Header)?;
    // Another spelling of the same header, with spaces or capital digits, would be another file under one signature.
    let canonical = serde_json::to_vec(&header).is_ok_and(|canonical| canonical == line);
    if !canonical || header.needs_pai != NEEDS_PAI {
        return Err(DecodeError::Header);
    }
    if header.bytes != body.len() {
        return Err(DecodeError::Length { expected: header.bytes, found: body.len() });
    }
    let found = Digest::of(body);
    if found != header.digest {
        return Err(DecodeError::Altered { expected: header.digest, found });
    }
    Ok(Opened { header, body })
}

/// The bundle in these bytes, with its digest; nothing is returned unless every check passed. Whether it is signed
/// is not looked at.
pub fn decode(bytes: &[u8]) -> Result<(Bundle, Digest), DecodeError> {
    let opened = open(bytes)?;
    Ok((opened.contents()?, opened.header.digest))
}

/// Whether bytes look like a bundle rather than like a manifest.
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"paiBundle\":")
}

/// Header line and body as one file.
pub(crate) fn join(header: &Header, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = serde_json::to_vec(header)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// What a newer header says of itself is shown if it looks like a version, and nothing else of it is.
fn needs(version: Option<String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    match version {
        Some(version) if version.len() <= 32 && version.chars().all(plain) => {
            format!("pai {version} or newer")
        }
        _ => "a newer pai".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let bundle = Bundle { cedar_schema: "entity A;".into(), ..Bundle::default() };
        let (bytes, digest) = encode(&bundle).expect("bytes");
        assert!(is_bundle(&bytes));
        let (again, same) = decode(&bytes).expect("a bundle");
        assert_eq!((again, same), (bundle, digest));
    }

    #[test]
    fn every_altered_byte_is_refused() {
        let (bytes, _) = encode(&Bundle::default()).expect("bytes");
        for at in 0..bytes.len() {
            for mask in [1, 0x20, 0x80] {
                let mut altered = bytes.clone();
                altered[at] ^= mask;
                assert!(decode(&altered).is_err(), "byte {at} of {}, bits {mask:#x}", bytes.len());
            }
        }
    }

    #[test]
    fn a_cut_file_is_refused_at_every_length() {
        let (bytes, _) = encode(&Bundle::default()).expect("bytes");
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_newer_format_is_refused_with_the_version_it_needs() {
        let message = |bytes: &[u8]| decode(bytes).expect_err("newer").to_string();
        let said = message(b"{\"paiBundle\":2,\"needsPai\":\"0.4.0\",\"new\":true}\n{}");
        assert!(
            said.starts_with("the bundle has format 2 and needs pai 0.4.0 or newer; this is pai "),
            "{said}"
        );
        let said = message(b"{\"paiBundle\":3,\"needsPai\":\"<script>\"}\n{}");
        assert!(said.contains("format 3 and needs a newer pai;"), "{said}");
    }

    #[test]
    fn an_older_format_is_refused_with_how_to_build_it_again() {
        let said = decode(b"{\"paiBundle\":0}\n{}").expect_err("older").to_string();
        assert!(said.contains("format 0") && said.contains("pai build"), "{said}");
    }

    #[test]
    fn another_spelling_of_the_header_is_refused() {
        let (bytes, _) = encode(&Bundle::default()).expect("bytes");
        let text = String::from_utf8(bytes).expect("text");
        for (plain, other) in
            [("\"digest\":", "\"digest\": "), ("sha256:", "sha256\\u003a"), ("0.1.0", "0.1.1")]
        {
            let other = text.replacen(plain, other, 1);
            assert!(matches!(decode(other.as_bytes()), Err(DecodeError::Header)), "{other}");
        }
    }
}
