//! What clients of each dialect say: requests, and the ones that follow on an answer.

use pai_protocol::Dialect;
use serde_json::{Value, json};

/// A client, by the dialect that it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Messages,
    Chat,
    Responses,
    Completions,
    Embeddings,
}

const PROMPT: &str = "Hello there";
const RESULT: &str = "nothing was found";

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Messages => Dialect::Messages,
            Self::Chat => Dialect::Chat,
            Self::Responses => Dialect::Responses,
            Self::Completions => Dialect::Completions,
            Self::Embeddings => Dialect::Embeddings,
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Messages => "/v1/messages",
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// The headers of a request, with its credential.
    pub(crate) fn headers(self, token: &str) -> Vec<(String, String)> {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if self == Self::Messages {
            headers.push(("anthropic-beta".to_owned(), "b-2,a-1".to_owned()));
            headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
            headers.push(("x-api-key".to_owned(), token.to_owned()));
        } else {
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
            headers.push(("openai-organization".to_owned(), "org-of-the-client".to_owned()));
        }
        headers
    }

    /// Asks for words, with what clients often set.
    pub(crate) fn words(self, model: &str) -> Value {
        match self {
            Self::Messages => json!({
                "model": model, "max_tokens": 200, "system": "Be brief.", "temperature": 0.5,
                "stop_sequences": ["END"], "metadata": { "user_id": "u-1" },
                "messages": [{ "role": "user", "content": PROMPT }],
            }),
            Self::Chat => json!({
                "model": model, "temperature": 0.5, "stop": ["END"], "user": "u-1",
                "messages": [
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": PROMPT },
                ],
            }),
            Self::Responses => json!({
                "model": model, "instructions": "Be brief.", "temperature": 0.5, "store": false,
                "metadata": { "user": "u-1" },
                "input": PROMPT,
            }),
            Self::Completions => json!({ "model": model, "prompt": PROMPT, "max_tokens": 50 }),
            Self::Embeddings => json!({ "model": model, "input": [PROMPT, "and there"], "dimensions": 2 }),
        }
    }

    /// The same in few words, with this in them.
    pub(crate) fn says(self, model: &str, prompt: &str) -> Value {
        let messages = json!([{ "role": "user", "content": prompt }]);
        match self {
            Self::Messages => json!({ "model": model, "max_tokens": 200, "messages": messages }),
            Self::Chat => json!({ "model": model, "messages": messages }),
            Self::Responses => json!({ "model": model, "input": messages }),
            Self::Completions => json!({ "model": model, "prompt": prompt }),
            Self::Embeddings => json!({ "model": model, "input": prompt }),
        }
    }

    /// Asks for two calls of a tool at once.
    pub(crate) fn tools(self, model: &str) -> Value {
        let mut body = self.says(model, "Use the tools twice");
        let (name, description) = ("look_up", "Looks words up.");
        let schema = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What to look up." },
                "simulated": { "type": "boolean" },
                "again": { "type": "integer", "minimum": 2 },
            },
            "required": ["query"],
        });
        let tool = match self {
            Self::Messages => json!({ "name": name, "description": description, "input_schema": schema }),
            Self::Responses => json!({
                "type": "function", "name": name, "description": description, "parameters": schema,
                "strict": false,
            }),
            _ => {
                let function = json!({ "name": name, "description": description, "parameters": schema });
                json!({ "type": "function", "function": function })
            }
        };
        body["tools"] = json!([tool]);
        body
    }

    /// The same, with thoughts before them.
    pub(crate) fn thinking(self, model: &str) -> Value {
        let mut body = self.tools(model);
        match self {
            Self::Messages => {
                body["max_tokens"] = json!(4_096);
                body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1_024 });
            }
            Self::Responses => {
                body["reasoning"] = json!({ "effort": "low", "summary": "auto" });
                body["include"] = json!(["reasoning.encrypted_content"]);
                body["store"] = json!(false);
            }
            _ => body["reasoning_effort"] = json!("low"),
        }
        body
    }

    /// The request after `body`: the answer is taken over as it is, and every call in it has a result.
    pub(crate) fn goes_on(self, body: &Value, answer: &Value) -> Value {
        let mut next = body.clone();
        let conversation = if self == Self::Responses { "input" } else { "messages" };
        let said = next[conversation].as_array_mut().expect("a conversation");
        let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
        match self {
            Self::Messages => {
                said.push(json!({ "role": "assistant", "content": answer["content"] }));
                let calls = each(&answer["content"]).into_iter().filter(|block| block["type"] == "tool_use");
                let results = calls.map(
                    |call| json!({ "type": "tool_result", "tool_use_id": call["id"], "content": RESULT }),
                );
                said.push(json!({ "role": "user", "content": results.collect::<Vec<_>>() }));
            }
            Self::Responses => {
                let output = each(&answer["output"]);
                let calls = output.clone().into_iter().filter(|item| item["type"] == "function_call");
                let results = calls.map(|call| {
                    json!({ "type": "function_call_output", "call_id": call["call_id"], "output": RESULT })
                });
                said.extend(output);
                said.extend(results);
            }
            _ => {
                let message = &answer["choices"][0]["message"];
                said.push(message.clone());
                said.extend(
                    each(&message["tool_calls"])
                        .into_iter()
                        .map(|call| json!({ "role": "tool", "tool_call_id": call["id"], "content": RESULT })),
                );
            }
        }
        next
    }

    /// Says how much may be answered: then nothing is put in for it.
    pub(crate) fn bounded(self, body: &mut Value) {
        match self {
            Self::Messages | Self::Completions | Self::Embeddings => {}
            Self::Chat => body["max_completion_tokens"] = json!(200),
            Self::Responses => body["max_output_tokens"] = json!(200),
        }
    }

    /// What the last event of a whole stream has in it.
    pub(crate) fn is_clean_end(self, data: &str) -> bool {
        match self {
            Self::Messages => data.contains("\"type\":\"message_stop\""),
            Self::Responses => data.contains("\"type\":\"response.completed\""),
            _ => data == "[DONE]",
        }
    }

    /// Whether an event tells this client that its answer broke off.
    pub(crate) fn is_error(self, name: &str, data: &str) -> bool {
        let Ok(data) = serde_json::from_str::<Value>(data) else { return false };
        match self {
            Self::Messages => {
                name == "error"
                    && data["type"] == "error"
                    && data["error"]["type"].is_string()
                    && data["error"]["message"].is_string()
            }
            Self::Responses => {
                (name == "error" && data["type"] == "error" && data["message"].is_string())
                    || (name == "response.failed"
                        && data["type"] == "response.failed"
                        && data["response"]["error"]["message"].is_string())
            }
            _ => data["error"]["message"].is_string() && data["error"]["type"].is_string(),
        }
    }

    /// Whether a document is an error object of this client's protocol.
    pub(crate) fn is_error_object(self, document: &Value) -> bool {
        let is_worded = document["error"]["message"].is_string() && document["error"]["type"].is_string();
        is_worded && (document["type"] == "error") == (self == Self::Messages)
    }
}
