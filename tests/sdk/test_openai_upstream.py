"""What goes wrong at the provider, as OpenAI's SDK sees it: retried, told as what it is, and never taken for complete."""

import openai
import pytest

import kinds
from prompts import asking, ordered
from recovery import once_failing
from versions import BROKEN_CHAT

# The SDK's default: two retries.
CALLS = 3

THREE = kinds.of("openai", "anthropic", "gemini")


@pytest.mark.parametrize("status", [429, 500, 503, 529])
@THREE
def test_a_failure_that_passes_is_retried_by_the_sdk_and_recovered(shared, calls, model, status):
    with once_failing(openai.DefaultHttpxClient, status) as http_client:
        client = shared.openai_as_key(http_client=http_client)
        completion = client.chat.completions.create(**asking(ordered(f"error={status}"), model=model))
    assert completion.choices[0].message.content.startswith("[simulated]")
    outcomes = [record["outcome"] for record in calls.recorded(2)]
    assert outcomes == ["upstream_error", "served"]


@pytest.mark.parametrize(
    ("status", "expected", "attempts"),
    [
        (400, openai.BadRequestError, 1),
        (404, openai.NotFoundError, 1),
        (413, openai.APIStatusError, 1),
        (429, openai.RateLimitError, CALLS),
        (500, openai.InternalServerError, CALLS),
        (529, openai.InternalServerError, CALLS),
    ],
)
@THREE
def test_a_failure_that_stays_keeps_its_class_and_its_words(shared, calls, model, status, expected, attempts):
    with pytest.raises(expected) as raised:
        create = shared.openai_as_key().chat.completions.create
        create(**asking(ordered(f"error={status}"), model=model))
    assert raised.value.status_code == status
    assert "simulated" in raised.value.message
    assert isinstance(raised.value.body, dict) and raised.value.type
    records = calls.recorded(attempts)
    assert [record["status"] for record in records] == [status] * attempts
    assert not any(record.get("settled", {"total": 0})["total"] for record in records)


@THREE
def test_the_providers_retry_after_reaches_the_sdk(shared, calls, model):
    client = shared.openai_as_key(max_retries=0)
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**asking(ordered("error=429 retry_after=7"), model=model))
    assert raised.value.response.headers["retry-after"] == "7"
    calls.recorded(1)


@kinds.of()
def test_an_error_in_the_middle_of_a_chat_is_raised(shared, calls, model):
    asked = asking(ordered("output=40 error_at_event=5"), model=model)
    seen, error = broken(shared.openai_as_key().chat.completions.create(**asked, stream=True))
    assert isinstance(error, openai.APIError)
    assert seen and not [chunk for chunk in seen if any(choice.finish_reason == "stop" for choice in chunk.choices)]
    (record,) = calls.recorded(1)
    assert record["outcome"] == "cut" and record["settled"]["total"] > 0


@kinds.of()
def test_a_chat_that_is_cut_is_raised(shared, calls, model):
    asked = asking(ordered("output=40 cut_at_event=5"), model=model)
    seen, _ = broken(shared.openai_as_key().chat.completions.create(**asked, stream=True))
    assert seen and not [chunk for chunk in seen if any(choice.finish_reason == "stop" for choice in chunk.choices)]
    (record,) = calls.recorded(1)
    assert record["outcome"] == "cut" and record["settled"]["total"] > 0


@pytest.mark.parametrize("orders", ["error_at_event=6", "cut_at_event=6"])
@kinds.of()
def test_a_broken_response_is_never_completed(shared, calls, model, orders):
    asked = {"model": model, "input": ordered(f"output=60 {orders}"), "max_output_tokens": 100}
    seen = []
    try:
        for event in shared.openai_as_key().responses.create(**asked, stream=True):
            seen.append(event.type)
    except BROKEN_CHAT:
        pass
    else:
        # This API has words of its own for it, which the SDK hands on as an event.
        assert seen[-1] in ("error", "response.failed"), seen
    assert "response.completed" not in seen
    assert seen and seen[0] == "response.created"
    (record,) = calls.recorded(1)
    assert record["outcome"] == "cut" and record["settled"]["total"] > 0


@kinds.of()
def test_a_plain_answer_that_is_cut_is_raised(shared, calls, model):
    client = shared.openai_as_key(max_retries=0)
    with pytest.raises(openai.APIError):
        client.chat.completions.create(**asking(ordered("cut_at_byte=40"), model=model))
    (record,) = calls.recorded(1)
    assert record["outcome"] in ("cut", "upstream_failed")


def broken(stream):
    """Reads a stream until it raises, which it must: the chunks before, and the error."""
    seen = []
    with pytest.raises(BROKEN_CHAT) as raised:
        for chunk in stream:
            seen.append(chunk)
    return seen, raised.value
