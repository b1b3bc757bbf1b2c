//! Readings of texts in disguise: signs for letters, letters set apart, letters turned by thirteen, letters that nobody
//! sees.

use std::ops::Range;

use crate::normalize::Plain;

/// Words around one with a sign between letters that are read with it: more than a phrase has.
const AROUND: usize = 12;

/// Signs as letters, in words that have letters too. Only words near one that has a sign between letters: a text has a few
/// names with numbers, and need not be read a second time for them. A `1` may be an i or an l.
pub(crate) fn letters_for_signs(plain: &Plain, mut visit: impl FnMut(&Plain)) {
    let (mut with_i, mut with_l) = (Vec::new(), Vec::new());
    for part in near(plain) {
        let part = &plain.text[part];
        add(part, &WITH_I, &mut with_i);
        if part.contains(&b'1') {
            add(part, &WITH_L, &mut with_l);
        }
    }
    for text in [with_i, with_l] {
        if !text.is_empty() {
            visit(&Plain { text, ..Plain::default() });
        }
    }
}

/// Parts of the text that have whole words around signs between letters; none touches the next.
fn near(plain: &Plain) -> Vec<Range<usize>> {
    let text = plain.text.as_slice();
    let next_space =
        |at: usize| text.get(at..)?.iter().position(|byte| *byte == b' ').map(|space| at + space);
    // As many words further on.
    let further = |from: usize, words: usize| {
        (0..words).try_fold(from, |at, _| next_space(at + 1)).unwrap_or(text.len())
    };
    let mut parts: Vec<Range<usize>> = Vec::new();
    let (mut word, mut end) = (0, 0);
    for &sign in &plain.stands {
        // What holds of one sign of a word holds of all.
        if sign < word {
            continue;
        }
        let before = word;
        word = next_space(sign).unwrap_or(text.len());
        end = if sign < end {
            // The words after the sign before this one were counted, and no byte is looked at twice.
            further(end, text[before..word].split(|byte| *byte == b' ').skip(1).count())
        } else {
            further(word, AROUND)
        };
        // No further back than to the part before, which this one then goes on.
        let known = parts.last().map_or(0, |last| last.end.min(sign));
        let words_before = text[known..sign].iter().enumerate().rev().filter(|(_, byte)| **byte == b' ');
        let begin = words_before.map(|(at, _)| known + at + 1).nth(AROUND).unwrap_or(known);
        match parts.last_mut() {
            Some(last) if begin <= last.end + 1 => last.end = last.end.max(end),
            _ => parts.push(begin..end),
        }
    }
    parts
}

/// What signs are read as, a `1` as an i and as an l.
const WITH_I: [u8; 256] = letters(b'i');
const WITH_L: [u8; 256] = letters(b'l');

const fn letters(one: u8) -> [u8; 256] {
    let mut letters = [0; 256];
    let mut byte = 0_u8;
    loop {
        letters[byte as usize] = match byte {
            b'0' => b'o',
            b'1' => one,
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            b'8' => b'b',
            b'9' => b'g',
            byte => byte,
        };
        if byte == u8::MAX {
            return letters;
        }
        byte += 1;
    }
}

fn add(part: &[u8], letters: &[u8; 256], text: &mut Vec<u8>) {
    if !text.is_empty() {
        // Words left out part those that are read.
        text.extend_from_slice(b" | ");
    }
    let begin = text.len();
    text.extend(part.iter().map(|byte| letters[usize::from(*byte)]));
    let read = &mut text[begin..];
    let (mut word, mut has_letters) = (0, false);
    for (at, byte) in part.iter().chain(b" ").enumerate() {
        if *byte != b' ' {
            has_letters |= byte.is_ascii_alphabetic();
            continue;
        }
        if !has_letters {
            // Numbers stay numbers.
            read[word..at].copy_from_slice(&part[word..at]);
        }
        (word, has_letters) = (at + 1, false);
    }
}

/// Letters turned by thirteen places.
pub(crate) fn rot13(plain: &Plain) -> Plain {
    let text = plain
        .text
        .iter()
        .map(|byte| match byte {
            b'a'..=b'm' => byte + 13,
            b'n'..=b'z' => byte - 13,
            byte => *byte,
        })
        .collect();
    Plain { text, lines: plain.lines.clone(), ..Plain::default() }
}

/// What the characters of the tag block spell.
pub(crate) fn tagged(text: &str) -> String {
    text.chars()
        .filter_map(|c| u32::from(c).checked_sub(0xe_0000).filter(|code| (0x20..0x7f).contains(code)))
        .filter_map(char::from_u32)
        .collect()
}

