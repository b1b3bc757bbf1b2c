//! A thousand requests at once against a budget for ten, and crowds of all sizes at the end of one: the limit holds at every
//! moment, and nobody is turned away while there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::Tokens;
use pai_ledger::Account;
use pai_runtime::settings::Settings;
use pai_simulator::Scenario;
use serde_json::{Value, json};

use crate::crowd;
use crate::support::{NOON, World};

const REQUESTS: usize = 1_000;
/// Of all sizes, at the end of a budget.
const CROWD: usize = 200;
/// How many holds of one request fit the budget.
const FIT: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_never_exceed_a_budget_for_ten() {
    let body = json!({ "model": "claude-haiku-4-5", "max_tokens": 1_000, "stream": true,
                       "messages": [{ "role": "user", "content": "Hello there" }] });
    let hold = most(&body);
    let limit = Tokens(FIT * hold + hold / 2);
    // Prompts of one size: nobody has to be asked how large they are.
    let uncounted = |settings: &mut Settings| settings.ask_for_counts = false;
    let world = Arc::new(World::with(&manifests(limit), uncounted).await);
    // Answers use nearly all of what is held, and take long enough for all requests to be in at once.
    world.simulator.scenario(Scenario {
        output_tokens: 1_000,
        first_byte_delay: Duration::from_millis(1_500),
        ..Scenario::default()
    });
    let watch = Watch::start(&world, limit);

    let mut requests = tokio::task::JoinSet::new();
    for number in 0..REQUESTS {
        let (world, body) = (world.clone(), body.clone());
        requests.spawn(async move {
            let name = ["coder", "helper"][number % 2];
            let response = world.message(name, &body).send().await.expect("an answer");
            let retry_after = response.headers().get("retry-after").cloned();
            let comes_back = response.headers().get("x-should-retry").is_none_or(|value| value != "false");
            let status = response.status().as_u16();
            response.bytes().await.expect("a whole body");
            (status, retry_after, comes_back)
        });
    }
    let [mut served, mut waited, mut used_up] = [0, 0, 0];
    while let Some(answer) = requests.join_next().await {
        match answer.expect("joined") {
            (200, ..) => served += 1,
            (429, Some(retry_after), true) => {
                assert_eq!(retry_after, "2", "what is left is held by others");
                waited += 1;
            }
            (429, retry_after, false) => {
                assert_eq!(retry_after.expect("retry-after"), "43200", "until 00:00 UTC");
                used_up += 1;
            }
            (status, ..) => panic!("{status}"),
        }
    }
    world.settled().await;
    let looks = watch.stop();

    let account = world.balance(Scope::Provider, "anthropic");
    assert!(account.settled <= limit, "{} of {limit}", account.settled);
    assert_eq!(account.settled.0, world.simulator.log().reported_total(), "exactly what was used");
    assert_eq!(world.simulator.log().len(), served, "whoever was refused went nowhere");
    assert!(served as u64 >= FIT - 1, "{served} of {REQUESTS} were served");
    assert_eq!(served + waited + used_up, REQUESTS);
    assert!(looks > 100, "the limit was watched {looks} times only");
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

/// Half of the budget is used, and what comes then is some five times the other half.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_all_sizes_use_the_end_of_a_budget_and_never_exceed_it() {
    tokio::join!(end_of_a_budget(1), end_of_a_budget(2), end_of_a_budget(3));
}

async fn end_of_a_budget(seed: u64) {
    let limit = Tokens(40_000);
    // Nobody is refused for having waited too long: what is refused does not fit.
    let patient = |settings: &mut Settings| settings.hold_wait = Duration::from_secs(120);
    let world = Arc::new(World::with(&manifests(limit), patient).await);
    let large = json!({ "model": crowd::MODEL, "max_tokens": 20_000,
                        "messages": [{ "role": "user", "content": "[[simulate: output=20000]]" }] });
    let answer = world.message("coder", &large).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a whole body");
    world.settled().await;
    let watch = Watch::start(&world, limit);

    let mut requests = tokio::task::JoinSet::new();
    for (number, body) in crowd::of(seed, CROWD).into_iter().enumerate() {
        let world = world.clone();
        requests.spawn(async move {
            let name = ["coder", "helper"][number % 2];
            let response = world.message(name, &body).send().await.expect("an answer");
            let status = response.status().as_u16();
            response.bytes().await.expect("a whole body");
            (status, most(&body))
        });
    }
    let answers = requests.join_all().await;
    world.settled().await;
    watch.stop();

    let used = world.balance(Scope::Provider, "anthropic").settled;
    assert!(used <= limit, "seed {seed}: {used} of {limit}");
    assert_eq!(used.0, world.simulator.log().reported_total(), "seed {seed}: exactly what was used");
    assert!(answers.iter().all(|(status, _)| [200, 429].contains(status)), "seed {seed}: {answers:?}");
    let refused = answers.iter().filter(|(status, _)| *status == 429).map(|(_, most)| *most);
    let least = refused.min().expect("there is not room for all");
    assert!(limit.0 - used.0 < least, "seed {seed}: {used} of {limit} used, and one of {least} refused");
    assert_eq!(world.gateway.ledger().breaches(), 0, "seed {seed}");
}

/// What the gateway holds for a request at most: its bytes, a frame, and `max_tokens`.
fn most(body: &Value) -> u64 {
    body.to_string().len() as u64 + 200 + body["max_tokens"].as_u64().expect("a number")
}

fn manifests(limit: Tokens) -> String {
    format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: anthropic}}\nspec:\n  provider: anthropic\n  \
         apiKeySecretRef: {{name: key}}\n  maxTokensPerDay: {limit}\n\
         ---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  \
         models: [anthropic/claude-haiku-4-5]\n  tokens: {{maxPerDay: 1000000}}\n\
         ---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: helper}}\nspec:\n  models: [anthropic/claude-haiku-4-5]\n"
    )
}

/// Looks at the account, as often as it can, from a thread of its own.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Watch {
    fn start(world: &World, limit: Tokens) -> Self {
        let ledger = world.gateway.ledger().clone();
        let account =
            Account { scope: Scope::Provider, name: "default/anthropic".into(), day: ledger.today(NOON) };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut looks = 0;
            while !stopped.load(Ordering::Relaxed) {
                let balance = ledger.balance(&account);
                assert!(balance.used().tokens <= limit, "{balance:?} of {limit}");
                looks += 1;
                std::thread::sleep(Duration::from_micros(200));
            }
            looks
        });
        Self { stop, thread }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the limit held at every look")
    }
}
