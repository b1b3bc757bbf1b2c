//! What is said in a request for chat completions.

use std::borrow::Cow;

use super::Source;
use super::messages::{each_role, speaker};
use super::tree::{Member, Node, named, taken};
use super::turns::Telling;
use super::whole::{Reads, is_mark};

/// Reads a member of the body.
pub(super) fn member<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match key {
        "messages" => messages(value, telling),
        "tools" | "functions" => telling.say_each_outside(&Source::System, key, value),
        "response_format" | "chat_template" => telling.say_outside(Source::System, key, value),
        // Azure's: where it searches, with the keys to it.
        "data_sources" => {
            if !matches!(&value, Node::Null) && !matches!(&value, Node::List(list) if list.is_empty()) {
                telling.unread.add("a data source");
            }
        }
        // OpenRouter's: settings and instructions that it keeps.
        "preset" => {
            if value != Node::Null {
                telling.unread.add("a stored prompt");
            }
        }
        "stop"
        | "seed"
        | "frequency_penalty"
        | "presence_penalty"
        | "logit_bias"
        | "logprobs"
        | "top_logprobs"
        | "max_completion_tokens"
        | "reasoning_effort"
        | "reasoning"
        | "verbosity"
        | "function_call"
        | "modalities"
        | "audio" => {}
        key if is_setting(key) => {}
        _ => telling.say_outside(Source::User, key, value),
    }
}

/// What all of `OpenAI`'s dialects are told and no model sees.
pub(super) fn is_setting(key: &str) -> bool {
    matches!(
        key,
        "model"
            | "max_tokens"
            | "n"
            | "best_of"
            | "temperature"
            | "top_p"
            | "stream"
            | "stream_options"
            | "user"
            | "metadata"
            | "store"
            | "service_tier"
            | "tool_choice"
            | "parallel_tool_calls"
            | "prompt_cache_key"
            | "prompt_cache_retention"
            | "safety_identifier"
    )
}

/// Reads a conversation.
pub(super) fn messages<'a>(value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|message| self::message(message, telling)),
        value => telling.say_whole(&Source::User, "messages", value, Reads::Parts),
    }
}

/// Reads one of them.
pub(super) fn message<'a>(message: Node<'a>, telling: &mut Telling<'a>) {
    let Node::Object(members) = message else {
        telling.client();
        return telling.say_whole(&Source::User, "messages", message, Reads::Parts);
    };
    each_role(members, telling, |role, members, telling| {
        let mut source = speaker(role, telling);
        let is_result = matches!(role, "tool" | "function");
        if is_result {
            source = telling.tool(named(&members, "tool_call_id"));
            // Functions of old have no ids; some clients say the name beside the id.
            if source == Source::Tool(Cow::Borrowed("")) {
                source = Source::Tool(taken(&members, "name").unwrap_or_default());
            }
        }
        for (key, value) in members {
            match &*key {
                "content" => contents(&source, value, telling),
                "tool_calls" => calls(&source, value, telling),
                "function_call" => telling.say_whole(&source, &key, value, Reads::Arguments),
                "name" if is_result && value.text().is_some_and(is_mark) => {}
                // An earlier answer in sound, which the provider keeps.
                "audio" if value != Node::Null => {
                    telling.unread.add("audio");
                    telling.say_whole(&source, &key, value, Reads::Parts);
                }
                _ => telling.say_whole(&source, &key, value, Reads::Parts),
            }
        }
    });
}

/// Content: a string, or parts, each a passage.
pub(super) fn contents<'a>(source: &Source<'a>, value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|value| contents(source, value, telling)),
        value => telling.say_whole(source, "", value, Reads::Parts),
    }
}

fn calls<'a>(source: &Source<'a>, value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|value| calls(source, value, telling)),
        Node::Object(members) => {
            telling.called(taken(&members, "id"), name(&members));
            for (key, value) in members {
                let is_call = matches!(&*key, "function" | "custom");
                telling.say_whole(source, &key, value, if is_call { Reads::Arguments } else { Reads::Parts });
            }
        }
        value => telling.say_whole(source, "", value, Reads::Arguments),
    }
}

/// What a call calls.
fn name<'a>(members: &[Member<'a>]) -> Option<Cow<'a, str>> {
    members.iter().find_map(|(key, value)| match value {
        Node::Object(members) if matches!(&**key, "function" | "custom") => taken(members, "name"),
        _ => None,
    })
}
