//! The list of threats, line by line: each is a test, here or elsewhere.
//!
//! | number | threat | where |
//! | --- | --- | --- |
//! | 1 | the caller names the upstream | `nothing_in_a_request_chooses_where_it_goes`, `routes::headers_never_choose_an_upstream_or_a_principal` |
//! | 3 | redirects | `a_redirect_is_neither_followed_nor_passed_on` |
//! | 4 | addresses in content | `addresses_in_content_are_never_fetched` |
//! | 5 | a path without the checks | `routes::every_path_but_the_probes_wants_a_credential`, `routes::every_path_that_reaches_a_provider_is_decided_and_metered` |
//! | 6 | tricks with paths | `routes::nothing_else_is_routed`, `paths_that_only_look_alike_lead_nowhere`, `threats_http2::paths_and_authorities_decide_nothing_that_they_would_not_over_http_1` |
//! | 7 | `Host` and forwarded headers | `hosts_and_forwarded_addresses_never_change_who_is_let_in` |
//! | 8 | two credentials | `any_two_credentials_are_refused`, `refusals::two_different_credentials_are_refused_and_one_sent_twice_is_not` |
//! | 9 | hop-by-hop and internal headers | `headers_for_a_neighbour_or_of_our_own_do_not_pass_either_way` |
//! | 10 | credentials and cookies on the other side | `no_credential_and_no_cookie_crosses_the_gateway` |
//! | 11 | smuggling | `threats_wire::a_head_with_two_lengths_is_refused_and_nothing_behind_it_is_a_request` |
//! | 12 | leftover bodies | `threats_wire::the_body_of_a_refused_request_is_never_a_request` |
//! | 13 | floods of headers | `hostile_clients::floods_of_headers_are_closed`, `threats_http2::headers_that_never_end_close_the_connection`, `threats_http2::requests_that_are_taken_back_at_once_close_the_connection_and_hold_nothing` |
//! | 14 | slow and idle connections | `hostile_clients::headers_that_trickle_and_connections_that_say_nothing_are_closed`, `threats_http2::idle_connections_are_closed_and_waiting_ones_are_not` |
//! | 15 | large bodies | `refusals::bodies_that_are_too_large_or_no_json_are_refused`, `threats_wire::a_body_over_the_limit_without_a_length_is_refused` |
//! | 16 | packed bombs | `threats_wire::a_packed_request_is_refused_and_not_unpacked`, `threats_wire::a_packed_answer_that_unpacks_without_end_is_passed_on_packed_and_counted_in_full` |
//! | 17 | bombs of JSON | `threats_wire::json_that_readers_could_take_differently_is_refused_in_every_dialect`, `threats_wire::json_that_is_only_unusual_never_hurts_the_gateway` |
//! | 18 | endless events | `drill::an_event_without_an_end_costs_no_memory_and_disturbs_no_other_stream` |
//! | 19 | slow readers | `hostile_clients`, `threats_http2::an_answer_that_nobody_reads_is_dropped_and_settled` |
//! | 20 | guesses and timing | `pai_runtime::identify::guesses::a_million_random_keys_cause_no_look_up`, `pai_runtime::identify::timing::time_tells_no_wrong_id_from_a_wrong_secret_or_a_right_key`, `threats_keys::guesses_over_the_wire_get_one_answer_and_touch_no_account` |
//! | 21 | injection | `threats_keys::names_and_labels_are_only_ever_values`, `threats_keys::a_key_is_only_ever_compared`, `threats_process::a_name_with_a_line_break_forges_no_line_of_the_log` |
//! | 22 | revoked and expired keys | `threats_keys::what_has_ended_is_refused_on_a_connection_that_is_open`, `threats_keys::a_revoked_secret_is_refused_on_a_connection_that_is_open`, `live_edits::a_key_that_is_taken_away_is_refused_within_a_second_on_an_open_connection` |
//! | 23 | secrets in output | `canaries_served::no_planted_secret_leaves_a_gateway_at_work`, `canaries_served::no_planted_secret_is_in_what_commands_say_of_a_served_workspace`, `canaries::no_planted_secret_is_in_a_bundle_or_in_what_is_said_of_it` |
//! | 24 | prompts in logs | `threats_process::prompts_are_in_no_file`, `canaries_served::no_planted_secret_leaves_a_gateway_at_work` |
//! | 25 | secrets on disk | `threats_process::a_store_that_others_can_read_is_not_served`, `canaries_served::no_planted_secret_leaves_a_gateway_at_work` |
//! | 26 | other tenants | `threats_admin::a_caller_learns_nothing_of_others` |
//! | 28 | tricks with names of models | `threats_words::the_model_that_is_called_is_the_one_that_was_decided_on`, `reach::nothing_is_reached_that_its_caller_may_not_use` |
//! | 29 | lies of a provider | `threats_words::usage_that_cannot_be_true_is_bounded_or_an_alarm`, `threats_words::heads_that_a_provider_should_not_send_do_not_reach_the_client` |
//! | 31 | a configuration that is broken, or half written | `live_edits::ten_thousand_requests_are_each_decided_by_one_version_while_a_hundred_come_and_go`, `reload::what_is_refused_leaves_the_last_good_bundle_in_force_and_says_so` |
//! | 32 | the operators' door | `threats_admin::nobody_but_an_operator_gets_through_the_admin_door`, `threats_admin::an_admin_token_opens_nothing_for_callers` |
//! | 34 | rights of the process | `threats_process::a_gateway_needs_no_rights_and_nothing_but_its_state_folder_to_write_to`, `threats_process::unsafe_code_is_forbidden_in_every_crate` |

