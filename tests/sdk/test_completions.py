"""Completions without a conversation, by OpenAI's SDK: plain, streamed, and refused where no provider has them."""

import openai
import pytest

import kinds
from prompts import ordered
from usage import of_chat, of_record

COMPLETING = kinds.of("openai", "openrouter", "azure-openai", "vllm")


@COMPLETING
def test_a_prompt_is_completed_and_charged(openai_client, calls, model):
    completion = openai_client.completions.create(**asking(model))
    assert completion.choices[0].text.startswith("[simulated]")
    used = of_chat(completion.usage)
    assert used.output == 20
    calls.cost(used)


@COMPLETING
def test_a_stream_with_usage_ends_with_it(openai_client, calls, model):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(openai_client.completions.create(**asking(model), **options))
    assert text_of(chunks).startswith("[simulated]")
    (last,) = [chunk for chunk in chunks if chunk.usage]
    assert last is chunks[-1] and last.choices == []
    calls.cost(of_chat(last.usage))


@COMPLETING
def test_a_stream_without_usage_tells_none_and_is_charged_all_the_same(openai_client, calls, model):
    plain = of_chat(openai_client.completions.create(**asking(model)).usage)
    chunks = list(openai_client.completions.create(**asking(model), stream=True))
    assert text_of(chunks).startswith("[simulated]")
    # OpenRouter tells it always.
    if kinds.provider(model) != "openrouter":
        assert not [chunk for chunk in chunks if chunk.usage or not chunk.choices]
    calls.cost(plain, plain)


@kinds.of("anthropic", "gemini")
def test_a_provider_without_completions_is_not_asked(shared, calls, model):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        shared.openai_as_key().completions.create(**asking(model))
    assert raised.value.code == "untranslatable"
    (record,) = calls.recorded(1)
    assert (record["outcome"], record["held"]) == ("refused", 0)


@kinds.of("anthropic", "gemini")
def test_an_agents_next_model_that_can_is_asked_in_its_place(shared, calls, model):
    completion = shared.openai_as_agent().completions.create(**asking(model))
    assert completion.choices[0].text.startswith("[simulated]")
    (record,) = calls.recorded(1)
    assert record["outcome"] == "served"
    assert record["attempts"][0]["candidate"] == f"default/{model}"
    assert record["provider"] != f"default/{kinds.provider(model)}"
    assert of_record(record) == of_chat(completion.usage)


def asking(model):
    """Arguments of `completions.create`."""
    return {"model": model, "prompt": ordered("output=20"), "max_tokens": 50}


def text_of(chunks):
    """All words of a stream."""
    return "".join(choice.text for chunk in chunks for choice in chunk.choices)
