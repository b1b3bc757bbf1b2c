//! Orders of events that matter, one at a time.

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};

use super::{Admission, Refusal, State, Which};
use crate::account::{Account, Charge};
use crate::hold::RequestId;
use crate::recover::recover;
use crate::usage::{Settlement, Usage};

const NOW: UnixSeconds = UnixSeconds(100 * 86_400);

fn account() -> Account {
    Account { scope: Scope::Agent, name: "team/coder".to_owned(), day: UtcDay(100) }
}

fn hold(state: &mut State, id: u128, tokens: u64) -> Result<Admission, Refusal> {
    let charge = Charge { account: account(), limit: Some(Tokens(10_000)) };
    state.hold(RequestId(id), vec![charge], Tokens(tokens), NOW)
}

fn settle(state: &mut State, id: u128, used: u64) {
    let usage = Usage { output: Tokens(used), ..Usage::default() };
    state.settle(RequestId(id), &Settlement { usage, estimated: false });
}

/// One request of 3,000 came, the mark went to 6,000 less what the limit shaves off, and it was given back.
fn with_a_mark_to_lower() -> State {
    let (mut state, _) = recover(Vec::new());
    assert_eq!(hold(&mut state, 1, 3_000), Ok(Admission::NeedsMark));
    let batch = state.next_batch(Which::Urgent, 10);
    assert_eq!(state.durable(&batch), [RequestId(1)]);
    assert_eq!(state.entry(&account()).mark, Tokens(4_750));
    settle(&mut state, 1, 0);
    state
}

#[test]
fn a_mark_that_is_being_lowered_is_not_used() {
    let mut state = with_a_mark_to_lower();
    let lower = state.next_batch(Which::All, 10);
    assert_eq!(lower.first().map(|(_, stored)| stored.mark), Some(Tokens(2_500)));
    // The disk may have 2,500 by now, so a grant of 3,000 would not survive a power cut.
    assert_eq!(hold(&mut state, 2, 3_000), Ok(Admission::NeedsMark));
    assert_eq!(state.durable(&lower), []);
    let raise = state.next_batch(Which::Urgent, 10);
    assert_eq!(state.durable(&raise), [RequestId(2)]);
}

#[test]
fn a_write_that_lands_wakes_only_whom_it_covers_and_asks_for_no_more() {
    let (mut state, _) = recover(Vec::new());
    assert_eq!(hold(&mut state, 1, 100), Ok(Admission::NeedsMark));
    let first = state.next_batch(Which::Urgent, 10);
    assert_eq!(hold(&mut state, 2, 5_000), Ok(Admission::NeedsMark));
    assert_eq!(state.durable(&first), [RequestId(1)]);
    assert!(state.has_urgent(), "for the second");
    let second = state.next_batch(Which::Urgent, 10);
    assert_eq!(state.durable(&second), [RequestId(2)]);
    assert!(!state.has_urgent());
}

#[test]
fn a_finished_day_keeps_nothing_ahead() {
    let mut state = with_a_mark_to_lower();
    state.next_batch(Which::All, 10);
    let tomorrow = UnixSeconds(NOW.0 + 86_400);
    state.hold(RequestId(2), Vec::new(), Tokens::ZERO, tomorrow).expect("free");
    let batch = state.next_batch(Which::All, 10);
    assert_eq!(batch.first().map(|(of, stored)| (of, stored.mark)), Some((&account(), Tokens::ZERO)));
}

#[test]
fn numbers_that_cannot_be_stop_granting() {
    let (mut state, _) = recover(Vec::new());
    hold(&mut state, 1, 100).expect("fits");
    state.accounts.get_mut(&account()).expect("known").waiting = Tokens(1);
    state.release(RequestId(1));
    assert!(state.broken().is_some());
    assert_eq!(hold(&mut state, 2, 1), Err(Refusal::Broken));
}
