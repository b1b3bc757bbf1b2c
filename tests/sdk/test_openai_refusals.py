"""What the gateway refuses OpenAI's SDK: the class that it raises, who decided, and that it stops after one call."""

import time

import openai
import pytest

import kinds
from manifests import place
from prompts import asking, ordered

# A `retry-after` alone would keep the SDK waiting for hours.
REFUSED_WITHIN_SECONDS = 10

ASKING = {
    "chat": lambda client, model, **more: client.chat.completions.create(**asking(model=model), **more),
    "responses": lambda client, model, **more: client.responses.create(model=model, input="Hello", **more),
    "embeddings": lambda client, model: client.embeddings.create(model=model, input="Hello"),
    "completions": lambda client, model: client.completions.create(model=model, prompt="Hello", max_tokens=9),
}
EVERY_WAY = pytest.mark.parametrize("way", ASKING)


@EVERY_WAY
def test_an_unknown_key_is_unauthenticated(shared, calls, way):
    client = shared.openai_as_key(api_key="pak_nobody")
    error = refused(calls, openai.AuthenticationError, lambda: ASKING[way](client, "openai/gpt-4o"))
    assert error.code == "unknown_credential"
    assert "pak_nobody" not in error.response.text


@EVERY_WAY
def test_an_agents_token_is_no_key(shared, calls, way):
    client = shared.openai_as_key(api_key=shared.token)
    error = refused(calls, openai.AuthenticationError, lambda: ASKING[way](client, "openai/gpt-4o"))
    assert error.code == "wrong_surface"
    assert shared.token not in error.response.text


@EVERY_WAY
def test_a_denied_model_is_forbidden_by_the_line_that_denies_it(shared, calls, way):
    client = shared.openai_as_key()
    error = refused(calls, openai.PermissionDeniedError, lambda: ASKING[way](client, "vllm/llama-denied"))
    assert (error.type, error.code) == ("permission_error", "model_denied")
    assert "ModelProvider/default/vllm/deniedModels" in error.message
    assert error.body["details"]["policy"] == "ModelProvider/default/vllm/deniedModels"
    assert error.body["details"]["source"] in error.message


@pytest.mark.parametrize("way", ["chat", "responses"])
@kinds.of("openai", "anthropic", "gemini")
def test_a_refused_stream_never_begins(shared, calls, way, model):
    client = shared.openai_as_key()
    denied = f"{kinds.provider(model)}/something-denied"
    error = refused(calls, openai.PermissionDeniedError, lambda: ASKING[way](client, denied, stream=True))
    assert error.code == "model_denied"


def test_a_model_that_an_agent_does_not_list_is_forbidden(shared, calls):
    client = shared.openai_as_agent()
    error = refused(calls, openai.PermissionDeniedError, lambda: ASKING["chat"](client, "openai/gpt-4o-mini"))
    assert error.code == "model_not_listed"


def test_a_model_of_nobody_is_forbidden_and_others_are_named(shared, calls):
    client = shared.openai_as_key()
    error = refused(calls, openai.PermissionDeniedError, lambda: ASKING["chat"](client, "nobody/model"))
    assert error.code == "unknown_model"
    assert "openai/gpt-4o" in error.message


@kinds.of("openai", "anthropic", "gemini")
def test_a_request_over_the_cap_is_forbidden(shared, calls, model):
    client = shared.openai_as_key()
    call = lambda: client.chat.completions.create(**asking("x" * 900_000, model=model))
    error = refused(calls, openai.PermissionDeniedError, call)
    assert (error.type, error.code) == ("permission_error", "request_too_large")
    assert error.body["details"]["policy"] == f"ModelProvider/default/{kinds.provider(model)}/maxTokensPerRequest"


@kinds.of("openai", "anthropic", "gemini")
def test_what_a_dialect_cannot_say_is_forbidden_not_left_out(shared, calls, model):
    client = shared.openai_as_key()
    call = lambda: client.chat.completions.create(**asking(model=model), n=2)
    if kinds.provider(model) == "openai":
        assert len(call().choices) == 2
        # Before the next test counts what is on record of its own.
        calls.recorded(1)
    else:
        assert refused(calls, openai.PermissionDeniedError, call).code == "untranslatable"


@pytest.mark.parametrize("way", ["chat", "responses"])
@kinds.of("openai", "anthropic", "gemini")
def test_a_spent_daily_budget_is_a_final_rate_limit_error(serve, model, way):
    workspace = kinds.WORKSPACE.replace("[" + providers() + "]\n  maxTokensPerDay: 9000000", "[" + providers() + "]\n  maxTokensPerDay: 1234")
    gateway = serve(workspace)
    client = gateway.openai_as_key()
    spend = asking(ordered("output=600"), model=model, max_tokens=600)
    assert client.chat.completions.create(**spend).usage.completion_tokens == 600

    most = {"chat": {"max_tokens": 600}, "responses": {"max_output_tokens": 600}}[way]
    question = {"chat": {"messages": spend["messages"]}, "responses": {"input": "Hello"}}[way]
    create = {"chat": client.chat.completions.create, "responses": client.responses.create}[way]
    started = time.monotonic()
    with pytest.raises(openai.RateLimitError) as raised:
        create(model=model, **question, **most)
    assert time.monotonic() - started < REFUSED_WITHIN_SECONDS
    error = raised.value
    assert (error.status_code, error.code) == (429, "budget_exhausted")
    assert error.response.headers["x-should-retry"] == "false"
    assert int(error.response.headers["retry-after"]) > 0
    assert place(workspace, "1234") in error.message
    served, refusal = gateway.stop()
    assert (served["outcome"], refusal["outcome"], refusal["held"]) == ("served", "refused", 0)


def refused(calls, expected, call):
    """Makes a call that is to be refused: with exactly this class, at once, after one call, which cost nothing."""
    started = time.monotonic()
    with pytest.raises(expected) as raised:
        call()
    assert time.monotonic() - started < REFUSED_WITHIN_SECONDS
    error = raised.value
    assert type(error) is expected
    assert error.response.headers["x-should-retry"] == "false"
    (record,) = calls.recorded(1)
    assert (record["outcome"], record["status"], record["held"]) == ("refused", error.status_code, 0)
    assert (record["id"], record["code"]) == (error.request_id, error.code)
    assert "settled" not in record
    return error


def providers():
    """The providers of the access key, as the workspace has them."""
    return ", ".join(sorted({kinds.provider(model) for model in kinds.MODELS.values()}))
