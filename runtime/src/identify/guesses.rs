//! Keys that are guessed: form and checksum turn them away, and nothing is looked up.

use http::{HeaderMap, HeaderValue};
use pai_bundle::unit::UnixSeconds;

use super::{Register, identify};
use crate::credentials::Held;
use crate::refusal::Refusal;
use crate::surface::Audience;
use crate::token::{Pepper, Token, TokenKind};

/// Nobody may ask it anything.
struct Untouchable;

impl Register for Untouchable {
    fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
        panic!("{id} was looked up")
    }

    fn pepper(&self) -> &Pepper {
        panic!("a digest was made")
    }
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn text(&mut self, length: usize, alphabet: &[u8], into: &mut Vec<u8>) {
        for _ in 0..length {
            let at = usize::try_from(self.next() % alphabet.len() as u64).unwrap_or(0);
            into.push(alphabet[at]);
        }
    }
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 20. A million random keys, most of exactly the right form: not one is looked up, and no digest is made.
#[test]
fn a_million_random_keys_cause_no_look_up() {
    let mut numbers = Numbers(20_261_126);
    let mut headers = HeaderMap::new();
    let audiences = [(Audience::External, "pak_"), (Audience::Agents, "pai_agt_")];
    let mut text = Vec::new();
    for turn in 0..1_000_000_u32 {
        let (audience, prefix) = audiences[usize::from(turn % 2 == 0)];
        text.clear();
        text.extend_from_slice(prefix.as_bytes());
        // One in eight has another length, which is cheaper still.
        let (id, secret) = if turn % 8 == 7 { (numbers.next() % 30, numbers.next() % 90) } else { (12, 49) };
        numbers.text(usize::try_from(id).unwrap_or(0), BASE62, &mut text);
        text.push(b'_');
        numbers.text(usize::try_from(secret).unwrap_or(0), BASE62, &mut text);
        headers.insert("x-api-key", HeaderValue::from_bytes(&text).expect("a value"));
        let answer = identify(&headers, audience, &Untouchable, UnixSeconds(0));
        assert!(matches!(answer, Err(Refusal::UnknownCredential)), "{text:?}");
    }
}

/// The count above would not be nought by itself: a key with a true checksum does get to the register.
#[test]
#[should_panic(expected = "was looked up")]
fn a_key_with_a_true_checksum_is_looked_up() {
    let token = Token::mint(TokenKind::AccessKey).expect("a token");
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_str(token.reveal()).expect("a value"));
    let _ = identify(&headers, Audience::External, &Untouchable, UnixSeconds(0));
}

/// 20. A guesser learns nothing from what is said: one answer, word for word, for every kind of miss.
#[test]
fn every_miss_gets_the_same_answer() {
    struct One(Pepper, Held);
    impl Register for One {
        fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
            Some((&self.1, id == "0123456789ab"))
        }
        fn pepper(&self) -> &Pepper {
            &self.0
        }
    }
    let pepper = Pepper::mint().expect("a pepper");
    let mine = Token::guess(TokenKind::AccessKey, "0123456789ab").expect("a token");
    let held = super::timing::held(&pepper, &mine, None);
    let register = One(pepper, held);
    let ask = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_bytes(text.as_bytes()).expect("a value"));
        identify(&headers, Audience::External, &register, UnixSeconds(0))
    };
    assert!(ask(mine.reveal()).is_ok());
    let wrong_secret = Token::guess(TokenKind::AccessKey, "0123456789ab").expect("a token");
    let wrong_id = Token::mint(TokenKind::AccessKey).expect("a token");
    let mut typo = mine.reveal().to_owned();
    typo.replace_range(30..31, if &typo[30..31] == "x" { "y" } else { "x" });
    for text in [wrong_secret.reveal(), wrong_id.reveal(), &typo, "pak_", "sk-ant-api03-abc", "ä"] {
        assert!(matches!(ask(text), Err(Refusal::UnknownCredential)), "{text}");
    }
}
