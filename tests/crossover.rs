//! A budget is spent, and another provider goes on in the same conversation: in the caller's own protocol, plain and
//! streaming, with tools and thoughts, and with nobody charged but the one who answered.

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_simulator::Scenario;
use reqwest::Response;
use serde_json::{Value, json};

use crate::assemble;
use crate::support::{NOON, World, settled};

/// What an agent asks for at most in one answer: more than [`spend`] leaves.
const MOST: u64 = 20_000;

/// Agents whose first provider can be spent, and agents who spend it.
const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 100000
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec:
  provider: openai
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 100000
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: google}
spec:
  provider: gemini
  apiKeySecretRef: {name: key}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: local}
spec:
  provider: vllm
  endpoint: http://vllm.example/v1
  allowedModels: [qwen3]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: to-google}
spec: {models: [anthropic/claude-sonnet-4-6, google/gemini-2.5-flash]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: to-openai}
spec: {models: [anthropic/claude-sonnet-4-6, openai/gpt-4o]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: to-local}
spec: {models: [anthropic/claude-sonnet-4-6, local/qwen3]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: to-anthropic}
spec: {models: [openai/gpt-4o, anthropic/claude-sonnet-4-6]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: anthropic-eater}
spec: {models: [anthropic/claude-haiku-4-5]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: openai-eater}
spec: {models: [openai/gpt-4o]}
";

/// The agents that begin at Anthropic, and where they go on.
const FROM_ANTHROPIC: [(&str, &str, &str); 3] = [
    ("to-google", "google", "gemini-2.5-flash"),
    ("to-openai", "openai", "gpt-4o"),
    ("to-local", "local", "qwen3"),
];

/// Uses so much of a provider's budget that nothing of [`MOST`] fits any more, and forgets how.
async fn spend(world: &World, provider: &str) {
    let eater = format!("{provider}-eater");
    let model = if provider == "anthropic" { "claude-haiku-4-5" } else { "gpt-4o" };
    // Models write less at once than they could be asked for.
    while world.balance(Scope::Provider, provider).settled.0 <= 100_000 - MOST {
        let left = 100_000 - world.balance(Scope::Provider, provider).settled.0;
        let most = (left - 2_000).min(16_000);
        world.simulator.push(Scenario { output_tokens: most, ..Scenario::default() });
        let body = json!({ "model": model, "max_tokens": most,
            "messages": [{ "role": "user", "content": "Write a book" }] });
        let answer = world.message(&eater, &body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("text"));
        answer.bytes().await.expect("all of it");
        world.settled().await;
    }
    world.simulator.log().clear();
}

/// What was answered, by whom.
struct Answered {
    provider: String,
    model: String,
    body: Value,
}

impl Answered {
    async fn read(response: Response, assembled: Option<fn(&str) -> Value>) -> Self {
        let status = response.status();
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (provider, model, kind) =
            (header("x-pai-provider"), header("x-pai-model"), header("content-type"));
        let text = response.text().await.expect("a whole answer");
        assert_eq!(status, 200, "{text}");
        let body = if let Some(assembled) = assembled {
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            assembled(&text)
        } else {
            assert!(kind.starts_with("application/json"), "{kind}");
            serde_json::from_str(&text).expect("json")
        };
        Self { provider, model, body }
    }

    /// The blocks of a message that are of this type.
    fn blocks(&self, kind: &str) -> Vec<&Value> {
        self.body["content"]
            .as_array()
            .expect("blocks")
            .iter()
            .filter(|block| block["type"] == kind)
            .collect()
    }
}

/// A conversation by Anthropic's protocol.
struct Conversation<'a> {
    world: &'a World,
    agent: &'a str,
    stream: bool,
    thinking: bool,
    messages: Vec<Value>,
}

impl<'a> Conversation<'a> {
    fn new(world: &'a World, agent: &'a str, stream: bool, thinking: bool) -> Self {
        Self { world, agent, stream, thinking, messages: Vec::new() }
    }

    /// Says something, and keeps what is answered as clients do: as it came.
    async fn say(&mut self, content: Value) -> Answered {
        self.messages.push(json!({ "role": "user", "content": content }));
        let mut body = json!({
            "model": "claude-sonnet-4-6", "max_tokens": MOST, "stream": self.stream, "system": "Be brief.",
            "tools": [{ "name": "search", "description": "Looks things up.", "input_schema": {
                "type": "object", "properties": { "query": { "type": "string" } }, "required": ["query"],
            } }],
            "messages": self.messages,
        });
        if self.thinking {
            body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
        }
        let response = self.world.message(self.agent, &body).send().await.expect("an answer");
        let answered =
            Answered::read(response, self.stream.then_some(assemble::message as fn(&str) -> Value)).await;
        assert_eq!(answered.body["role"], "assistant");
        self.messages.push(json!({ "role": "assistant", "content": answered.body["content"] }));
        answered
    }

