//! Any bytes as a bundle, and any JSON as a bundle's contents: refused with an error, or read, loaded and written again.

use pai_bundle::{Bundle, codec};
use pai_policies::Authorizer;

/// Reads the bytes as a file and, since a digest stops nearly every change there, as contents alone.
pub fn run(bytes: &[u8]) {
    if let Ok((bundle, digest)) = codec::decode(bytes) {
        let (again, same) = codec::encode(&bundle).expect("a bundle that can be written");
        // Bytes that a person wrote may be laid out otherwise; then they have a digest of their own.
        assert!(same != digest || again.len() == bytes.len(), "one digest, two files");
    }
    let Ok(bundle) = serde_json::from_slice::<Bundle>(bytes) else { return };
    let (written, digest) = codec::encode(&bundle).expect("a bundle that can be written");
    let (read, same) = codec::decode(&written).expect("a bundle that can be read");
    assert_eq!((&read, &same), (&bundle, &digest), "what is written is not what is read");
    let loads = Authorizer::new(&bundle).is_ok();
    assert_eq!(loads, Authorizer::new(&read).is_ok(), "loads one way and not the other");
}
