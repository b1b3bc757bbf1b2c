//! `/metrics`: what it says is what the records, `/status` and `/usage` say, whatever clients send.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pai_runtime::settings::SetBack;
use pai_simulator::{Cut, Fault, Scenario};
use reqwest::Method;
use serde_json::{Value, json};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::exposition::{Exposition, same};
use crate::support::guarded::{ATTACK, HOUSE};
use crate::support::{self, World, asking, hello};

/// Two providers, the second of which is asked where the first fails; a guard; a budget that is spent.
const TWO: &str = "\
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: first}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 1000000
  retry: {maxAttempts: 1}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: second}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  externalAccess: {enabled: true}
  retry: {maxAttempts: 1}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [first/claude-sonnet-4-6, second/claude-haiku-4-5]
  guards:
    - {binding: house, scan: {prompts: true, toolResults: ['*']}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: faithful}
spec:
  models: [first/claude-sonnet-4-6]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: spent}
spec:
  models: [first/claude-sonnet-4-6]
  tokens: {maxPerDay: 10}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec:
  providers: [second]
  maxCostPerDayUSD: 5
";

const HOUR: Duration = Duration::from_secs(3_600);

async fn world() -> World {
    World::with(&format!("{HOUSE}{TWO}"), |settings| {
        settings.upstream.set_back = SetBack { first: HOUR, longest: HOUR };
    })
    .await
}

async fn page(world: &World) -> Exposition {
    let request = support::operator(world.state.path(), Method::GET, "/metrics").await;
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    Exposition::read(&answer.text().await.expect("text"))
}

/// The status of one request, whose answer is read as far as it goes.
async fn ask(world: &World, name: &str, body: &Value) -> u16 {
    let answer = world.message(name, body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let _ = answer.bytes().await;
    status
}

fn failing(fault: Fault) -> Scenario {
    Scenario { fault: Some(fault), ..Scenario::default() }
}

/// More than any bound of the request.
fn too_much() -> Scenario {
    let said = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "hi" }],
        "usage": { "input_tokens": 5, "output_tokens": 90_000 } });
    Scenario { verbatim: Some(said.to_string().into()), ..Scenario::default() }
}

/// One request for each end that there is, with caches and searches; how many records they leave.
async fn all_ends(world: &World) -> usize {
    let (plain, stream) = (hello(false), hello(true));
    let mut count = 0;
    for (scenario, name, body, status) in [
        (Scenario::default(), "faithful", &plain, 200),
        (
            Scenario { cache_read: 300, cache_write_5m: 20, cache_write_1h: 1, ..Scenario::default() },
            "faithful",
            &stream,
            200,
        ),
        (Scenario { cut: Some(Cut::Events(4)), ..Scenario::default() }, "faithful", &stream, 200),
        (failing(Fault::Status { status: 400, retry_after: None }), "faithful", &plain, 400),
        (failing(Fault::Status { status: 429, retry_after: None }), "faithful", &plain, 429),
        (failing(Fault::Garbage), "faithful", &stream, 200),
        // The first is charged in full, the second answers.
        (failing(Fault::Hangup), "coder", &plain, 200),
        (Scenario { cut: Some(Cut::Events(1)), ..Scenario::default() }, "coder", &stream, 200),
        (too_much(), "faithful", &plain, 200),
        (Scenario::default(), "laptop", &asking("claude-haiku-4-5", "Hello", false), 200),
    ] {
        world.simulator.push(scenario);
        assert_eq!(ask(world, name, body).await, status, "{name}, request {count}");
        count += 1;
        world.records(count).await;
    }
    for (name, body, status) in [
        ("coder", &asking("claude-sonnet-4-6", ATTACK, false), 403),
        ("coder", &asking("no-such-model", "Hello", false), 403),
        ("spent", &plain, 429),
        ("laptop", &json!({ "model": 7 }), 400),
    ] {
        assert_eq!(ask(world, name, body).await, status, "{name}: {body}");
        count += 1;
    }
    let stranger = world.client.post(world.url("/v1/messages")).header("x-api-key", "nonsense").json(&plain);
    assert_eq!(stranger.send().await.expect("an answer").status(), 401);
    // Gone in the middle.
    world.simulator.push(Scenario { event_delay: Duration::from_millis(200), ..Scenario::default() });
    let mut left = world.message("faithful", &stream).send().await.expect("a beginning");
    assert!(left.chunk().await.expect("a piece").is_some());
    drop(left);
    world.settled().await;
    count + 2
}