/// Where characters stand that are in a row of at least `fewest` that stand alone.
pub(crate) fn rows_of_singles(text: &str, fewest: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut row = Vec::new();
    let mut at = 0;
    for word in text.split([' ', '\t', '\n']) {
        // Words that are set apart have two spaces between them, with an empty word inside.
        if !word.is_empty() {
            if word.len() <= 4 && word.chars().count() == 1 {
                row.push(at);
            } else {
                if row.len() >= fewest {
                    found.append(&mut row);
                }
                row.clear();
            }
        }
        at += word.len() + 1;
    }
    if row.len() >= fewest {
        found.append(&mut row);
    }
    found
}

/// Letters that stand alone joined to words; wider spaces and line ends part the words.
pub(crate) fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        let mut alone = false;
        // Two spaces in a row leave an empty word between them.
        for word in line.split([' ', '\t']) {
            let single = word.chars().count() == 1;
            if !(alone && single) {
                joined.push(' ');
            }
            joined.push_str(word);
            alone = single;
        }
        joined.push('\n');
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::{Invisible, normalize};

    #[test]
    fn signs_are_letters_in_words_only() {
        let read = |text: &str| {
            let mut readings = Vec::new();
            letters_for_signs(&normalize(text, Invisible::Dropped), |plain| {
                readings.push(plain.text.clone());
            });
            readings.into_iter().map(|text| String::from_utf8(text).expect("UTF-8")).collect::<Vec<_>>()
        };
        assert_eq!(read("1gn0r3 4ll 100 rul35"), ["ignore all 100 rules", "lgnore all 100 rules"]);
        let far = format!("pr3vious {} ru1es", "x ".repeat(2 * AROUND + 1));
        let (twelve, eleven) = ("x ".repeat(AROUND), "x ".repeat(AROUND - 1));
        assert_eq!(read(&far), [format!("previous {twelve}| {twelve}ruies"), format!("{twelve}rules")]);
        assert_eq!(read(&format!("{far} {eleven}e0e z")).len(), 2);
        assert!(read("in 2026 all 100").is_empty());
    }

    #[test]
    fn letters_set_apart_are_joined() {
        assert_eq!(rows_of_singles("a b or c  d\ne f, g h i j", 4), [17, 19, 21, 23]);
        assert_eq!(rows_of_singles("a b  c\n\u{e4} no", 4), [0, 2, 5, 7]);
        assert_eq!(joined("so: i g n o r e  t h i s now").trim(), "so: ignore  this now");
    }

    #[test]
    fn thirteen_and_thirteen_is_the_text() {
        let plain = normalize("any text, twice", Invisible::Dropped);
        assert_eq!(rot13(&rot13(&plain)).text, plain.text);
    }

    #[test]
    fn tags_spell_ascii() {
        assert_eq!(tagged("x\u{e0049}\u{e0020}\u{e0061}\u{e007f}"), "I a");
    }

    /// As [`near`], by the numbers of words.
    fn near_plainly(plain: &Plain) -> Vec<Range<usize>> {
        let words: Vec<&[u8]> = plain.text.split(|byte| *byte == b' ').collect();
        let begins: Vec<usize> = words
            .iter()
            .scan(0, |at, word| {
                let begin = *at;
                *at += word.len() + 1;
                Some(begin)
            })
            .collect();
        let has_sign = |word: usize| {
            plain.stands.iter().any(|sign| (begins[word]..begins[word] + words[word].len()).contains(sign))
        };
        let mut parts: Vec<Range<usize>> = Vec::new();
        for word in (0..words.len()).filter(|word| has_sign(*word)) {
            let last = (word + AROUND).min(words.len() - 1);
            let (begin, end) = (begins[word.saturating_sub(AROUND)], begins[last] + words[last].len());
            match parts.last_mut() {
                Some(part) if begin <= part.end + 1 => part.end = end,
                _ => parts.push(begin..end),
            }
        }
        parts
    }

    proptest! {
        #[test]
        fn parts_near_signs_are_those_of_their_words(words in proptest::collection::vec(
            prop_oneof![6 => "[a-z.]{1,4}", 1 => "[a-z]1[a-z]0?[a-z]?", 1 => "[0-9]{1,3}"], 0..120,
        )) {
            let plain = normalize(&words.join(" "), Invisible::Dropped);
            prop_assert_eq!(near(&plain), near_plainly(&plain));
            let mut text = Vec::new();
            add(&plain.text, &WITH_L, &mut text);
            let read: Vec<String> = String::from_utf8_lossy(&plain.text)
                .split(' ')
                .map(|word| {
                    let has_letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
                    if has_letters { word.replace('1', "l").replace('0', "o") } else { word.to_owned() }
                })
                .collect();
            prop_assert_eq!(String::from_utf8_lossy(&text), read.join(" "));
        }
    }
}