use std::net::SocketAddr;
use std::time::Duration;

use pai_simulator::{Fault, Scenario, Simulator};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{MANIFESTS, PROVIDER_KEY, World, hello};

/// Every kind of provider that tests ask here, open to agents and keys.
pub(crate) const OPEN: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: key}, externalAccess: {enabled: true}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec: {provider: openai, apiKeySecretRef: {name: key}, responsesApi: native, externalAccess: {enabled: true}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: google}
spec: {provider: gemini, apiKeySecretRef: {name: key}, externalAccess: {enabled: true}}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [anthropic, openai, google]}
";

const MODELS: [&str; 3] = ["anthropic/claude-sonnet-4-6", "openai/gpt-4o", "google/gemini-2.5-flash"];

/// A small request for every path that takes one.
pub(crate) fn bodies(prompt: &Value) -> Vec<(&'static str, Value)> {
    let messages = json!([{ "role": "user", "content": prompt }]);
    vec![
        ("messages", json!({ "max_tokens": 9, "messages": messages })),
        ("messages/count_tokens", json!({ "messages": messages })),
        ("chat/completions", json!({ "messages": messages })),
        ("responses", json!({ "input": messages })),
        ("completions", json!({ "prompt": "hi" })),
        ("embeddings", json!({ "input": "hi" })),
    ]
}

/// 1. Whatever names an address, in the body, the query or a header: the bundle's own is asked.
#[tokio::test]
async fn nothing_in_a_request_chooses_where_it_goes() {
    const NAMES: [&str; 16] = [
        "api_base",
        "apiBase",
        "base_url",
        "baseUrl",
        "endpoint",
        "upstream",
        "upstream_url",
        "url",
        "host",
        "proxy",
        "target",
        "api_host",
        "azure_endpoint",
        "custom_host",
        "litellm_params",
        "provider_url",
    ];
    const HEADERS: [&str; 12] = [
        "x-portkey-custom-host",
        "x-portkey-config",
        "x-pai-upstream",
        "x-base-url",
        "x-api-base",
        "x-forwarded-host",
        "x-original-url",
        "x-rewrite-url",
        "x-host",
        "x-proxy-url",
        "helicone-target-url",
        "x-upstream-host",
    ];
    let world = World::of(OPEN).await;
    let canary = Simulator::start(pai_simulator::Settings::default()).await.expect("a canary");
    let (url, authority) = (canary.url(), canary.address().to_string());
    for model in MODELS {
        for (path, mut body) in bodies(&json!("hi")) {
            body["model"] = json!(model);
            let query: Vec<String> = NAMES.iter().map(|name| format!("{name}={url}")).collect();
            for name in NAMES {
                body[name] = json!(url);
            }
            body["extra_body"] = json!({ "api_base": url, "base_url": url });
            body["extra_headers"] = json!({ "host": authority });
            let path = format!("/ext/v1/{path}?{}", query.join("&"));
            let mut request = world.request(Method::POST, &path, "laptop").json(&body);
            for name in HEADERS {
                request = request.header(name, &url);
            }
            let forwarded = format!("for=1.2.3.4;host={authority};proto=http");
            request = request.header("host", &authority).header("forwarded", forwarded);
            request.send().await.expect("an answer").bytes().await.expect("all of it");
        }
    }
    assert_eq!(canary.log().len(), 0);
    let log = world.simulator.log().entries();
    assert!(log.len() >= 9, "most were in order: {}", log.len());
    for entry in log {
        assert_ne!(entry.header("host"), Some(authority.as_str()), "{entry:?}");
    }
}

