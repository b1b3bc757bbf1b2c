"""Tools in messages by Anthropic's SDK, whichever dialect the provider speaks: called, answered, to the end."""

import pytest

import kinds
import tools
from prompts import asking, ordered
from usage import of_message

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
ONE_OR_TWO = pytest.mark.parametrize(
    ("prompt", "arguments"),
    [(tools.PROMPT, [tools.ARGUMENTS]), (tools.PROMPT_TWICE, [tools.ARGUMENTS, tools.ARGUMENTS_AGAIN])],
    ids=["one", "two"],
)


@STREAMED
@ONE_OR_TWO
@kinds.of()
def test_tools_are_called_and_their_results_taken(anthropic_client, calls, model, prompt, arguments, streamed):
    question = asking(prompt, model=model, tools=[tools.FOR_MESSAGES])
    first = answer(anthropic_client, question, streamed)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [(use.name, use.input) for use in uses] == [(tools.NAME, each) for each in arguments]
    assert len({use.id for use in uses}) == len(uses)

    question["messages"] += turn(first, uses)
    second = answer(anthropic_client, question, streamed)
    assert second.stop_reason == "end_turn" and second.content[0].text.startswith("[simulated]")
    calls.cost(of_message(first.usage), of_message(second.usage))


@STREAMED
@kinds.of("anthropic", "gemini", "gemini-3", "openrouter", "vllm")
def test_a_loop_with_thinking_goes_on_to_its_end(anthropic_client, calls, model, streamed):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    prompt = ordered("output=20 thinking=5", tools.PROMPT)
    question = asking(prompt, model=model, max_tokens=2000, tools=[tools.FOR_MESSAGES], thinking=thinking)
    first = answer(anthropic_client, question, streamed)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]

    question["messages"] += turn(first, first.content[1:])
    second = answer(anthropic_client, question, streamed)
    assert second.stop_reason == "end_turn"
    calls.cost(of_message(first.usage), of_message(second.usage))


@kinds.of()
def test_a_tools_failure_and_a_tools_picture_go_back(anthropic_client, calls, model):
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}
    question = asking(tools.PROMPT_TWICE, model=model, tools=[tools.FOR_MESSAGES])
    first = anthropic_client.messages.create(**question)
    one, two = [block for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": one.id, "is_error": True, "content": "no such word"},
        {"type": "tool_result", "tool_use_id": two.id, "content": [{"type": "text", "text": "look:"}, picture]},
    ]
    question["messages"] += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    # Where results have no pictures, they come after them as a user's, and the simulator would take that for a question.
    second = anthropic_client.messages.create(**question, tool_choice={"type": "none"})
    assert second.stop_reason == "end_turn"
    # More than the words alone: the provider has seen it.
    assert second.usage.input_tokens > first.usage.input_tokens + 80
    calls.cost(of_message(first.usage), of_message(second.usage))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "none"}, 0),
        ({"type": "any"}, 1),
        ({"type": "tool", "name": tools.NAME}, 1),
        ({"type": "auto", "disable_parallel_tool_use": True}, 1),
    ],
    ids=["none", "any", "named", "one-by-one"],
)
@kinds.of()
def test_the_choice_of_a_tool_is_understood(anthropic_client, calls, model, choice, expected):
    prompt = {"none": tools.PROMPT, "auto": tools.PROMPT_TWICE}.get(choice["type"], "Hello")
    asked = asking(prompt, model=model, tools=[tools.FOR_MESSAGES], tool_choice=choice)
    message = anthropic_client.messages.create(**asked)
    # Gemini has no switch against two at once.
    if "disable_parallel_tool_use" in choice and kinds.provider(model) == "gemini":
        expected = 2
    assert len([block for block in message.content if block.type == "tool_use"]) == expected
    calls.cost(of_message(message.usage))


def turn(message, uses):
    """The call and its results, as the next request has them."""
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "a planet"} for use in uses]
    return [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


def answer(client, asked, streamed):
    """The message, plain or as the SDK puts it together."""
    if not streamed:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()
