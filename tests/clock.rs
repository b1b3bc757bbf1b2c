//! Wall clocks that somebody sets: no day opens before its clock was looked at twice, and none opens again.

use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::Account;

use crate::support::{self, MANIFESTS, NOON, World, hello};

const DAY: i64 = 86_400;
/// How long a jump is doubted.
const DOUBTED: i64 = 5;

/// Sends a message, lets it settle, and says which days have been charged so far, counted from the tests' own.
async fn days_charged(world: &World) -> Vec<i64> {
    let answer = world.message("coder", &hello(false)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a body");
    world.settled().await;
    let today = UtcDay::containing(NOON).0;
    let is_charged = |after: &i64| {
        let day = UtcDay(today + u32::try_from(*after).expect("a few days"));
        let account = Account { scope: Scope::Agent, name: "default/coder".into(), day };
        world.gateway.ledger().balance(&account).settled.tokens > Tokens::ZERO
    };
    (0..10).filter(is_charged).collect()
}

#[tokio::test]
async fn a_clock_that_jumps_opens_no_day_on_the_first_look() {
    let world = World::of(MANIFESTS).await;
    assert_eq!(days_charged(&world).await, [0]);
    world.clock.turn(UnixSeconds(NOON.0 + DAY));
    assert_eq!(days_charged(&world).await, [0]);
    world.clock.set(UnixSeconds(NOON.0 + DAY + DOUBTED - 1));
    assert_eq!(days_charged(&world).await, [0]);
    world.clock.set(UnixSeconds(NOON.0 + DAY + DOUBTED));
    assert_eq!(days_charged(&world).await, [0, 1]);
    let days: Vec<_> = world.records(4).await.iter().map(|record| record["day"].clone()).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-23", "2026-11-23", "2026-11-24"]);
}

#[tokio::test]
async fn a_jump_that_is_taken_back_opens_nothing() {
    let world = World::of(MANIFESTS).await;
    world.clock.turn(UnixSeconds(NOON.0 + 3 * DAY));
    assert_eq!(days_charged(&world).await, [0]);
    world.clock.turn(UnixSeconds(NOON.0 + DOUBTED));
    assert_eq!(days_charged(&world).await, [0]);
    assert_eq!(world.gateway.ledger().today(NOON), UtcDay::containing(NOON));
}

#[tokio::test]
async fn a_laptop_that_slept_is_in_its_new_day_before_the_first_request() {
    let world = World::of(MANIFESTS).await;
    world.clock.turn(UnixSeconds(NOON.0 + DAY));
    ahead(&world, Some(DAY)).await;
    world.clock.set(UnixSeconds(NOON.0 + DAY + DOUBTED));
    ahead(&world, None).await;
    assert_eq!(days_charged(&world).await, [1]);
}

/// Waits until the gateway says that its clock is ahead by so many seconds, which it finds out by itself.
async fn ahead(world: &World, seconds: Option<i64>) {
    for _ in 0..600 {
        let status = support::told(world.state.path(), "/status").await;
        if status["clock"]["aheadSeconds"].as_i64() == seconds {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the clock is not {seconds:?} seconds ahead");
}

#[tokio::test]
async fn a_gateway_that_starts_believes_its_clock_but_opens_no_day_again() {
    let world = World::of(MANIFESTS).await;
    assert_eq!(days_charged(&world).await, [0]);
    world.clock.turn(UnixSeconds(NOON.0 + 7 * DAY));
    let world = world.restart().await;
    assert_eq!(days_charged(&world).await, [0, 7]);
    world.clock.turn(UnixSeconds(NOON.0 + 2 * DAY));
    let world = world.restart().await;
    assert_eq!(days_charged(&world).await, [0, 7]);
    assert_eq!(world.gateway.ledger().today(NOON), UtcDay(UtcDay::containing(NOON).0 + 7));
}

#[tokio::test]
async fn a_key_expires_by_the_wall_clock_whatever_is_believed() {
    let expires = "providers: [anthropic]\n  expires: 2026-11-23T20:00:00Z";
    let world = World::of(&MANIFESTS.replace("providers: [anthropic]", expires)).await;
    world.clock.turn(UnixSeconds(NOON.0 + 8 * 3_600));
    let answer = world.message("laptop", &hello(false)).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
}