/// 3. A provider that sends us elsewhere is a provider that failed: neither the key nor the client goes there.
#[tokio::test]
async fn a_redirect_is_neither_followed_nor_passed_on() {
    let manifests = OPEN.replace("apiKeySecretRef", "retry: {maxAttempts: 1}, apiKeySecretRef");
    let world = World::of(&manifests).await;
    let canary = Simulator::start(pai_simulator::Settings::default()).await.expect("a canary");
    for status in [300, 301, 302, 303, 304, 307, 308] {
        for model in MODELS {
            for stream in [false, true] {
                let location = format!("{}/v1/messages", canary.url());
                let fault = Fault::Redirect { status, location };
                world.simulator.push(Scenario { fault: Some(fault), ..Scenario::default() });
                let mut body = hello(stream);
                body["model"] = json!(model);
                let answer = world.message("laptop", &body).send().await.expect("an answer");
                assert_eq!(answer.status(), 502, "{status} of {model}");
                assert!(!answer.headers().contains_key("location"), "{status} of {model}");
                let error: Value = answer.json().await.expect("json");
                assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("api_error")));
            }
        }
    }
    assert_eq!(canary.log().len(), 0);
    world.settled().await;
}

/// 4. Pictures, files and tools are named by address in many ways; we open none.
#[tokio::test]
async fn addresses_in_content_are_never_fetched() {
    let world = World::of(OPEN).await;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a canary");
    let url = format!("http://{}/picture.png", listener.local_addr().expect("an address"));
    let contents = [
        json!([{ "type": "image_url", "image_url": { "url": url } }, { "type": "text", "text": "hi" }]),
        json!([{ "type": "image", "source": { "type": "url", "url": url } }]),
        json!([{ "type": "document", "source": { "type": "url", "url": url } }]),
        json!([{ "type": "input_image", "image_url": url }]),
        json!([{ "type": "input_file", "file_url": url }]),
        json!([{ "type": "video_url", "video_url": { "url": url } }]),
        json!([{ "type": "text", "text": url }]),
    ];
    for content in &contents {
        for model in MODELS {
            for (path, mut body) in bodies(content) {
                body["model"] = json!(model);
                body["mcp_servers"] = json!([{ "type": "url", "url": url, "name": "a" }]);
                let request = world.request(Method::POST, &format!("/ext/v1/{path}"), "laptop").json(&body);
                request.send().await.expect("an answer").bytes().await.expect("all of it");
            }
        }
    }
    assert!(!world.simulator.log().is_empty());
    let fetched = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(fetched.is_err(), "somebody asked the canary");
}

/// Sends a head as it stands, with a body that is in order; the status.
async fn status_of(world: &World, head: &str) -> u16 {
    let body = hello(false).to_string();
    let request = format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let mut socket = TcpStream::connect(world.gateway.address()).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // The gateway may close before it has read everything.
    let _ = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{head:?}: {text}"))
}