fn text(record: &Value, field: &str) -> String {
    record[field].as_str().unwrap_or_default().to_owned()
}

/// `namespace/name` of a candidate.
fn provider_of(attempt: &Value) -> String {
    let candidate = text(attempt, "candidate");
    candidate.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// What records add up to, by provider.
#[derive(Default)]
struct Sums {
    requests: BTreeMap<(String, String), f64>,
    refusals: BTreeMap<(String, String), f64>,
    attempts: BTreeMap<String, f64>,
    tokens: BTreeMap<(String, String), f64>,
    estimated: BTreeMap<String, f64>,
    cost: BTreeMap<String, f64>,
    seconds: BTreeMap<String, f64>,
    first_bytes: BTreeMap<String, f64>,
}

impl Sums {
    fn of(records: &[Value]) -> Self {
        let mut sums = Self::default();
        for record in records {
            let provider = text(record, "provider");
            *sums.requests.entry((provider.clone(), text(record, "outcome"))).or_default() += 1.0;
            if record["code"].is_string() {
                *sums.refusals.entry((provider.clone(), text(record, "code"))).or_default() += 1.0;
            }
            *sums.seconds.entry(provider.clone()).or_default() +=
                record["latency_ms"].as_f64().expect("ms") / 1e3;
            if let Some(millis) = record["first_byte_ms"].as_f64() {
                *sums.first_bytes.entry(provider.clone()).or_default() += millis / 1e3;
            }
            let attempts = record["attempts"].as_array().cloned().unwrap_or_default();
            let mut rest = record["settled"].clone();
            for attempt in &attempts {
                *sums.attempts.entry(provider_of(attempt)).or_default() += 1.0;
                assert_eq!(attempt["charged"] == true, attempt["settled"].is_object(), "{record}");
                if attempt["settled"].is_object() {
                    sums.charge(&provider_of(attempt), &attempt["settled"]);
                    for field in
                        ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "total"]
                    {
                        let left = rest[field].as_u64().expect("all")
                            - attempt["settled"][field].as_u64().expect("part");
                        rest[field] = json!(left);
                    }
                    let left = rest["cost_usd"].as_f64().expect("all")
                        - attempt["settled"]["cost_usd"].as_f64().expect("part");
                    rest["cost_usd"] = json!(left);
                    // In this test only those that came to nothing are estimated, where there are several.
                    rest["estimated"] = json!(false);
                }
            }
            if rest.is_object() {
                sums.charge(&provider, &rest);
            }
        }
        sums
    }

    fn charge(&mut self, provider: &str, settled: &Value) {
        for class in ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output"] {
            let tokens = settled[class].as_f64().expect("tokens");
            if tokens > 0.0 {
                *self.tokens.entry((provider.to_owned(), class.to_owned())).or_default() += tokens;
            }
        }
        *self.cost.entry(provider.to_owned()).or_default() += settled["cost_usd"].as_f64().expect("dollars");
        if settled["estimated"] == true {
            *self.estimated.entry(provider.to_owned()).or_default() +=
                settled["total"].as_f64().expect("tokens");
        }
    }
}