    /// Has a tool called and answers the call: the call, and what was said about its result.
    async fn tool_loop(&mut self) -> (Answered, Answered) {
        let call = self.say(json!("Please use the tool.")).await;
        assert_eq!(call.body["stop_reason"], "tool_use", "{}", call.body);
        let used = call.blocks("tool_use");
        assert_eq!(used.len(), 1, "{}", call.body);
        assert_eq!((&used[0]["name"], &used[0]["input"]["query"]), (&json!("search"), &json!("wörld")));
        let id = used[0]["id"].as_str().expect("an id").to_owned();
        let said =
            self.say(json!([{ "type": "tool_result", "tool_use_id": id, "content": "Found it." }])).await;
        assert_eq!(said.body["stop_reason"], "end_turn", "{}", said.body);
        let text = said.blocks("text")[0]["text"].as_str().expect("text").to_owned();
        assert!(text.starts_with("[simulated]"), "{text}");
        (call, said)
    }
}

#[tokio::test]
async fn a_spent_anthropic_budget_is_answered_by_another_kind_in_anthropics_words() {
    let world = World::of(MANIFESTS).await;
    spend(&world, "anthropic").await;
    let before = world.balance(Scope::Provider, "anthropic");
    let mut charged = [settled(0); 3];
    for stream in [false, true] {
        for (number, (agent, provider, model)) in FROM_ANTHROPIC.into_iter().enumerate() {
            let (call, said) = Conversation::new(&world, agent, stream, false).tool_loop().await;
            for answered in [&call, &said] {
                let by = (answered.provider.as_str(), answered.model.as_str());
                assert_eq!(by, (provider, model), "{stream}");
                assert_eq!(answered.body["model"], model, "{stream}");
            }
            world.settled().await;
            let reported = world.simulator.log().reported_total();
            charged[number].settled = charged[number].settled.saturating_add(Tokens(reported));
            assert!(reported > 0, "{agent}");
            assert_eq!(world.balance(Scope::Provider, provider), charged[number], "{agent}, {stream}");
            assert_eq!(world.balance(Scope::Agent, agent), charged[number], "{agent}, {stream}");
            let paths: Vec<String> =
                world.simulator.log().entries().into_iter().map(|entry| entry.target).collect();
            let counted = |path: &&String| path.starts_with("/v1/messages/count_tokens");
            assert_eq!(paths.iter().filter(|path| !counted(path)).count(), 2, "{paths:?}");
            assert!(!paths.iter().any(|path| path.as_str() == "/v1/messages"), "{paths:?}");
            world.simulator.log().clear();
        }
    }
    assert_eq!(world.balance(Scope::Provider, "anthropic"), before, "who did not answer is not charged");
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

/// A request of a chat client.
async fn chat(world: &World, stream: bool, messages: &Value) -> Answered {
    let mut body = json!({
        "model": "gpt-4o", "max_completion_tokens": MOST, "stream": stream, "messages": messages,
        "tools": [{ "type": "function", "function": { "name": "search", "parameters": {
            "type": "object", "properties": { "query": { "type": "string" } },
        } } }],
    });
    if stream {
        body["stream_options"] = json!({ "include_usage": true });
    }
    let token = world.token("to-anthropic");
    let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(token).json(&body);
    let response = request.send().await.expect("an answer");
    Answered::read(response, stream.then_some(assemble::completion as fn(&str) -> Value)).await
}

#[tokio::test]
async fn a_spent_openai_budget_is_answered_by_anthropic_in_chat_completions() {
    let world = World::of(MANIFESTS).await;
    spend(&world, "openai").await;
    let before = world.balance(Scope::Provider, "openai");
    let mut charged = 0;
    for stream in [false, true] {
        let mut messages = json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Please use the tool." },
        ]);
        let call = chat(&world, stream, &messages).await;
        let choice = call.body["choices"][0].clone();
        assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
        let calls = choice["message"]["tool_calls"].as_array().expect("calls").clone();
        assert_eq!((calls.len(), &calls[0]["function"]["name"]), (1, &json!("search")), "{choice}");
        let arguments = calls[0]["function"]["arguments"].as_str().expect("text");
        let arguments: Value = serde_json::from_str(arguments).expect("json");
        assert_eq!(arguments["query"], "wörld");
        let list = messages.as_array_mut().expect("a list");
        list.push(choice["message"].clone());
        list.push(json!({ "role": "tool", "tool_call_id": calls[0]["id"], "content": "Found it." }));
        let said = chat(&world, stream, &messages).await;
        let choice = &said.body["choices"][0];
        assert_eq!(choice["finish_reason"], "stop", "{choice}");
        let text = choice["message"]["content"].as_str().expect("text");
        assert!(text.starts_with("[simulated]"), "{text}");
        let mut told = 0;
        for answered in [&call, &said] {
            assert_eq!(
                (answered.provider.as_str(), answered.model.as_str()),
                ("anthropic", "claude-sonnet-4-6")
            );
            assert_eq!(answered.body["object"], "chat.completion");
            told += answered.body["usage"]["total_tokens"].as_u64().expect("usage");
        }
        world.settled().await;
        let reported = world.simulator.log().reported_total();
        assert_eq!(told, reported, "the client is told what was reported");
        charged += reported;
        assert_eq!(world.balance(Scope::Provider, "anthropic"), settled(charged));
        assert_eq!(world.balance(Scope::Agent, "to-anthropic"), settled(charged));
        assert!(world.simulator.log().entries().iter().all(|entry| entry.target.starts_with("/v1/messages")));
        world.simulator.log().clear();
    }
    assert_eq!(world.balance(Scope::Provider, "openai"), before, "who did not answer is not charged");
}