/// 6. What `routes` does not have: dots, doubled escapes, and the way from outside to inside.
#[tokio::test]
async fn paths_that_only_look_alike_lead_nowhere() {
    let world = World::of(MANIFESTS).await;
    // A key, for which the paths of agents are closed.
    for target in [
        "/ext/%2e%2e/v1/messages",
        "/ext/../v1/messages",
        "/ext/v1/%2e%2e/%2e%2e/v1/messages",
        "/ext/v1/..%2f..%2fv1/messages",
        "/ext/..;/v1/messages",
        "/ext/v1/messages/..",
        "/ext/v1/messages/.",
        "/ext//v1/messages",
        "/ext/v1/messages%2f",
        "/ext/v1/messages%252e",
        "/ext/v1\\messages",
        "/EXT/v1/messages",
        "/ext/v1/messages%0d%0ax:y",
        "/ext/v1/messages/count_tokens/../../messages",
        "/v1/messages",
        "http://gateway/v1/messages",
        "http://user@gateway/v1/messages",
    ] {
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {}\r\nanthropic-version: 2023-06-01\r\n",
            world.token("laptop")
        );
        let status = status_of(&world, &head).await;
        assert!([400, 401, 404].contains(&status), "{target}: {status}");
    }
    assert_eq!(world.simulator.log().len(), 0);
}

/// 7. Names of hosts, and addresses that nobody vouches for, decide nothing.
#[tokio::test]
async fn hosts_and_forwarded_addresses_never_change_who_is_let_in() {
    let manifests =
        MANIFESTS.replace("providers: [anthropic]", "providers: [anthropic]\n  allowedCidrs: [10.0.0.0/8]");
    let world = World::of(&manifests).await;
    let hosts = [
        "host: gateway",
        "host: ",
        "host: 127.0.0.1:8081",
        "host: localhost",
        "host: api.anthropic.com",
        "host: a/../b",
        "host: gateway/ext/v1/messages?",
        "host: [::1",
        "host: a b",
        "host: \u{fc}",
        "host: a\r\nhost: b",
        "x: y",
        "host: metadata.google.internal",
        "host: gateway#",
        "host: gateway@admin",
    ];
    let forwarded = [
        "x: y",
        "x-forwarded-for: 10.0.0.1",
        "x-real-ip: 10.0.0.1",
        "forwarded: for=10.0.0.1",
        "x-forwarded-for: 127.0.0.1, 10.0.0.1",
        "x-client-ip: 10.0.0.1",
        "true-client-ip: 10.0.0.1",
        "cf-connecting-ip: 10.0.0.1",
        "x-forwarded-for: ::ffff:10.0.0.1",
        "x-forwarded-host: 10.0.0.1",
    ];
    let head = |path: &str, headers: &str, name: Option<&str>| {
        let key = name.map(|name| format!("x-api-key: {}\r\n", world.token(name))).unwrap_or_default();
        format!("POST {path} HTTP/1.1\r\n{headers}\r\n{key}anthropic-version: 2023-06-01\r\n")
    };
    for host in hosts {
        let status = status_of(&world, &head("/v1/messages", host, None)).await;
        assert!([400, 401].contains(&status), "{host}: {status}");
        let status = status_of(&world, &head("/v1/messages", host, Some("laptop"))).await;
        assert!([400, 401].contains(&status), "{host}: {status}");
        assert_eq!(world.simulator.log().len(), 0, "{host}");
        // Who may come may come under any name, or is told that the name is none.
        let status = status_of(&world, &head("/v1/messages", host, Some("coder"))).await;
        assert!([200, 400].contains(&status), "{host}: {status}");
        world.simulator.log().clear();
    }
    for headers in forwarded {
        // The key is for other addresses than this one.
        let status =
            status_of(&world, &head("/ext/v1/messages", &format!("host: g\r\n{headers}"), Some("laptop")))
                .await;
        assert_eq!(status, 403, "{headers}");
    }
    assert_eq!(world.simulator.log().len(), 0);
}

/// 8. Every pair of places for a credential, in either order, also the same place twice.
#[tokio::test]
async fn any_two_credentials_are_refused() {
    const PLACES: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let world = World::of(MANIFESTS).await;
    let shown = |place: &str, token: &str| {
        if place == "authorization" { format!("Bearer {token}") } else { token.to_owned() }
    };
    let (coder, laptop) = (world.token("coder"), world.token("laptop"));
    for first in PLACES {
        for second in PLACES {
            for (one, other) in [(coder, laptop), (laptop, coder), (coder, "nonsense"), ("nonsense", coder)] {
                for path in ["/v1/messages", "/ext/v1/messages"] {
                    let request =
                        world.client.post(world.url(path)).header("anthropic-version", "2023-06-01");
                    let request =
                        request.header(first, shown(first, one)).header(second, shown(second, other));
                    let status = request.json(&hello(false)).send().await.expect("an answer").status();
                    assert_eq!(status, 400, "{first}, {second}");
                }
            }
        }
    }
    assert_eq!(world.simulator.log().len(), 0);
}

