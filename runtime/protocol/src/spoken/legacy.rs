//! What is said in requests for completions of old and for embeddings.

use super::chat::is_setting;
use super::tree::Node;
use super::turns::Telling;
use super::whole::Reads;
use super::{Source, chat};

/// Reads a member of a request for completions.
pub(super) fn completion<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match key {
        "prompt" => texts(key, value, telling),
        // vLLM's: a prompt that is no text any more.
        "prompt_embeds" => {
            if value != Node::Null {
                telling.unread.add("embeddings");
            }
        }
        "response_format" | "chat_template" => telling.say_outside(Source::System, key, value),
        "stop" | "seed" | "echo" | "frequency_penalty" | "presence_penalty" | "logit_bias" | "logprobs" => {}
        key if is_setting(key) => {}
        _ => telling.say_outside(Source::User, key, value),
    }
}

/// Reads a member of a request for embeddings.
pub(super) fn embedding<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match key {
        "input" => texts(key, value, telling),
        // vLLM's, for models that embed conversations.
        "messages" => chat::messages(value, telling),
        "encoding_format" | "dimensions" => {}
        key if is_setting(key) => {}
        _ => telling.say_outside(Source::User, key, value),
    }
}

/// A text, a list of texts, or lists of tokens.
fn texts<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|value| texts(key, value, telling)),
        Node::Number(_) => telling.unread.add("tokens"),
        value => telling.say_whole(&Source::User, key, value, Reads::Parts),
    }
}
