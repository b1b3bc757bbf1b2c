//! What is said in a request to OpenAI's Responses API.

use std::borrow::Cow;

use super::Source;
use super::chat::{contents, is_setting};
use super::messages::{call, each_role, speaker};
use super::tree::{Member, Node, named, taken};
use super::turns::Telling;
use super::whole::{Reads, is_mark};

/// Reads a member of the body.
pub(super) fn member<'a>(key: &str, value: Node<'a>, telling: &mut Telling<'a>) {
    match key {
        "input" => items(value, telling),
        "instructions" | "tools" => telling.say_each_outside(&Source::System, key, value),
        // Forms of the answer, with schemas, and what to keep of a conversation.
        "text" | "context_management" => telling.say_outside(Source::System, key, value),
        "previous_response_id" | "conversation" => {
            if value != Node::Null {
                telling.unread.add("a stored conversation");
            }
        }
        "prompt" => stored_prompt(value, telling),
        "max_output_tokens" | "max_tool_calls" | "top_logprobs" | "truncation" | "include" | "background"
        | "reasoning" => {}
        key if is_setting(key) => {}
        _ => telling.say_outside(Source::User, key, value),
    }
}

/// A prompt by its id, and what the client puts into it.
fn stored_prompt<'a>(value: Node<'a>, telling: &mut Telling<'a>) {
    if value == Node::Null {
        return;
    }
    telling.unread.add("a stored conversation");
    let value = match value {
        Node::Object(mut members) => {
            members.retain(|(key, value)| !(key == "version" && value.text().is_some_and(is_mark)));
            Node::Object(members)
        }
        value => value,
    };
    telling.say_outside(Source::User, "prompt", value);
}

/// Reads items, or one.
pub(super) fn items<'a>(value: Node<'a>, telling: &mut Telling<'a>) {
    match value {
        Node::List(list) => list.into_iter().for_each(|item| items(item, telling)),
        Node::Object(members) => item(members, telling),
        value => {
            telling.client();
            telling.say_whole(&Source::User, "input", value, Reads::Parts);
        }
    }
}

fn item<'a>(members: Vec<Member<'a>>, telling: &mut Telling<'a>) {
    let kind = named(&members, "type").unwrap_or_default().to_owned();
    let has_role = members.iter().any(|(key, _)| key == "role");
    // The API takes a reference by its id alone.
    let is_by_id = kind.is_empty() && !has_role && named(&members, "id").is_some();
    if kind == "item_reference" || is_by_id {
        telling.unread.add("a stored item");
        // Whoever spoke there: it changes no turn.
        return telling.say_whole(&Source::User, "", Node::Object(members), Reads::Parts);
    }
    match kind.as_str() {
        // What is said of tools, by whoever keeps them.
        "additional_tools" | "mcp_list_tools" => {
            telling.say_whole(&Source::System, "", Node::Object(members), Reads::Parts);
        }
        "reasoning" | "compaction" | "mcp_approval_request" => said_by_assistant(&kind, members, telling),
        kind if kind.ends_with("_output") => result(kind, members, telling),
        kind if kind.ends_with("_call") => said_by_assistant(kind, members, telling),
        _ => message(members, telling),
    }
}

fn message<'a>(members: Vec<Member<'a>>, telling: &mut Telling<'a>) {
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

/// What a tool is called that the item does not name: by its type.
fn stem<'a>(kind: &str, end: &str) -> Cow<'a, str> {
    Cow::Owned(kind.strip_suffix(end).unwrap_or(kind).to_owned())
}

/// A call, or thoughts. What a tool of the provider's said in the same item is the tool's.
fn said_by_assistant<'a>(kind: &str, members: Vec<Member<'a>>, telling: &mut Telling<'a>) {
    telling.assistant();
    let name = taken(&members, "name").unwrap_or_else(|| stem(kind, "_call"));
    for id in ["call_id", "id"] {
        telling.called(taken(&members, id), Some(name.clone()));
    }
    let (results, said): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|(key, _)| matches!(&**key, "output" | "outputs" | "results" | "error" | "tools"));
    let reads = if is_clients(kind) { Reads::Arguments } else { Reads::Parts };
    let said = if reads == Reads::Arguments { call(said) } else { Node::Object(said) };
    telling.say_whole(&Source::Assistant, "", said, reads);
    for (key, value) in results {
        telling.say_whole(&Source::Tool(name.clone()), &key, value, Reads::Parts);
    }
}

/// Whether a call has arguments that a tool of the client's understands.
fn is_clients(kind: &str) -> bool {
    matches!(kind, "function_call" | "custom_tool_call" | "mcp_call" | "local_shell_call" | "shell_call")
        || kind == "apply_patch_call"
}

/// What a tool said.
fn result<'a>(kind: &str, members: Vec<Member<'a>>, telling: &mut Telling<'a>) {
    telling.client();
    // A local shell's result has the call's id for its own.
    let called = ["call_id", "id"].into_iter().find_map(|id| {
        let source = telling.tool(named(&members, id));
        (source != Source::Tool(Cow::Borrowed(""))).then_some(source)
    });
    let source = called.unwrap_or_else(|| {
        let unnamed = match kind {
            "function_call_output" | "custom_tool_call_output" => Cow::Borrowed(""),
            kind => stem(kind, "_call_output"),
        };
        Source::Tool(taken(&members, "name").unwrap_or(unnamed))
    });
    for (key, value) in members {
        match &*key {
            "output" => contents(&source, value, telling),
            "name" | "namespace" if value.text().is_some_and(is_mark) => {}
            _ => telling.say_whole(&source, &key, value, Reads::Parts),
        }
    }
}
