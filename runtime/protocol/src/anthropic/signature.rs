//! What stands as the signature of a thinking block, which clients send back as they got it: Anthropic's own, or what
//! says whose it is. One that the gateway has written begins with [`FOREIGN`], always.

use crate::event::Seal;

/// How every signature begins that is not Anthropic's, as [`Seal::as_signature`] writes those of others.
pub(super) const FOREIGN: &str = "pai:";

/// Under thoughts that nobody has sealed. Anthropic refuses an empty signature too, and would not be told apart.
pub(super) const UNSEALED: &str = "pai:unsealed";

/// Under a block that says nothing itself and carries the seal of a call, which has no place for one in this dialect.
const OF_A_CALL: &str = "pai:call:";

/// What a signature says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signature<'a> {
    /// Nobody has sealed these thoughts.
    None,
    /// Their own seal.
    OfThoughts(Seal),
    /// The seal of the call of this id.
    OfCall(&'a str, Seal),
}

/// Reads one.
pub(super) fn read(signature: &str) -> Signature<'_> {
    let of_call = signature.strip_prefix(OF_A_CALL).and_then(|rest| rest.split_once(':'));
    match of_call {
        Some((id, seal)) => Signature::OfCall(id, Seal::from_signature(seal)),
        None if signature.is_empty() || signature == UNSEALED => Signature::None,
        None => Signature::OfThoughts(Seal::from_signature(signature)),
    }
}

/// Carries the seal of the call of this id.
pub(super) fn of_call(id: &str, seal: &Seal) -> String {
    format!("{OF_A_CALL}{id}:{}", seal.as_signature())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SealMaker;

    fn seal(maker: SealMaker) -> Seal {
        Seal { maker, value: "a:b==".to_owned() }
    }

    #[test]
    fn every_signature_comes_back() {
        for maker in [SealMaker::Anthropic, SealMaker::Gemini, SealMaker::OpenAi] {
            let written = seal(maker).as_signature();
            assert_eq!(read(&written), Signature::OfThoughts(seal(maker)));
            assert_eq!(written.starts_with(FOREIGN), maker != SealMaker::Anthropic);
        }
        let written = of_call("call_1", &seal(SealMaker::Gemini));
        assert_eq!(read(&written), Signature::OfCall("call_1", seal(SealMaker::Gemini)));
        assert!(written.starts_with(FOREIGN) && UNSEALED.starts_with(FOREIGN));
        assert_eq!((read(""), read(UNSEALED)), (Signature::None, Signature::None));
    }
}
