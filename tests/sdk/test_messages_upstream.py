"""What goes wrong at providers of other dialects, as Anthropic's SDK sees it: in its own classes, and never taken for
complete."""

import anthropic
import pytest

import kinds
from prompts import simulating
from recovery import once_failing
from versions import BROKEN_MESSAGE, ContentTooLargeError, error_of

# The SDK's default: two retries.
CALLS = 3

ELSEWHERE = kinds.of("openai", "gemini", "openrouter", "azure-openai", "vllm")


@pytest.mark.parametrize("status", [429, 500, 503])
@ELSEWHERE
def test_a_failure_that_passes_is_retried_by_the_sdk_and_recovered(shared, calls, model, status):
    with once_failing(anthropic.DefaultHttpxClient, status) as http_client:
        client = shared.as_key(http_client=http_client)
        message = client.messages.create(**simulating(f"error={status}", model=model))
    assert message.content[0].text.startswith("[simulated]")
    assert [record["outcome"] for record in calls.recorded(2)] == ["upstream_error", "served"]


@pytest.mark.parametrize(
    ("status", "expected", "kind", "attempts"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error", 1),
        (404, anthropic.NotFoundError, "not_found_error", 1),
        (413, ContentTooLargeError, "request_too_large", 1),
        (429, anthropic.RateLimitError, "rate_limit_error", CALLS),
        (500, anthropic.InternalServerError, "api_error", CALLS),
        (503, anthropic.InternalServerError, None, CALLS),
    ],
)
@ELSEWHERE
def test_a_failure_that_stays_is_anthropics_error(shared, calls, model, status, expected, kind, attempts):
    with pytest.raises(expected) as raised:
        shared.as_key().messages.create(**simulating(f"error={status}", model=model))
    assert raised.value.status_code == status
    assert raised.value.body["type"] == "error"
    assert kind in (None, error_of(raised.value)["type"])
    assert "simulated" in error_of(raised.value)["message"]
    records = calls.recorded(attempts)
    assert not any(record.get("settled", {"total": 0})["total"] for record in records)


@kinds.of()
def test_an_error_in_the_middle_of_a_stream_is_raised_as_the_sdks_own(shared, calls, model):
    seen, error = broken(shared.as_key(), model, "output=40 error_at_event=5")
    assert isinstance(error, anthropic.APIStatusError)
    assert error.body["type"] == "error" and error_of(error)["message"]
    assert seen[0] == "message_start" and "message_stop" not in seen
    (record,) = calls.recorded(1)
    assert record["outcome"] == "cut" and record["settled"]["total"] > 0


@kinds.of()
def test_a_stream_that_is_cut_is_raised(shared, calls, model):
    seen, _ = broken(shared.as_key(), model, "output=40 cut_at_event=5")
    assert seen[0] == "message_start" and "message_stop" not in seen
    (record,) = calls.recorded(1)
    assert record["outcome"] == "cut" and record["settled"]["total"] > 0


@pytest.mark.parametrize("orders", ["output=40 error_at_event=5", "output=40 cut_at_event=5"])
@kinds.of()
def test_the_sdks_own_accumulation_of_a_broken_stream_never_looks_complete(shared, calls, model, orders):
    with shared.as_key().messages.stream(**simulating(orders, model=model)) as stream:
        with pytest.raises(BROKEN_MESSAGE):
            stream.get_final_message()
        assert stream.current_message_snapshot.stop_reason is None
    calls.recorded(1)


@ELSEWHERE
def test_an_answer_that_is_none_is_an_error(shared, calls, model):
    with pytest.raises(anthropic.APIError):
        shared.as_key(max_retries=0).messages.create(**simulating("garbage", model=model))
    (record,) = calls.recorded(1)
    assert record["outcome"] in ("cut", "upstream_failed")


def broken(client, model, orders):
    """Reads a stream until it raises, which it must: the types of the events before, and the error."""
    seen = []
    with pytest.raises(BROKEN_MESSAGE) as raised:
        for event in client.messages.create(**simulating(orders, model=model, stream=True)):
            seen.append(event.type)
    return seen, raised.value
