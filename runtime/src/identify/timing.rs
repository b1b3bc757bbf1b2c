//! That time tells a guesser nothing: a statistical test in the manner of dudect (Reparaz, Balasch, Verbauwhede: "Dude, is my
//! code constant time?", DATE 2017). Classes are measured in random order; Welch's t-test compares them, over all
//! measurements and with the slow tail cropped, where interrupts and other people's work are.

use std::hint::black_box;
use std::time::Instant;

use http::{HeaderMap, HeaderValue};
use pai_bundle::unit::UnixSeconds;

use super::{Register, identify};
use crate::credentials::{Credentials, Held, Holder};
use crate::surface::Audience;
use crate::token::{Pepper, StoredDigest, Token, TokenKind};

/// Above this, dudect says that two classes take different times.
const THRESHOLD: f64 = 4.5;
/// Measurements of each class in a round.
const MEASUREMENTS: usize = 6_000;
/// A machine with other work fails a round now and then; code that leaks fails all of them. So many take longer than all
/// other tests of this program, so that the last ones have the processor to themselves.
const ROUNDS: usize = 40;
/// Tokens of each class, so that none is in a cache more than another.
const TOKENS: usize = 32;
/// Shares of the measurements that are looked at, quickest first.
const CROPS: [f64; 4] = [1.0, 0.95, 0.8, 0.5];
/// By now some credentials have ended.
const NOW: UnixSeconds = UnixSeconds(1_000);

pub(super) fn held(pepper: &Pepper, token: &Token, expires: Option<UnixSeconds>) -> Held {
    Held {
        holder: Holder::AccessKey("default/somebody".parse().expect("a name")),
        digest: StoredDigest::parse(&pepper.digest(token)).expect("a digest"),
        expires,
        kind: TokenKind::AccessKey,
    }
}

struct Known {
    credentials: Credentials,
    pepper: Pepper,
}

impl Register for Known {
    fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
        self.credentials.look_up(id)
    }

    fn pepper(&self) -> &Pepper {
        &self.pepper
    }
}

/// Headers with one token of a class.
type Class = Vec<HeaderMap>;

/// A gateway's credentials, and tokens: right ones, and three that a guesser gets the same answer to (an id that nobody has,
/// a wrong secret for one that somebody has, and for one that has ended). Each has ids of its own, so that no class finds
/// warm what another one touched.
///
/// Whoever shows the right secret of an ended credential is told so in words; there is nothing left for time to tell.
fn world() -> (Known, Vec<(&'static str, Class)>) {
    let pepper = Pepper::mint().expect("a pepper");
    let mint = || Token::mint(TokenKind::AccessKey).expect("a token");
    let mut all = Vec::new();
    let mut classes = [const { Vec::new() }; 4];
    let header = |token: &Token| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_str(token.reveal()).expect("a value"));
        headers
    };
    for _ in 0..TOKENS {
        let (right, stranger, robbed, ended) = (mint(), mint(), mint(), mint());
        for (token, expires) in [(&right, None), (&robbed, None), (&ended, Some(NOW))] {
            all.push((token.id().to_owned(), held(&pepper, token, expires)));
        }
        let guess = |id| Token::guess(TokenKind::AccessKey, id).expect("a token");
        let (wrong, late) = (guess(robbed.id()), guess(ended.id()));
        for (class, token) in classes.iter_mut().zip([&right, &stranger, &wrong, &late]) {
            class.push(header(token));
        }
    }
    let names = ["right", "wrong id", "wrong secret", "wrong secret of an ended one"];
    let known = Known { credentials: Credentials::new(all).expect("credentials"), pepper };
    (known, names.into_iter().zip(classes).collect())
}

