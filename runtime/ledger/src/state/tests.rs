//! Orders of events that matter, one at a time.

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};

use super::{Admission, Called, Patience, Refusal, State, Which};
use crate::account::{Account, Charge};
use crate::quantity::{Caps, Quantity, Unit};
use crate::recover::recover;
use crate::request::RequestId;
use crate::usage::{Settlement, Usage};

const NOW: UnixSeconds = UnixSeconds(100 * 86_400);

fn account() -> Account {
    Account { scope: Scope::Agent, name: "team/coder".into(), day: UtcDay(100) }
}

fn hold(state: &mut State, id: u128, tokens: u64) -> Result<Admission, Refusal> {
    let charge = Charge { account: account(), limit: Caps::of_tokens(Tokens(10_000)) };
    state.hold(RequestId(id), vec![charge], Tokens(tokens).into(), NOW, Patience::None)
}

fn settle(state: &mut State, id: u128, used: u64) {
    let usage = Usage { output: Tokens(used), ..Usage::default() };
    state.settle(RequestId(id), &Settlement { usage, ..Settlement::default() });
}

/// One request of 3,000 came, the mark went to 6,000 less what the limit shaves off, and it was given back.
fn with_a_mark_to_lower() -> State {
    let (mut state, _) = recover(Vec::new());
    assert_eq!(hold(&mut state, 1, 3_000), Ok(Admission::NeedsMark));
    let batch = state.next_batch(Which::Urgent, 10);
    assert_eq!(state.durable(&batch), [RequestId(1)]);
    assert_eq!(state.entry(&account()).mark.tokens, Tokens(4_750));
    settle(&mut state, 1, 0);
    state
}

