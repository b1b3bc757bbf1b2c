//! Seals on thoughts and on calls of tools: what an API wants back unchanged, to believe that they are its own.

use serde_json::Value;

/// FNV-1a: no secret is in it, only the text.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The seal of an API on a text; it has letters that base64 has.
pub(crate) fn of_text(maker: &str, text: &str) -> String {
    let bytes = maker.bytes().chain([b'/']).chain(text.bytes());
    let digest = bytes.fold(OFFSET, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME));
    // A length that base64 has, so that a decoder takes it.
    format!("c2ltdWxhdGVk{digest:016x}")
}

/// The seal of an API on a call of a tool, whatever the order of the arguments is by now.
pub(crate) fn of_call(maker: &str, name: &str, arguments: &Value) -> String {
    of_text(maker, &format!("{name}({})", sorted(arguments)))
}

fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