/// Sums of fractions, with nought where there is none.
fn assert_same(what: &str, shown: &BTreeMap<String, f64>, recorded: &BTreeMap<String, f64>) {
    assert!(recorded.values().any(|sum| *sum > 0.0), "{what} of nothing");
    for (provider, value) in shown {
        let recorded = recorded.get(provider).copied().unwrap_or_default();
        // A microsecond for each request is lost in rounding.
        assert!(
            (value - recorded).abs() < 1e-4,
            "{what} of {provider:?}: {value}, and in records {recorded}"
        );
    }
    assert!(recorded.keys().all(|provider| shown.contains_key(provider)), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_what_the_records_add_up_to() {
    let world = world().await;
    let count = all_ends(&world).await;
    let records = world.records(count).await;
    assert_eq!(records.len(), count);
    let page = page(&world).await;
    let sums = Sums::of(&records);

    let requests = page.by_both("pai_requests_total", ["provider", "outcome"]);
    assert_eq!(requests, sums.requests);
    let outcomes: Vec<_> = requests.keys().map(|(_, outcome)| outcome.as_str()).collect();
    for outcome in ["served", "refused", "upstream_error", "cut", "client_gone"] {
        assert!(outcomes.contains(&outcome), "{outcome} is not among {requests:?}");
    }
    assert_eq!(page.by_both("pai_refusals_total", ["provider", "code"]), sums.refusals);
    assert_eq!(page.by_both("pai_tokens_total", ["provider", "class"]), sums.tokens);
    assert_same("attempts", &page.by("pai_attempts_total", "provider"), &sums.attempts);
    assert_same("estimates", &page.by("pai_estimated_tokens_total", "provider"), &sums.estimated);
    assert_same("costs", &page.by("pai_cost_usd_total", "provider"), &sums.cost);
    assert_same("durations", &page.by("pai_request_duration_seconds_sum", "provider"), &sums.seconds);
    assert_same("first bytes", &page.by("pai_request_first_byte_seconds_sum", "provider"), &sums.first_bytes);
    let all = |name: &str| page.by(name, "provider").values().sum::<f64>();
    assert!(same(all("pai_request_duration_seconds_count"), all("pai_requests_total")));

    let charged = |provider: &str| page.value("pai_estimated_tokens_total", &[("provider", provider)]);
    assert!(charged("default/first") > Some(0.0), "what broke off was charged");
    assert_eq!(charged("default/second"), Some(0.0), "and not to the one that answered");
    let attempts = page.by_both("pai_attempts_total", ["provider", "result"]);
    let results: Vec<_> = attempts.keys().map(|(_, result)| result.as_str()).collect();
    for result in ["answered", "rejected", "rate_limited", "broke_off", "refused"] {
        assert!(results.contains(&result), "{result} is not among {attempts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_status_and_usage_say() {
    let world = world().await;
    let count = all_ends(&world).await;
    world.records(count).await;
    let state = world.state.path();
    let (page, status) = (page(&world).await, support::told(state, "/status").await);
    let usage = support::told(state, "/usage").await;

    let ledger = &status["ledger"];
    assert_eq!(page.value("pai_ledger_granting", &[]), Some(1.0));
    assert_eq!(page.value("pai_ledger_open_holds", &[]), ledger["openHolds"].as_f64());
    assert_eq!(page.value("pai_ledger_bound_breaches_total", &[]), ledger["boundBreaches"].as_f64());
    assert_eq!(ledger["boundBreaches"], 1);

    let guard = &status["guards"][0];
    let verdicts = page.by("pai_guard_verdicts_total", "action");
    for action in ["pass", "allow", "audit", "deny"] {
        assert_eq!(Some(verdicts[action]), guard["verdicts"][action].as_f64(), "{action}: {guard}");
    }
    assert!(verdicts["deny"] > 0.0 && verdicts["pass"] > 0.0, "{verdicts:?}");
    let binding = [("binding", "default/house")];
    assert_eq!(page.value("pai_guard_classifier_calls_total", &binding), guard["calls"].as_f64());
    assert_eq!(page.value("pai_guard_classifier_cached_total", &binding), guard["cached"].as_f64());
    let count = Some(verdicts.values().sum::<f64>());
    assert_eq!(page.value("pai_guard_verdict_duration_seconds_count", &binding), count);
    assert_eq!(page.value("pai_guard_score_count", &binding), count);
    let found = page.by("pai_guard_findings_total", "label");
    assert!(same(found.values().sum(), verdicts["deny"]) && same(found["other"], 0.0), "{found:?}");

    let rows = usage["rows"].as_array().expect("rows");
    assert!(rows.len() >= 6, "{usage}");
    for row in rows {
        let account =
            [("scope", row["scope"].as_str().expect("it")), ("name", row["name"].as_str().expect("it"))];
        let number = |field: &str| row[field].as_f64();
        let settled: f64 = [
            "input_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
            "cache_read_tokens",
            "output_tokens",
        ]
        .into_iter()
        .filter_map(number)
        .sum();
        assert_eq!(page.value("pai_account_settled_tokens", &account), Some(settled), "{row}");
        assert_eq!(page.value("pai_account_held_tokens", &account), number("held_tokens"), "{row}");
        assert_eq!(page.value("pai_account_limit_tokens", &account), number("limit_tokens"), "{row}");
        let dollars = |field: &str| number(field).map(|nano| nano / 1e9);
        assert_eq!(page.value("pai_account_settled_usd", &account), dollars("cost_nano_usd"), "{row}");
        assert_eq!(page.value("pai_account_limit_usd", &account), dollars("limit_nano_usd"), "{row}");
    }
    // Budgets and metrics count the same tokens, also those of attempts that came to nothing.
    let tokens = page.by("pai_tokens_total", "provider");
    for name in ["default/first", "default/second"] {
        let account = [("scope", "provider"), ("name", name)];
        assert_eq!(page.value("pai_account_settled_tokens", &account), Some(tokens[name]), "{name}");
    }

    let bundle = &status["bundle"];
    let info = [("digest", bundle["digest"].as_str().expect("it")), ("origin", "source")];
    assert_eq!(page.value("pai_bundle_info", &info), Some(1.0), "{bundle}");
    assert_eq!(page.value("pai_bundle_up_to_date", &[]), Some(1.0));
    assert_eq!(page.value("pai_bundle_last_refusal_timestamp_seconds", &[]), None);
    let version = [("version", status["version"].as_str().expect("it"))];
    assert_eq!(page.value("pai_build_info", &version), Some(1.0));
    #[expect(clippy::cast_precision_loss, reason = "a time of our days")]
    let noon = support::NOON.0 as f64;
    assert_eq!(page.value("process_start_time_seconds", &[]), Some(noon));
    assert_eq!(page.value("pai_bundle_loaded_timestamp_seconds", &[]), Some(noon));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_opens_is_shown_as_open() {
    let world = world().await;
    let state = |page: &Exposition, state: &str| {
        page.value("pai_breaker_state", &[("provider", "default/first"), ("state", state)])
    };
    assert_eq!(state(&page(&world).await, "closed"), Some(1.0));
    for name in ["coder", "faithful", "coder", "faithful", "coder"] {
        world.simulator.push(failing(Fault::Status { status: 500, retry_after: None }));
        ask(&world, name, &hello(false)).await;
    }
    let opened = page(&world).await;
    assert_eq!((state(&opened, "open"), state(&opened, "closed")), (Some(1.0), Some(0.0)));
    let status = support::told(world.state.path(), "/status").await;
    assert_eq!(status["breakers"][0]["state"], "open");
    ask(&world, "coder", &hello(false)).await;
    world.records(6).await;
    let passed_over = [("provider", "default/first"), ("result", "set_back")];
    assert_eq!(page(&world).await.value("pai_attempts_total", &passed_over), Some(1.0));
}

/// Whatever a client makes up is in no label, and makes no series.
#[tokio::test(flavor = "multi_thread")]
async fn clients_make_no_labels() {
    let world = world().await;
    let strange = |number: usize| format!("m4de-up-{number}\"}} 1\n# TYPE x counter");
    let tools = |name: &str| {
        json!({ "model": "claude-sonnet-4-6", "max_tokens": 100, "messages": [
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "t1", "name": name, "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t1", "content": "rain" }] },
        ] })
    };
    let mut records = 0;
    let mut send = async |number: usize| {
        let made_up = strange(number);
        ask(&world, "coder", &asking(&made_up, "Hello", false)).await;
        ask(&world, "coder", &asking(&format!("first/{made_up}"), "Hello", false)).await;
        assert_eq!(ask(&world, "coder", &tools(&format!("m4de-up-{number}"))).await, 200);
        for path in [format!("/v1/models/m4de-up-{number}"), format!("/v1/m4de-up-{number}")] {
            let request = world.request(Method::GET, &path, "coder").header("x-forwarded-for", "m4de-up");
            request.send().await.expect("an answer");
        }
        let credential = format!("pai_agt_m4de-up-{number}");
        let stranger = world.client.post(world.url("/v1/messages")).header("x-api-key", credential);
        stranger.json(&hello(false)).send().await.expect("an answer");
        let method = Method::from_bytes(format!("M4DE-UP-{number}").as_bytes()).expect("a method");
        world.request(method, "/v1/messages", "coder").send().await.expect("an answer");
        records += 5;
        world.settled().await;
        world.records(records).await;
        page(&world).await
    };
    let first = send(0).await;
    let mut last = first;
    let before: Vec<_> = last.series().into_iter().cloned().collect();
    for number in 1..6 {
        last = send(number).await;
    }
    let after: Vec<_> = last.series().into_iter().cloned().collect();
    assert_eq!(before, after, "the same series, however many names were made up");
    assert!(!format!("{after:?}").to_lowercase().contains("m4de"), "{after:?}");
    let read = page(&world).await.by("pai_guard_verdicts_total", "target");
    assert!(read["toolResults"] > 0.0, "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_metrics_without_a_token() {
    let world = world().await;
    let url = format!("{}/metrics", world.gateway.admin_url());
    let bare = world.client.get(&url).send().await.expect("an answer");
    assert_eq!(bare.status(), 401);
    let said = bare.text().await.expect("text");
    assert!(!said.contains("pai_requests"), "{said}");
    let caller = world.client.get(&url).bearer_auth(world.token("coder")).send().await.expect("an answer");
    assert_eq!(caller.status(), 403);
    let data = world.client.get(world.url("/metrics")).send().await.expect("an answer");
    assert_eq!(data.status(), 404, "callers have no such path");
}

/// Dashboards and alerts know metrics by their names: a change of one shall be seen.
#[tokio::test(flavor = "multi_thread")]
async fn names_types_and_meanings_are_as_written_down() {
    let world = world().await;
    let page = page(&world).await;
    let lines = page.families.iter().map(|(name, kind, help)| format!("{name} ({kind}): {help}\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics/families.txt");
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(lines.collect::<String>()).raw(), expected);
}

/// The page for people has every metric, and none that there is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_every_metric() {
    let world = world().await;
    let page = page(&world).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(file).expect("the page");
    for (name, ..) in &page.families {
        assert!(text.contains(&format!("| `{name}` |")), "{name} is not in a table of docs/metrics.md");
    }
    let known = |word: &str| {
        let is = |suffix: &str| page.families.iter().any(|(name, ..)| format!("{name}{suffix}") == word);
        ["", "_bucket", "_sum", "_count"].into_iter().any(is)
    };
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for word in words.filter(|word| word.starts_with("pai_") && !word.starts_with("pai_tok_")) {
        assert!(known(word), "docs/metrics.md names {word}, which there is not");
    }
}