/// 9. Headers that are for the next hop alone, those that the sender calls so, and those that only we write.
#[tokio::test]
async fn headers_for_a_neighbour_or_of_our_own_do_not_pass_either_way() {
    let world = World::of(MANIFESTS).await;
    let mut request = world.message("coder", &hello(false));
    let ours = ["x-pai-principal", "x-pai-provider", "x-pai-request-id", "x-pai-budget-remaining-tokens"];
    let near = [
        "proxy-authorization",
        "te",
        "trailer",
        "keep-alive",
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "x-near",
    ];
    for name in ours.into_iter().chain(near) {
        request = request.header(name, "from-the-client");
    }
    let answer = request.header("connection", "x-near, x-api-key").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let entry = world.simulator.log().entries().remove(0);
    let passed: Vec<_> =
        entry.headers.iter().filter(|(_, value)| value.contains("from-the-client")).collect();
    assert!(passed.is_empty(), "{passed:?}");
    assert_eq!(entry.header("x-api-key"), Some(PROVIDER_KEY), "naming it does not take our own away");

    let theirs = [
        ("connection", "x-near"),
        ("x-near", "from-the-provider"),
        ("proxy-authenticate", "from-the-provider"),
        ("x-pai-principal", "from-the-provider"),
        ("x-pai-provider", "from-the-provider"),
        ("x-pai-model", "from-the-provider"),
        ("x-pai-dropped", "from-the-provider"),
        ("x-pai-count", "from-the-provider"),
        ("x-pai-budget-remaining-usd", "from-the-provider"),
        ("x-pai-request-id", "from-the-provider"),
        ("set-cookie", "from-the-provider"),
        ("x-api-key", "from-the-provider"),
        ("authorization", "from-the-provider"),
        ("anthropic-ratelimit-tokens-limit", "from-the-provider"),
        ("x-future", "kept"),
    ];
    for status in [200, 400, 529] {
        let headers = theirs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let fault = Fault::Verbatim { status, headers, body: "{}".into() };
        world.simulator.scenario(Scenario { fault: Some(fault), ..Scenario::default() });
        let answer = world.message("coder", &hello(false)).send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        for (name, value) in answer.headers() {
            assert_ne!(value, "from-the-provider", "{status}: {name}");
        }
        assert_eq!(answer.headers()["x-future"], "kept", "what nobody knows passes");
    }
}

/// 10. In what either side received, byte by byte: nothing of the other side's secrets.
#[tokio::test]
async fn no_credential_and_no_cookie_crosses_the_gateway() {
    let world = World::of(OPEN).await;
    let token = world.token("laptop").to_owned();
    for place in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        for model in MODELS {
            for fault in ["", "[[simulate: error=400]]", "[[simulate: error=401]]", "[[simulate: html]]"] {
                for (path, mut body) in bodies(&json!(format!("hi {fault}"))) {
                    body["model"] = json!(model);
                    let shown =
                        if place == "authorization" { format!("Bearer {token}") } else { token.clone() };
                    let request =
                        world.client.post(world.url(&format!("/ext/v1/{path}"))).header(place, shown);
                    let request =
                        request.header("cookie", "client-cookie=1").header("anthropic-version", "2023-06-01");
                    let answer = request.json(&body).send().await.expect("an answer");
                    let head = format!("{:?}", answer.headers());
                    let text = answer.text().await.unwrap_or_default();
                    for hidden in [PROVIDER_KEY, "__cf_bm", "set-cookie", token.as_str()] {
                        assert!(
                            !head.contains(hidden) && !text.contains(hidden),
                            "{path} of {model}: {hidden}"
                        );
                    }
                }
            }
        }
    }
    let log = world.simulator.log().entries();
    assert!(log.len() > 100, "{}", log.len());
    for entry in log {
        let received = format!("{entry:?}");
        assert!(!received.contains(&token) && !received.contains("client-cookie"), "{received}");
    }
    let records = std::fs::read_to_string(world.state.path().join("records.jsonl")).expect("records");
    assert!(!records.contains(&token) && !records.contains(PROVIDER_KEY));
}
