//! Percent encoding, as in URLs and forms.

/// The text with `%41` as `A`, and `+` as a space in words that have such escapes.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 {
            bytes.push(b' ');
        }
        if !word.contains('%') {
            bytes.extend_from_slice(word.as_bytes());
            continue;
        }
        let mut rest = word.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                b'%' => match escape(after) {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = after.get(2..).unwrap_or_default();
                    }
                    None => bytes.push(b'%'),
                },
                b'+' => bytes.push(b' '),
                byte => bytes.push(*byte),
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(after: &[u8]) -> Option<u8> {
    let two = after.get(..2)?;
    if !two.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_all_else_stays() {
        assert_eq!(decoded("a+b q=x%20y+z%C3%A9 100% 5%z"), "a+b q=x y z\u{e9} 100% 5%z");
    }
}