#[test]
fn a_mark_that_is_being_lowered_is_not_used() {
    let mut state = with_a_mark_to_lower();
    let lower = state.next_batch(Which::All, 10);
    assert_eq!(lower.first().map(|(_, stored)| stored.mark.tokens), Some(Tokens(2_500)));
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
fn a_write_that_lands_while_the_ledger_closes_grants_nothing() {
    let (mut state, _) = recover(Vec::new());
    assert_eq!(hold(&mut state, 1, 100), Ok(Admission::NeedsMark));
    let under_way = state.next_batch(Which::Urgent, 10);
    state.stop_granting();
    assert_eq!(state.durable(&under_way), []);
    let last = state.finish();
    assert_eq!(last.first().map(|(of, stored)| (of, stored.mark)), Some((&account(), Quantity::ZERO)));
}

#[test]
fn a_finished_day_keeps_nothing_ahead() {
    let mut state = with_a_mark_to_lower();
    state.next_batch(Which::All, 10);
    let tomorrow = UnixSeconds(NOW.0 + 86_400);
    state.hold(RequestId(2), Vec::new(), Quantity::ZERO, tomorrow, Patience::None).expect("free");
    let batch = state.next_batch(Which::All, 10);
    assert_eq!(batch.first().map(|(of, stored)| (of, stored.mark)), Some((&account(), Quantity::ZERO)));
}

#[test]
fn numbers_that_cannot_be_stop_granting() {
    let (mut state, _) = recover(Vec::new());
    hold(&mut state, 1, 100).expect("fits");
    state.accounts.get_mut(&account()).expect("known").waiting = Tokens(1).into();
    state.release(RequestId(1));
    assert!(state.broken().is_some());
    assert_eq!(hold(&mut state, 2, 1), Err(Refusal::Broken));
}

fn hold_patiently(state: &mut State, id: u128, tokens: u64, limit: u64) -> Result<Admission, Refusal> {
    let charge = Charge { account: account(), limit: Caps::of_tokens(Tokens(limit)) };
    state.hold(RequestId(id), vec![charge], Tokens(tokens).into(), NOW, Patience::Queue)
}

#[test]
fn a_large_request_in_the_queue_is_not_starved_by_small_ones() {
    let (mut state, _) = recover(Vec::new());
    let mut hold = |id, tokens| hold_patiently(&mut state, id, tokens, 100);
    hold(1, 60).expect("fits");
    hold(2, 30).expect("fits");
    assert_eq!(hold(3, 50), Ok(Admission::Queued));
    assert_eq!(hold(4, 10), Ok(Admission::Queued), "it fits, and stands behind the third");
    let Err(Refusal::OverBudget(shortage)) = hold(5, 101) else { panic!("never fits") };
    assert!(!shortage.is_held_by_others());
    state.release(RequestId(2));
    assert_eq!(state.called(), [], "40 are free, the third needs 50");
    settle(&mut state, 1, 20);
    let called: Vec<_> = state.called();
    assert!(
        matches!(called.as_slice(), [Called::Admitted(RequestId(3), _), Called::Admitted(RequestId(4), _)]),
        "{called:?}"
    );
}

#[test]
fn whoever_gives_up_is_told_what_was_in_the_way_and_lets_the_others_by() {
    let (mut state, _) = recover(Vec::new());
    let mut hold = |id, tokens| hold_patiently(&mut state, id, tokens, 100);
    hold(1, 60).expect("fits");
    assert_eq!(hold(2, 90), Ok(Admission::Queued));
    assert_eq!(hold(3, 10), Ok(Admission::Queued));
    let shortage = state.give_up(RequestId(3)).expect("was queued");
    assert_eq!((shortage.held, shortage.asked), (60, 90), "what the one before it waits for");
    hold_patiently(&mut state, 3, 10, 100).expect("queued again");
    let shortage = state.give_up(RequestId(2)).expect("was queued");
    assert!(shortage.is_held_by_others());
    assert!(matches!(state.called().as_slice(), [Called::Admitted(RequestId(3), _)]));
    assert_eq!(state.give_up(RequestId(3)), None);
}

#[test]
fn one_that_no_longer_can_fit_is_sent_away_at_once() {
    let (mut state, _) = recover(Vec::new());
    hold_patiently(&mut state, 1, 60, 100).expect("fits");
    assert_eq!(hold_patiently(&mut state, 2, 50, 100), Ok(Admission::Queued));
    settle(&mut state, 1, 60);
    let called = state.called();
    let [Called::Refused(RequestId(2), shortage)] = called.as_slice() else { panic!("{called:?}") };
    assert!(!shortage.is_held_by_others());
}

#[test]
fn money_is_a_budget_of_its_own() {
    let (mut state, _) = recover(Vec::new());
    let mut hold = |id, cost| {
        let limit = Caps { tokens: Some(Tokens(1_000)), cost: Some(NanoUsd(50)) };
        let quantity = Quantity { tokens: Tokens(1), cost: NanoUsd(cost) };
        state.hold(RequestId(id), vec![Charge { account: account(), limit }], quantity, NOW, Patience::None)
    };
    hold(1, 40).expect("fits");
    let Err(Refusal::OverBudget(shortage)) = hold(2, 11) else { panic!("over the budget") };
    assert_eq!((shortage.unit, shortage.limit, shortage.held, shortage.asked), (Unit::NanoUsd, 50, 40, 11));
    hold(2, 10).expect("fits");
}

#[test]
fn who_stands_behind_another_keeps_nobody_back() {
    let (mut state, _) = recover(Vec::new());
    let charge = |name: &str| Charge {
        account: Account { name: name.into(), ..account() },
        limit: Caps::of_tokens(Tokens(100)),
    };
    let hold = |state: &mut State, id, names: &[&str], tokens| {
        let charges = names.iter().map(|name| charge(name)).collect();
        state.hold(RequestId(id), charges, Quantity::from(Tokens(tokens)), NOW, Patience::Queue)
    };
    assert_eq!(hold(&mut state, 1, &["coder"], 100), Ok(Admission::NeedsMark));
    assert_eq!(hold(&mut state, 2, &["helper"], 50), Ok(Admission::NeedsMark));
    assert_eq!(hold(&mut state, 3, &["helper"], 60), Ok(Admission::Queued));
    assert_eq!(hold(&mut state, 4, &["coder", "helper"], 60), Ok(Admission::Queued));
    state.release(RequestId(1));
    assert_eq!(state.queued(), [RequestId(3), RequestId(4)], "the fourth stands behind the third now");
    assert_eq!(
        hold(&mut state, 5, &["coder"], 10),
        Ok(Admission::NeedsMark),
        "nobody waits for that account"
    );
    // An account that fills up meanwhile does not hide what the next one waits for.
    assert_eq!(hold(&mut state, 6, &["helper"], 10), Ok(Admission::Queued));
    let shortage = state.give_up(RequestId(6)).expect("was queued");
    assert_eq!((shortage.account.name.as_str(), shortage.held), ("helper", 50));
    assert_eq!(state.broken(), None);
}
