"""Tools in chat completions by OpenAI's SDK, whichever dialect the provider speaks: called, answered, to the end."""

import json

import pytest

import kinds
import tools
from prompts import asking
from usage import of_chat

STREAMED = pytest.mark.parametrize("ask", ["plain", "streamed"])


@STREAMED
@kinds.of()
def test_a_tool_is_called_and_its_result_taken(openai_client, calls, model, ask):
    asked = asking(tools.PROMPT, model=model, tools=[tools.FOR_CHAT])
    message, finish, first = WAYS[ask](openai_client, asked)
    assert finish == "tool_calls"
    (call,) = message["tool_calls"]
    assert called(call) == (tools.NAME, tools.ARGUMENTS)

    asked["messages"] += [message, answer_to(call)]
    message, finish, second = WAYS[ask](openai_client, asked)
    assert finish == "stop" and message["content"].startswith("[simulated]")
    assert second.input > first.input
    calls.cost(first, second)


@STREAMED
@kinds.of()
def test_two_tools_are_called_at_once_and_both_results_taken(openai_client, calls, model, ask):
    asked = asking(tools.PROMPT_TWICE, model=model, tools=[tools.FOR_CHAT])
    message, finish, first = WAYS[ask](openai_client, asked)
    assert finish == "tool_calls"
    one, two = message["tool_calls"]
    assert [called(one), called(two)] == [(tools.NAME, tools.ARGUMENTS), (tools.NAME, tools.ARGUMENTS_AGAIN)]
    assert one["id"] != two["id"]

    # In the order in which they come to an end, which need not be that of the calls.
    asked["messages"] += [message, answer_to(two), answer_to(one)]
    _, finish, second = WAYS[ask](openai_client, asked)
    assert finish == "stop"
    calls.cost(first, second)


@kinds.of()
def test_one_tool_at_a_time_is_understood(openai_client, calls, model):
    asked = asking(tools.PROMPT_TWICE, model=model, tools=[tools.FOR_CHAT], parallel_tool_calls=False)
    completion = openai_client.chat.completions.create(**asked)
    # Gemini has no such switch.
    expected = 2 if kinds.provider(model) == "gemini" else 1
    assert len(completion.choices[0].message.tool_calls) == expected
    calls.cost(of_chat(completion.usage))


@pytest.mark.parametrize(
    ("choice", "is_called"),
    [("none", False), ("required", True), ({"type": "function", "function": {"name": tools.NAME}}, True)],
    ids=["none", "required", "named"],
)
@kinds.of()
def test_the_choice_of_a_tool_is_understood(openai_client, calls, model, choice, is_called):
    prompt = "Hello" if is_called else tools.PROMPT
    asked = asking(prompt, model=model, tools=[tools.FOR_CHAT], tool_choice=choice)
    completion = openai_client.chat.completions.create(**asked)
    assert bool(completion.choices[0].message.tool_calls) is is_called
    calls.cost(of_chat(completion.usage))


def plain(client, asked):
    """The assistant's message as clients send it back, why it ended, and what it used."""
    completion = client.chat.completions.create(**asked)
    (choice,) = completion.choices
    message = choice.message.model_dump(exclude_none=True)
    return message, choice.finish_reason, of_chat(completion.usage)


def streamed(client, asked):
    """The same of a stream, put together as clients do: by index, whatever else a delta has taken over as it is."""
    message, parts, finish, used = {"role": "assistant", "content": ""}, {}, None, None
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.chat.completions.create(**asked, **options):
        if chunk.usage:
            used = of_chat(chunk.usage)
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            message["content"] += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                call = parts.setdefault(part.index, {"function": {"name": "", "arguments": ""}})
                call.update(part.model_dump(exclude={"index", "function"}, exclude_none=True))
                call["function"]["name"] += part.function.name or ""
                call["function"]["arguments"] += part.function.arguments or ""
    if parts:
        message["tool_calls"] = [parts[index] for index in sorted(parts)]
    return message, finish, used


WAYS = {"plain": plain, "streamed": streamed}


def called(call):
    """Which tool, and with what."""
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def answer_to(call):
    """A tool's result."""
    return {"role": "tool", "tool_call_id": call["id"], "content": "a planet"}
