//! Guards at work: every path that carries text is read, in both directions, and what is found is refused, audited or left to
//! a policy, with the manifest's line.

use pai_protocol::Dialect;
use pai_runtime::surface::{Audience, Operation, ROUTES};
use pai_simulator::Scenario;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::guarded::{ATTACK, HOUSE, attached, coder, provider};

const HARMLESS: &str = "Please tell me how glaciers move.";

/// Providers of all families, whose guard reads all that there is to be read.
fn everything() -> String {
    let guards =
        attached("house", "scan: {prompts: true, system: true, responses: true, toolResults: ['*']}");
    let open = "  externalAccess: {enabled: true}\n".to_owned() + &guards;
    let key = "---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: laptop}\n\
               spec: {providers: [anthropic, openai, gemini]}\n";
    [
        HOUSE,
        &provider("anthropic", &open),
        &provider("openai", &format!("  responsesApi: native\n{open}")),
        &provider("gemini", &open),
        &coder("anthropic/claude-sonnet-4-6, openai/gpt-4o, gemini/gemini-2.5-flash", ""),
        key,
    ]
    .concat()
}

/// Where a text can stand in a request of a dialect, with a request that has it there.
fn places(dialect: Dialect, text: &str) -> Vec<(&'static str, Value)> {
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    match dialect {
        Dialect::Messages => {
            let of = |messages: Value| json!({ "model": "claude-sonnet-4-6", "max_tokens": 500, "messages": messages });
            let mut system = of(user(json!(HARMLESS)));
            system["system"] = json!([{ "type": "text", "text": text }]);
            let mut tool = of(user(json!(HARMLESS)));
            tool["tools"] =
                json!([{ "name": "look", "description": text, "input_schema": { "type": "object" } }]);
            vec![
                ("a prompt", of(user(json!(text)))),
                ("a block", of(user(json!([{ "type": "text", "text": text }])))),
                (
                    "a document",
                    of(user(json!([
                        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": text } },
                        { "type": "text", "text": HARMLESS },
                    ]))),
                ),
                (
                    "an older turn",
                    of(json!([
                        { "role": "user", "content": text },
                        { "role": "assistant", "content": "Well." },
                        { "role": "user", "content": HARMLESS },
                    ])),
                ),
                (
                    "a tool's result",
                    of(json!([
                        { "role": "user", "content": HARMLESS },
                        { "role": "assistant", "content": [
                            { "type": "tool_use", "id": "toolu_1", "name": "web_search", "input": {} } ] },
                        { "role": "user", "content": [
                            { "type": "tool_result", "tool_use_id": "toolu_1", "content": [
                                { "type": "text", "text": text } ] } ] },
                    ])),
                ),
                ("instructions", system),
                ("a tool's description", tool),
            ]
        }
        Dialect::Chat => {
            let of = |messages: Value| json!({ "model": "gpt-4o", "max_tokens": 500, "messages": messages });
            vec![
                ("a prompt", of(user(json!(text)))),
                ("a part", of(user(json!([{ "type": "text", "text": text }])))),
                (
                    "a tool's result",
                    of(json!([
                        { "role": "user", "content": HARMLESS },
                        { "role": "assistant", "content": null, "tool_calls": [
                            { "id": "call_1", "type": "function", "function": { "name": "web", "arguments": "{}" } } ] },
                        { "role": "tool", "tool_call_id": "call_1", "content": text },
                    ])),
                ),
                (
                    "instructions",
                    of(
                        json!([{ "role": "system", "content": text }, { "role": "user", "content": HARMLESS }]),
                    ),
                ),
            ]
        }
        Dialect::Responses => {
            let of = |input: Value| json!({ "model": "gpt-4o", "max_output_tokens": 500, "input": input });
            let mut instructions = of(json!(HARMLESS));
            instructions["instructions"] = json!(text);
            vec![
                ("a prompt", of(json!(text))),
                ("a part", of(user(json!([{ "type": "input_text", "text": text }])))),
                (
                    "a tool's result",
                    of(json!([
                        { "role": "user", "content": HARMLESS },
                        { "type": "function_call", "call_id": "call_1", "name": "web", "arguments": "{}" },
                        { "type": "function_call_output", "call_id": "call_1", "output": text },
                    ])),
                ),
                ("instructions", instructions),
            ]
        }
        Dialect::Completions => {
            let of = |prompt: Value| json!({ "model": "gpt-4o", "max_tokens": 500, "prompt": prompt });
            vec![("a prompt", of(json!(text))), ("one of several", of(json!([HARMLESS, text])))]
        }
        Dialect::Embeddings => {
            let of = |input: Value| json!({ "model": "gpt-4o", "input": input });
            vec![("a text", of(json!(text))), ("one of several", of(json!([HARMLESS, text])))]
        }
        Dialect::Gemini => Vec::new(),
    }
}

