"""Chat completions by OpenAI's SDK, whichever dialect the provider speaks: plain and streamed."""

import asyncio

import pytest
from openai import AsyncOpenAI

import kinds
from prompts import asking, ordered
from usage import of_chat


@kinds.of()
def test_a_chat_is_answered_and_charged(openai_client, calls, model):
    completion = openai_client.chat.completions.create(**asking(ordered("output=20 cache_read=3"), model=model))
    (choice,) = completion.choices
    assert choice.message.role == "assistant"
    assert choice.message.content.startswith("[simulated]") and "🙂" in choice.message.content
    assert choice.finish_reason == "stop"
    used = of_chat(completion.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_an_answer_that_is_cut_short_says_so(openai_client, calls, model):
    completion = openai_client.chat.completions.create(**asking(ordered("output=200"), model=model, max_tokens=30))
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 30
    calls.cost(of_chat(completion.usage))


@pytest.mark.parametrize("pieces", ["", "pieces=3", "gzip"])
@kinds.of()
def test_a_stream_with_usage_ends_with_it(openai_client, calls, model, pieces):
    asked = asking(ordered(f"output=20 cache_read=3 {pieces}"), model=model)
    chunks = list(openai_client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert text_of(chunks).startswith("[simulated]") and "🙂" in text_of(chunks)
    assert finish_of(chunks) == "stop"
    assert len(chunks) > 4
    (last,) = [chunk for chunk in chunks if chunk.usage]
    assert last is chunks[-1] and last.choices == []
    used = of_chat(last.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_a_stream_without_usage_tells_none_and_is_charged_all_the_same(openai_client, calls, model):
    asked = asking(ordered("output=20 cache_read=3"), model=model)
    plain = of_chat(openai_client.chat.completions.create(**asked).usage)
    chunks = list(openai_client.chat.completions.create(**asked, stream=True))
    assert finish_of(chunks) == "stop"
    # OpenRouter tells it always.
    if kinds.provider(model) != "openrouter":
        assert not [chunk for chunk in chunks if chunk.usage]
        assert not [chunk for chunk in chunks[1:] if not chunk.choices]
    calls.cost(plain, plain)


@kinds.of("openai", "anthropic", "gemini")
def test_the_async_client_streams(shared, calls, model):
    async def ask() -> str:
        async with AsyncOpenAI(base_url=f"{shared.external_url}/v1", api_key=shared.key) as client:
            stream = await client.chat.completions.create(**asking(model=model), stream=True)
            return text_of([chunk async for chunk in stream])

    assert asyncio.run(ask()).startswith("[simulated]")
    (record,) = calls.recorded(1)
    assert record["outcome"] == "served"


@kinds.of()
def test_roles_and_parts_and_settings_of_every_day_are_understood(openai_client, calls, model):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [{"type": "text", "text": ordered("output=20")}]},
    ]
    completion = openai_client.chat.completions.create(
        model=model, messages=messages, max_tokens=50, temperature=0.5, top_p=0.9, stop=["END"], user="somebody"
    )
    assert completion.choices[0].finish_reason == "stop"
    calls.cost(of_chat(completion.usage))


@kinds.of()
def test_a_picture_is_taken(openai_client, calls, model):
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixel}"}},
        {"type": "text", "text": ordered("output=20")},
    ]
    asked = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": parts}]}
    completion = openai_client.chat.completions.create(**asked)
    assert completion.choices[0].finish_reason == "stop"
    # More than the words alone: the provider has seen it.
    assert completion.usage.prompt_tokens > 80
    calls.cost(of_chat(completion.usage))


@kinds.of()
def test_json_of_a_schema_comes_as_such(openai_client, calls, model):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    asked = asking("Where?", model=model, response_format=form)
    completion = openai_client.chat.completions.create(**asked)
    assert completion.choices[0].message.content.startswith('{"city":')
    calls.cost(of_chat(completion.usage))


def text_of(chunks):
    """All words of a stream."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def finish_of(chunks):
    """Why it ended, which only one chunk says."""
    (reason,) = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    return reason
