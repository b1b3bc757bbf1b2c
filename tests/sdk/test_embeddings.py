"""Embeddings by OpenAI's SDK, which asks for bytes in base64 unless told otherwise."""

import openai
import pytest

import kinds
from usage import of_embedding

EMBEDDING = kinds.of("openai", "gemini", "openrouter", "azure-openai", "vllm")


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
@EMBEDDING
def test_texts_are_embedded_and_charged(openai_client, calls, model, form):
    answer = openai_client.embeddings.create(model=model, input=["hello", "there"], **form)
    assert [one.index for one in answer.data] == [0, 1]
    assert all(isinstance(number, float) for one in answer.data for number in one.embedding)
    assert len(answer.data[0].embedding) > 100
    assert answer.data[0].embedding != answer.data[1].embedding
    used = of_embedding(answer.usage)
    assert used.input > 0
    calls.cost(used)


@kinds.of("openai")
def test_fewer_dimensions_are_fewer(openai_client, calls, model):
    answer = openai_client.embeddings.create(model=model, input="hello", dimensions=64)
    assert len(answer.data[0].embedding) == 64
    calls.cost(of_embedding(answer.usage))


@kinds.of("anthropic")
def test_a_provider_without_embeddings_is_not_asked(shared, calls, model):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        shared.openai_as_key().embeddings.create(model=model, input="hello")
    assert raised.value.code == "untranslatable"
    assert "embedding" in raised.value.message
    (record,) = calls.recorded(1)
    assert (record["outcome"], record["held"]) == ("refused", 0)
