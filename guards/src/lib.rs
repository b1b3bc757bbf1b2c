//! Rules that see prompt attacks in a text, and the measure of how well any guard sees them.
//!
//! A text goes the way of the modules: into one plain form ([`Rules`] reads it also with a layer of encoding taken off),
//! past one finder of all patterns' words, to the few patterns that can match, to a [`Verdict`]. Pure: no clock, no
//! network, no text kept.

mod verdict;
mod normalize;
mod views;
mod literals;
mod pattern;
mod definition;
mod evidence;
mod grams;
mod finder;
mod rules;
mod turns;
mod data;
mod measure;
mod mutate;
#[cfg(test)]
mod quotes;

pub use data::{DataError, Row, read_rows};
pub use definition::{RuleProblem, RulesError};
pub use evidence::Evidence;
pub use measure::{Rate, Report, Tally, measure};
pub use mutate::Mutation;
pub use pattern::PatternError;
pub use rules::{About, OVERLAP_BYTES, PIECE_BYTES, Rules};
pub use turns::TURNS_TOGETHER;
pub use verdict::{Label, PerMille, Place, Verdict};