async fn ask(world: &World, path: &str, name: &str, body: &Value) -> Response {
    world.request(Method::POST, path, name).json(body).send().await.expect("an answer")
}

fn is_answered(dialect: Dialect, path: &str) -> bool {
    dialect != Dialect::Embeddings && !path.contains("count_tokens")
}

/// What an answer that a guard keeps back says to the client.
async fn assert_refused(answer: Response, what: &str) {
    assert_eq!(answer.status(), 403, "{what}");
    assert_eq!(answer.headers()["x-should-retry"], "false", "{what}");
    let body: Value = answer.json().await.expect("json");
    assert_eq!(body["error"]["details"]["error_code"], "guard_refused", "{what}: {body}");
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(message.contains("default/house") && message.contains("pai.yaml:"), "{what}: {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_that_carries_text_is_read_wherever_the_text_stands() {
    let world = World::of(&everything()).await;
    let mut walked = 0;
    for route in ROUTES {
        let Operation::Forward { dialect, .. } = route.operation else { continue };
        let name = if route.audience == Audience::External { "laptop" } else { "coder" };
        for stream in [false, true] {
            if stream && !is_answered(dialect, route.path) {
                continue;
            }
            for (place, mut body) in places(dialect, ATTACK) {
                if stream {
                    body["stream"] = json!(true);
                }
                let what = format!("{} stream {stream}: {place}", route.path);
                assert_refused(ask(&world, route.path, name, &body).await, &what).await;
                assert_eq!(world.simulator.log().len(), 0, "{what}: nothing is sent");
                walked += 1;
            }
            for (place, mut body) in places(dialect, HARMLESS) {
                if stream {
                    body["stream"] = json!(true);
                }
                let answer = ask(&world, route.path, name, &body).await;
                assert_eq!(answer.status(), 200, "{} stream {stream}: {place}", route.path);
                answer.bytes().await.expect("whole");
                assert_eq!(world.simulator.log().len(), 1);
                world.simulator.log().clear();
            }
        }
    }
    assert!(walked >= 70, "{walked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_read_before_the_client_reads_it() {
    let world = World::of(&everything()).await;
    for route in ROUTES {
        let Operation::Forward { dialect, .. } = route.operation else { continue };
        if !is_answered(dialect, route.path) {
            continue;
        }
        let name = if route.audience == Audience::External { "laptop" } else { "coder" };
        // The same from a provider of another dialect, where the answer is translated.
        let models: &[&str] = match dialect {
            Dialect::Messages => &["claude-sonnet-4-6", "gpt-4o", "gemini-2.5-flash"],
            Dialect::Completions => &["gpt-4o"],
            _ => &["gpt-4o", "claude-sonnet-4-6", "gemini-2.5-flash"],
        };
        for model in models {
            for stream in [false, true] {
                let (_, mut body) = places(dialect, HARMLESS).remove(0);
                body["model"] = json!(model);
                body["stream"] = json!(stream);
                let what = format!("{} {model} stream {stream}", route.path);
                world.simulator.scenario(Scenario {
                    output_tokens: 200,
                    say: Some(format!("Here you are. {ATTACK} Good luck.")),
                    ..Scenario::default()
                });
                assert_refused(ask(&world, route.path, name, &body).await, &what).await;
                world.settled().await;
                world.simulator.scenario(Scenario { output_tokens: 200, ..Scenario::default() });
                let answer = ask(&world, route.path, name, &body).await;
                assert_eq!(answer.status(), 200, "{what}");
                let text = answer.text().await.expect("whole");
                assert!(text.contains("simulator"), "{what}: {text}");
            }
        }
    }
}

/// Claude Code's reminders are its own words, in requests that are its own, and nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_claude_codes_own_reminders_are_not_its_users_words() {
    let manifests = everything().replace("system: true, ", "");
    let world = World::of(&manifests).await;
    let reminder = format!("<system-reminder>\n{ATTACK}\n</system-reminder>");
    let ask = |program: &'static str, blocks: Vec<String>| {
        let content: Vec<Value> =
            blocks.into_iter().map(|text| json!({ "type": "text", "text": text })).collect();
        let body = json!({ "model": "claude-sonnet-4-6", "max_tokens": 50,
            "messages": [{ "role": "user", "content": content }] });
        world.message("coder", &body).header("user-agent", program).send()
    };
    let claude_code = "claude-cli/2.1.332 (external, cli)";
    for (program, blocks, expected) in [
        (claude_code, vec![reminder.clone(), HARMLESS.to_owned()], 200),
        (claude_code, vec![reminder.clone(), ATTACK.to_owned()], 403),
        (claude_code, vec![format!("{reminder} {ATTACK}")], 403),
        ("curl/8", vec![reminder.clone(), HARMLESS.to_owned()], 403),
    ] {
        let status = ask(program, blocks.clone()).await.expect("an answer").status();
        assert_eq!(status, expected, "{program} {blocks:?}");
    }
}
