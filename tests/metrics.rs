//! `/metrics`: what it says is what the records, `/status` and `/usage` say, whatever clients send.

mod ends;
mod sums;

use std::collections::BTreeMap;
use std::path::Path;

use pai_simulator::Fault;
use pai_simulator::classifier::{self, Classifier, Scenario};
use reqwest::Method;
use serde_json::json;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::exposition::{Exposition, same};
use crate::support::guarded::{attached, coder, provider};
use crate::support::{self, World, asking, hello};
use ends::{all_ends, ask, failing, world};
use sums::Sums;

async fn page(world: &World) -> Exposition {
    Exposition::ask(world.state.path()).await
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

/// A service that says what it likes, and then fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_makes_no_labels_and_is_seen_to_fail() {
    let classifier = Classifier::start().await.expect("a classifier");
    let says = |label: &str| vec![("ice".to_owned(), format!(r#"{{"label":"{label}","score":0.97}}"#))];
    let world = World::of(&format!(
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {{name: remote}}\nspec:\n  \
         classifier: {{type: custom, endpoint: '{}', timeoutMs: 500}}\n  thresholds: {{toxic: 0.9}}\n{}{}",
        classifier.endpoint(),
        provider("anthropic", ""),
        coder(
            "anthropic/claude-sonnet-4-6",
            &attached("remote", "scan: {prompts: true}, enforcement: audit")
        ),
    ))
    .await;
    let prompt = |number: usize| asking("claude-sonnet-4-6", &format!("tell me of ice {number}"), false);
    for (number, label) in ["TOXIC", "m4de up", "m4de-up-again", "toxic"].into_iter().enumerate() {
        classifier.scenario(Scenario { finds: says(label), ..Scenario::default() });
        assert_eq!(ask(&world, "coder", &prompt(number)).await, 200, "it only records");
    }
    let found = page(&world).await.by("pai_guard_findings_total", "label");
    assert!(same(found["toxic"], 2.0) && same(found["other"], 2.0), "{found:?}");
    assert_eq!(found.len(), 4, "injection and jailbreak always have one: {found:?}");

    classifier.scenario(Scenario::failing(classifier::Fault::Status(500)));
    for number in 10..17 {
        assert_eq!(ask(&world, "coder", &prompt(number)).await, 200);
    }
    let (page, status) = (page(&world).await, support::told(world.state.path(), "/status").await);
    let guard = &status["guards"][0];
    let reasons = page.by("pai_guard_unavailable_total", "reason");
    for (reason, count) in guard["unavailable"].as_object().expect("reasons") {
        assert_eq!(Some(reasons[reason]), count.as_f64(), "{reason}: {guard}");
    }
    assert!(reasons["status"] > 0.0 && reasons["open"] > 0.0, "{reasons:?}");
    let binding = [("binding", "default/remote")];
    assert_eq!(page.value("pai_guard_classifier_failures_total", &binding), guard["failures"].as_f64());
    assert_eq!(guard["breaker"]["state"], "open");
    let open = [("binding", "default/remote"), ("state", "open")];
    assert_eq!(page.value("pai_guard_breaker_state", &open), Some(1.0));
    assert_eq!(page.value("pai_guard_score_count", &binding), Some(4.0), "only verdicts have scores");
}
