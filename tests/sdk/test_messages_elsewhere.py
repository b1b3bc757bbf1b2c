"""Anthropic's SDK before providers of every kind: messages plain and streamed, thinking, pictures, counting."""

import pytest

import kinds
from prompts import asking, ordered, simulating
from usage import of_message


@kinds.of()
def test_a_message_is_answered_and_charged(anthropic_client, calls, model):
    message = anthropic_client.messages.create(**simulating("output=20 cache_read=3", model=model))
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    (block,) = message.content
    assert block.text.startswith("[simulated]") and "🙂" in block.text
    used = of_message(message.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_an_answer_that_is_cut_short_says_so(anthropic_client, calls, model):
    message = anthropic_client.messages.create(**simulating("output=200", model=model, max_tokens=30))
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 30)
    calls.cost(of_message(message.usage))


@pytest.mark.parametrize("pieces", ["", "pieces=3", "gzip"])
@kinds.of()
def test_a_stream_arrives_event_by_event(anthropic_client, calls, model, pieces):
    with anthropic_client.messages.stream(**simulating(f"output=20 cache_read=3 {pieces}", model=model)) as stream:
        parts = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(parts) > 2
    assert "".join(parts) == message.content[0].text
    assert message.content[0].text.startswith("[simulated]") and "🙂" in message.content[0].text
    assert message.stop_reason == "end_turn"
    used = of_message(message.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_the_events_of_a_stream_are_anthropics(anthropic_client, calls, model):
    events = list(anthropic_client.messages.create(**simulating("output=20", model=model, stream=True)))
    seen = [event.type for event in events]
    assert (seen[0], seen[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert (seen[1], seen[-3]) == ("content_block_start", "content_block_stop")
    assert set(seen[2:-3]) == {"content_block_delta"}
    calls.recorded(1)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
@kinds.of("anthropic", "gemini", "openrouter", "vllm")
def test_thinking_is_shown_apart_from_the_answer(anthropic_client, calls, model, streamed):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    asked = simulating("output=20 thinking=5", model=model, max_tokens=2000, thinking=thinking)
    message = answer(anthropic_client, asked, streamed)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking.startswith("[simulated]")
    assert message.usage.output_tokens == 20
    first = of_message(message.usage)

    # In the next turn what was thought goes back as it came, and no provider takes offence.
    asked["messages"] += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": ordered("output=20 thinking=5", "And now?")},
    ]
    message = answer(anthropic_client, asked, streamed)
    assert message.stop_reason == "end_turn"
    calls.cost(first, of_message(message.usage))


@kinds.of("openai", "azure-openai")
def test_thoughts_that_a_provider_keeps_to_itself_are_charged(anthropic_client, calls, model):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = anthropic_client.messages.create(
        **simulating("output=20 thinking=5", model=model, max_tokens=2000, thinking=thinking)
    )
    assert [block.type for block in message.content] == ["text"]
    assert message.usage.output_tokens == 20
    calls.cost(of_message(message.usage))


@kinds.of()
def test_a_picture_is_taken(anthropic_client, calls, model):
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    source = {"type": "base64", "media_type": "image/png", "data": pixel}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": ordered("output=20")}]
    asked = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": parts}]}
    message = anthropic_client.messages.create(**asked)
    assert message.stop_reason == "end_turn"
    # More than the words alone: the provider has seen it.
    assert message.usage.input_tokens > 80
    calls.cost(of_message(message.usage))


@kinds.of()
def test_a_conversation_with_a_system_prompt_and_cache_marks_is_understood(anthropic_client, calls, model):
    marked = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello!"}]},
        {"role": "user", "content": [{"type": "text", "text": ordered("output=20")}]},
    ]
    message = anthropic_client.messages.create(
        model=model, max_tokens=50, system=[marked], messages=messages, stop_sequences=["END"], metadata={"user_id": "me"}
    )
    assert message.stop_reason == "end_turn"
    calls.cost(of_message(message.usage))


@kinds.of()
def test_tokens_are_counted_exactly_or_marked_as_a_bound(anthropic_client, calls, model):
    question = {"model": model, "messages": [{"role": "user", "content": "Hello there, and hello again. " * 20}]}
    counted = anthropic_client.messages.with_raw_response.count_tokens(**question)
    tokens = counted.parse().input_tokens
    used = anthropic_client.messages.create(**question, max_tokens=20).usage.input_tokens
    mark = counted.headers.get("x-pai-count")
    assert mark == (None if kinds.provider(model) in ("anthropic", "gemini") else "upper-bound")
    assert tokens >= used if mark else tokens == used
    (record, _) = calls.recorded(2)
    assert (record["outcome"], record["held"]) == ("served", 0)
    assert record.get("settled", {"total": 0})["total"] == 0


def answer(client, asked, streamed):
    """The message, plain or as the SDK puts it together."""
    if not streamed:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()
