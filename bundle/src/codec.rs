//! A bundle's bytes: one line of header, then the contents as indented JSON that a person can read and diff.
//!
//! The header names the format, the digest of everything after it and its length, so a cut or altered file is
//! found before a byte of the contents is believed. No time, host or path of the build is inside.

use serde::{Deserialize, Serialize};

use crate::contents::Bundle;
use crate::digest::Digest;

/// The format this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Largest header line accepted, in bytes.
const HEADER_MAX_BYTES: usize = 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Header {
    pai_bundle: u32,
    digest: Digest,
    bytes: usize,
}

/// Only the field that every future header must keep, so that a newer format can be named.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyHeader {
    pai_bundle: u32,
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
    /// Written by a newer pai.
    #[error("the bundle has format {found}, and this pai reads up to format {FORMAT}: use a newer pai")]
    Newer {
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

/// The bundle's bytes, and the digest that its header carries. Equal bundles have equal bytes.
pub fn encode(bundle: &Bundle) -> Result<(Vec<u8>, Digest), EncodeError> {
    let mut body = serde_json::to_vec_pretty(bundle)?;
    body.push(b'\n');
    let digest = Digest::of(&body);
    let header = Header { pai_bundle: FORMAT, digest: digest.clone(), bytes: body.len() };
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    Ok((bytes, digest))
}

/// The bundle in these bytes, with its digest; nothing is returned unless every check passed.
pub fn decode(bytes: &[u8]) -> Result<(Bundle, Digest), DecodeError> {
    let line_end =
        bytes.iter().take(HEADER_MAX_BYTES).position(|byte| *byte == b'\n').ok_or(DecodeError::NotABundle)?;
    let (line, rest) = bytes.split_at(line_end);
    let body = rest.get(1..).unwrap_or_default();
    let any: AnyHeader = serde_json::from_slice(line).map_err(|_| DecodeError::NotABundle)?;
    if any.pai_bundle > FORMAT {
        return Err(DecodeError::Newer { found: any.pai_bundle });
    }
    let header: Header = serde_json::from_slice(line).map_err(|_| DecodeError::NotABundle)?;
    // Format 1 is the first: a smaller number is no older format but a changed byte.
    if header.pai_bundle != FORMAT {
        return Err(DecodeError::NotABundle);
    }
    if header.bytes != body.len() {
        return Err(DecodeError::Length { expected: header.bytes, found: body.len() });
    }
    let found = Digest::of(body);
    if found != header.digest {
        return Err(DecodeError::Altered { expected: header.digest, found });
    }
    let bundle = serde_json::from_slice(body).map_err(DecodeError::Contents)?;
    Ok((bundle, found))
}

/// Whether bytes look like a bundle rather than like a manifest.
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"paiBundle\":")
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
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(decode(&altered).is_err(), "byte {at} of {}", bytes.len());
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
    fn a_newer_format_is_named() {
        let error = decode(b"{\"paiBundle\":2,\"new\":true}\n{}").expect_err("newer");
        assert!(matches!(error, DecodeError::Newer { found: 2 }), "{error}");
    }
}
