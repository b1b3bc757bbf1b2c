//! A thousand requests at once against a budget for ten: the limit holds at every moment, and nobody is turned away
//! while there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::Tokens;
use pai_ledger::Account;
use pai_runtime::settings::Settings;
use pai_simulator::Scenario;
use serde_json::json;

use crate::support::{NOON, World};

const REQUESTS: usize = 1_000;
/// How many holds of one request fit the budget.
const FIT: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_never_exceed_a_budget_for_ten() {
    let body = json!({ "model": "claude-haiku-4-5", "max_tokens": 1_000, "stream": true,
                       "messages": [{ "role": "user", "content": "Hello there" }] });
    let hold = bound(&body.to_string());
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

/// What the gateway holds for a body of this text: its bytes, a frame, and `max_tokens`.
fn bound(body: &str) -> u64 {
    body.len() as u64 + 200 + 1_000
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
            Account { scope: Scope::Provider, name: "default/anthropic".to_owned(), day: ledger.today(NOON) };
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
