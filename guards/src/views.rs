//! The other readings of a text: what it says once a layer of encoding or disguise is taken off. One layer each, and each
//! reading is no longer than the text.

mod around;
mod base64;
mod disguise;
mod percent;

use crate::normalize::{Invisible, Plain, normalize};
use crate::views::around::around;

pub(crate) use disguise::rot13;

/// Digits and signs inside words from which on a text is also read as if they were letters. Two, because one is any
/// name with a number in it.
const STANDS: usize = 2;
/// Words of one letter in a row from which on they are read as one word; "a b c d" is an enumeration.
const SINGLES: usize = 5;
/// Characters of the tag block from which on they are read. A flag of England needs six.
const TAGS: usize = 7;
/// Escapes from which on percent encoding is undone.
const PERCENTS: usize = 2;

/// Every reading of `text` but its plain one, which is given. Each is of the text around its signs.
pub(crate) fn readings(text: &str, plain: &Plain, mut visit: impl FnMut(&Plain)) {
    if !plain.unseen.is_empty() {
        visit(&normalize(&around(text, &plain.unseen), Invisible::Spaces));
    }
    if plain.tags >= TAGS {
        visit(&normalize(&disguise::tagged(text), Invisible::Dropped));
    }
    if plain.stands.len() >= STANDS {
        disguise::letters_for_signs(plain, &mut visit);
    }
    if plain.singles >= SINGLES {
        let rows = disguise::rows_of_singles(text, SINGLES - 1);
        visit(&normalize(&disguise::joined(&around(text, &rows)), Invisible::Dropped));
    }
    if plain.percents.len() >= PERCENTS {
        visit(&normalize(&percent::decoded(&around(text, &plain.percents)), Invisible::Dropped));
    }
    base64::texts(text, |decoded| visit(&normalize(decoded, Invisible::Dropped)));
}

/// Whether enough of a text is spelt in a block that nobody sees to be hidden on purpose.
pub(crate) fn hides_text(plain: &Plain) -> bool {
    // A hidden sentence is longer than a flag, and a text has few flags.
    plain.tags >= 16
}