/// The largest |t| between any two classes, and which two.
fn round(classes: &[(&'static str, Class)], decide: impl Fn(&HeaderMap) -> bool) -> (f64, String) {
    let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(MEASUREMENTS); classes.len()];
    let mut order: Vec<usize> = (0..classes.len() * MEASUREMENTS).map(|at| at % classes.len()).collect();
    shuffle(&mut order);
    for (turn, class) in order.into_iter().enumerate() {
        let headers = &classes[class].1[turn % TOKENS];
        // What is measured is the second time: a first one costs what others pushed out of the caches meanwhile.
        black_box(decide(black_box(headers)));
        let started = Instant::now();
        black_box(decide(black_box(headers)));
        let nanos = started.elapsed().as_nanos();
        times[class].push(f64::from(u32::try_from(nanos).unwrap_or(u32::MAX)));
    }
    let mut pooled: Vec<f64> = times.iter().flatten().copied().collect();
    pooled.sort_by(f64::total_cmp);
    let mut worst = (0.0, String::new());
    for crop in CROPS {
        let last = at_share(&pooled, crop);
        let cropped: Vec<Vec<f64>> =
            times.iter().map(|class| class.iter().copied().filter(|time| *time <= last).collect()).collect();
        for one in 0..cropped.len() {
            for other in 0..one {
                let t = welch(&cropped[one], &cropped[other]).abs();
                if t > worst.0 {
                    worst = (
                        t,
                        format!("{} and {}, quickest {crop}: |t| = {t:.2}", classes[one].0, classes[other].0),
                    );
                }
            }
        }
    }
    worst
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small counts"
)]
fn at_share(sorted: &[f64], share: f64) -> f64 {
    sorted[(((sorted.len() as f64) * share) as usize).saturating_sub(1)]
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let of = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, error), (other_mean, other_error)) = (of(one), of(other));
    (mean - other_mean) / (error + other_error).sqrt()
}

/// Fisher and Yates; the system's randomness, so that no pattern of the machine's can follow it.
fn shuffle(order: &mut [usize]) {
    let mut bytes = vec![0_u8; order.len() * 4];
    getrandom::fill(&mut bytes).expect("random bytes");
    for at in (1..order.len()).rev() {
        let number: [u8; 4] = bytes[at * 4..at * 4 + 4].try_into().expect("four");
        order.swap(at, u32::from_le_bytes(number) as usize % (at + 1));
    }
}

/// 20. Wrong id, wrong secret, right key: no difference that the test finds.
#[test]
fn time_tells_no_wrong_id_from_a_wrong_secret_or_a_right_key() {
    let (known, classes) = world();
    let decide = |headers: &HeaderMap| identify(headers, Audience::External, &known, NOW).is_ok();
    assert!(decide(&classes[0].1[0]) && classes[1..].iter().all(|(_, class)| !decide(&class[0])));
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        let (t, what) = round(&classes, decide);
        if t < THRESHOLD {
            return;
        }
        found.push(what);
    }
    panic!("told apart in every round: {found:#?}");
}

/// The test sees what it is there to see: a digest that is made for known ids only, and a comparison of texts that ends at
/// the first difference.
#[test]
fn the_test_finds_a_look_up_that_ends_early_and_a_comparison_that_does() {
    let (known, classes) = world();
    let ends_early = |headers: &HeaderMap| {
        let token = headers.get("x-api-key").and_then(|text| Token::parse(text.to_str().ok()?));
        let Some(token) = token else { return false };
        match known.look_up(token.id()) {
            Some((held, true)) => known.pepper().matches(&token, &held.digest),
            _ => false,
        }
    };
    for _ in 0..3 {
        let (t, what) = round(&classes, ends_early);
        assert!(t > THRESHOLD, "not found: {what}");
    }
    let right: Vec<Vec<u8>> =
        classes[0].1.iter().map(|headers| headers["x-api-key"].as_bytes().repeat(40)).collect();
    let compares = |headers: &HeaderMap| {
        let shown = headers["x-api-key"].as_bytes().repeat(40);
        right.iter().any(|known| known.iter().zip(&shown).all(|(one, other)| one == other))
    };
    for _ in 0..3 {
        let (t, what) = round(&classes[..2], compares);
        assert!(t > THRESHOLD, "not found: {what}");
    }
}
