//! What is said in a request to Anthropic's Messages API, or to its `count_tokens`.

use super::Source;
use std::borrow::Cow;

use super::tree::{Member, Node, named, taken};
use super::turns::Telling;
use super::whole::{Reads, is_mark};

/// Reads a member of the body.
pub(super) fn member<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match key {
        "model" | "max_tokens" | "temperature" | "top_p" | "top_k" | "stream" | "stop_sequences"
        | "metadata" | "service_tier" | "thinking" | "tool_choice" | "speed" | "inference_geo"
        | "cache_control" => {}
        "system" | "tools" | "output_config" | "output_format" | "context_management" => {
            telling.say_each_outside(&Source::System, key, value);
        }
        "messages" => messages(value, telling),
        // Who they are is the client's; what they say is fetched by the provider. Their credentials are no guard's.
        "mcp_servers" => {
            if !matches!(&value, Node::Null) && !matches!(&value, Node::List(list) if list.is_empty()) {
                telling.unread.add("a tool server");
            }
        }
        // It keeps files, and skills.
        "container" => {
            if value != Node::Null {
                telling.unread.add("a container");
            }
        }
        _ => telling.say_outside(Source::User, key, value),
    }
}

fn messages<'a>(value: Node<'a>, telling: &mut Telling<'a>) {
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
        let source = speaker(role, telling);
        for (key, value) in members {
            match &*key {
                "content" => contents(&source, value, telling),
                _ => telling.say_whole(&source, &key, value, Reads::Parts),
            }
        }
    });
}

/// Hands on a message with its role. One that has several is read under each: the provider may take any.
pub(super) fn each_role<'a>(
    members: Vec<Member<'a>>,
    telling: &mut Telling<'a>,
    mut read: impl FnMut(&str, Vec<Member<'a>>, &mut Telling<'a>),
) {
    let mut roles: Vec<Cow<'a, str>> = Vec::new();
    for (key, value) in &members {
        if key == "role" {
            let role = if let Node::Text(role) = value { role.clone() } else { Cow::Borrowed("") };
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    // The client speaks last, so that what may be its words is new.
    roles.sort_by_key(|role| role != "assistant");
    let last = roles.pop().unwrap_or_default();
    for role in roles {
        read(&role, members.clone(), telling);
    }
    read(&last, members, telling);
}

/// Who speaks by this role, from here on.
pub(super) fn speaker<'a>(role: &str, telling: &mut Telling<'a>) -> Source<'a> {
    match role {
        // Whose turn it is does not change by instructions in between.
        "system" | "developer" => Source::System,
        "assistant" => {
            telling.assistant();
            Source::Assistant
        }
        _ => {
            telling.client();
            Source::User
        }
    }
}

/// Content: a string, blocks, or one block.
fn contents<'a>(source: &Source<'a>, value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|value| contents(source, value, telling)),
        Node::Object(members) => block(source, members, telling),
        value => telling.say_whole(source, "", value, Reads::Parts),
    }
}

fn block<'a>(source: &Source<'a>, members: Vec<Member<'a>>, telling: &mut Telling<'a>) {
    let kind = named(&members, "type").unwrap_or_default();
    if kind == "tool_use" || kind.ends_with("_tool_use") {
        telling.called(taken(&members, "id"), taken(&members, "name"));
        return telling.say_whole(source, "", call(members), Reads::Arguments);
    }
    if kind != "tool_result" && !kind.ends_with("_tool_result") {
        return telling.say_whole(source, "", Node::Object(members), Reads::Parts);
    }
    let mut result = telling.tool(named(&members, "tool_use_id"));
    if let Some(name) = kind.strip_suffix("_tool_result")
        && result == Source::Tool("".into())
    {
        result = Source::Tool(name.to_owned().into());
    }
    for (key, value) in members {
        match &*key {
            "content" => contents(&result, value, telling),
            _ => telling.say_whole(&result, &key, value, Reads::Parts),
        }
    }
}

/// A call without its marks: its name, its arguments, and what else there is.
pub(super) fn call(mut members: Vec<Member<'_>>) -> Node<'_> {
    members.retain(|(key, value)| {
        let is_known = matches!(&**key, "type" | "id" | "call_id" | "cache_control" | "caller" | "status");
        let is_short = match value {
            Node::Text(text) => is_mark(text),
            Node::Object(members) => members.iter().all(|(_, value)| value.text().is_none_or(is_mark)),
            _ => false,
        };
        !(is_known && is_short)
    });
    Node::Object(members)
}