/// Whether a client's history has thoughts that carry another's seal.
fn has_foreign_thoughts(messages: &[Value]) -> bool {
    let blocks = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    let thoughts = blocks.filter(|block| block["type"] == "thinking");
    thoughts.into_iter().any(|block| block["signature"].as_str().is_some_and(|by| by.starts_with("pai:")))
}

#[tokio::test]
async fn a_conversation_with_thoughts_and_tools_goes_elsewhere_and_comes_back() {
    let world = World::of(MANIFESTS).await;
    let mut day = 0;
    let mut foreign = Vec::new();
    for (agent, provider, model) in FROM_ANTHROPIC {
        for stream in [false, true] {
            // A fresh day, and so a fresh budget.
            day += 1;
            world.clock.set(UnixSeconds(NOON.0 + day * 86_400));
            world.simulator.scenario(Scenario { thinking_tokens: 5, ..Scenario::default() });
            let mut talk = Conversation::new(&world, agent, stream, true);
            let call = talk.say(json!("Please use the tool.")).await;
            assert_eq!(call.provider, "anthropic", "{agent}");
            assert_eq!(call.blocks("thinking").len(), 1, "{}", call.body);
            let id = call.blocks("tool_use")[0]["id"].clone();

            // The budget ends between the call of a tool and its result.
            spend(&world, "anthropic").await;
            let result = json!([{ "type": "tool_result", "tool_use_id": id, "content": "Found it." }]);
            let away = talk.say(result).await;
            assert_eq!((away.provider.as_str(), away.model.as_str()), (provider, model));
            let (call, said) = talk.tool_loop().await;
            assert_eq!((call.provider.as_str(), said.provider.as_str()), (provider, provider));
            foreign.push((provider, has_foreign_thoughts(&talk.messages)));

            // And Anthropic has budget again: it refuses thoughts that it has not signed itself.
            day += 1;
            world.clock.set(UnixSeconds(NOON.0 + day * 86_400));
            world.simulator.log().clear();
            let (call, said) = talk.tool_loop().await;
            assert_eq!(
                (call.provider.as_str(), said.provider.as_str()),
                ("anthropic", "anthropic"),
                "{agent}"
            );
            let sent = world.simulator.log().entries().pop().expect("a request");
            let sent = String::from_utf8(sent.body.to_vec()).expect("text");
            assert!(!sent.contains("pai:"), "{sent}");
            let signature = talk.messages[1]["content"][0]["signature"].as_str().expect("a signature");
            assert!(sent.contains(signature), "its own thoughts it gets back");
            let called = sent.matches("\"tool_use\"").count();
            assert_eq!(called, 3, "every call is still there: {sent}");
        }
    }
    // What was taken out was there: these two show their thoughts.
    assert!(foreign.contains(&("google", true)) && foreign.contains(&("local", true)), "{foreign:?}");
    world.settled().await;
    assert_eq!(world.gateway.ledger().breaches(), 0);
}
