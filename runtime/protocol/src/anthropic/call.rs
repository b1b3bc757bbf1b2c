//! What links a tool's call to its result: its id.

use std::borrow::Cow;

/// Begins an id whose bytes are spelled in hexadecimal.
const SPELLED: &str = "pai_";

/// An id in the letters that the API takes (`^[a-zA-Z0-9_-]+$`): itself where it is, else the same one every time and
/// another one for every other.
pub(super) fn id(id: &str) -> Cow<'_, str> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Cow::Borrowed(id);
    }
    let mut spelled = String::from(SPELLED);
    for byte in id.bytes() {
        spelled.push_str(&format!("{byte:02x}"));
    }
    Cow::Owned(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_where_they_fit_and_never_collide_where_not() {
        assert_eq!(id("toolu_01-A"), "toolu_01-A");
        assert_eq!(id("functions.read:0"), "pai_66756e6374696f6e732e726561643a30");
        assert_ne!(id("a.b"), id("a:b"));
        assert_eq!(id(""), "pai_");
    }

    #[test]
    fn a_spelled_id_that_comes_back_is_the_same() {
        let spelled = id("a.b").into_owned();
        assert_eq!(id(&spelled), spelled);
    }
}
