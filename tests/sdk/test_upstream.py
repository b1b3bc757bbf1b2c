"""What goes wrong at the provider: its errors arrive as its own, and a broken answer never looks complete."""

import anthropic
import pytest

from prompts import simulating
from versions import BROKEN_MESSAGE, ContentTooLargeError, GatewayTimeoutError, code_of, error_of

# The SDK's default: two retries.
CALLS = 3


def test_an_overloaded_provider_is_retried_by_the_sdk_and_then_told_as_it_was(serve):
    gateway = serve()
    with pytest.raises(anthropic.OverloadedError) as raised:
        gateway.as_key().messages.create(**simulating("error=529"))
    assert raised.value.status_code == 529
    assert raised.value.body == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": error_of(raised.value)["message"]},
        "request_id": "req_simulated_0001",
    }
    records = gateway.stop()
    assert [record["outcome"] for record in records] == ["upstream_error"] * CALLS
    assert charged(records) == 0


@pytest.mark.parametrize(
    ("status", "expected", "calls"),
    [
        (400, anthropic.BadRequestError, 1),
        (404, anthropic.NotFoundError, 1),
        (413, ContentTooLargeError, 1),
        (429, anthropic.RateLimitError, CALLS),
        (500, anthropic.InternalServerError, CALLS),
        (504, GatewayTimeoutError, CALLS),
    ],
)
def test_the_providers_refusals_keep_their_class(serve, status, expected, calls):
    gateway = serve()
    with pytest.raises(expected) as raised:
        gateway.as_key().messages.create(**simulating(f"error={status}"))
    assert raised.value.status_code == status
    assert raised.value.body["request_id"] == "req_simulated_0001"
    records = gateway.stop()
    assert [record["status"] for record in records] == [status] * calls
    assert charged(records) == 0


def test_the_providers_retry_after_reaches_the_sdk(serve):
    gateway = serve()
    with pytest.raises(anthropic.RateLimitError) as raised:
        gateway.as_key(max_retries=0).messages.create(**simulating("error=429 retry_after=7"))
    assert raised.value.response.headers["retry-after"] == "7"
    assert "x-should-retry" not in raised.value.response.headers


def test_a_provider_that_hangs_up_is_an_error_that_is_worth_retrying(serve):
    gateway = serve()
    with pytest.raises(anthropic.InternalServerError) as raised:
        gateway.as_key().messages.create(**simulating("hangup"))
    assert (raised.value.status_code, code_of(raised.value)) == (502, "upstream_failed")
    assert [record["outcome"] for record in gateway.stop()] == ["upstream_failed"] * CALLS


@pytest.mark.parametrize("client", ["as_key", "as_agent"])
def test_an_error_in_the_middle_of_a_stream_is_raised(serve, client):
    gateway = serve()
    events, error = broken(getattr(gateway, client)(), "error_at_event=4")
    assert isinstance(error, anthropic.APIStatusError)
    assert error_of(error) == {"type": "overloaded_error", "message": "Overloaded"}
    assert events == ["message_start", "content_block_start", "content_block_delta"]
    assert len(gateway.stop()) == 1


@pytest.mark.parametrize("client", ["as_key", "as_agent"])
def test_a_stream_that_is_cut_between_events_is_raised(serve, client):
    gateway = serve()
    events, error = broken(getattr(gateway, client)(), "output=40 cut_at_event=4")
    assert isinstance(error, anthropic.APIError)
    assert events == ["message_start", "content_block_start", "content_block_delta"]
    (record,) = gateway.stop()
    assert record["outcome"] == "cut"
    assert record["settled"]["total"] > 0


@pytest.mark.parametrize("client", ["as_key", "as_agent"])
def test_a_stream_that_is_cut_at_any_byte_is_raised(serve, client):
    gateway = serve()
    client = getattr(gateway, client)()
    length = length_of_stream(client)
    cuts = [*range(1, length, 67), *range(length - 8, length)]
    for cut in cuts:
        broken(client, cutting(cut))
    # The first record is that of the whole stream. Before any content there is nothing to take back, so the gateway
    # says that the provider failed, and the SDK retries.
    outcomes = [record["outcome"] for record in gateway.stop()[1:]]
    begun = outcomes.count("cut")
    assert outcomes == ["upstream_failed"] * CALLS * (len(cuts) - begun) + ["cut"] * begun
    assert begun > len(cuts) / 2


@pytest.mark.parametrize("orders", ["error_at_event=4", "output=40 cut_at_event=4", "output=40 cut_at_byte=900"])
def test_the_sdks_own_accumulation_of_a_broken_stream_never_looks_complete(serve, orders):
    gateway = serve()
    with gateway.as_key().messages.stream(**simulating(orders)) as stream:
        with pytest.raises(BROKEN_MESSAGE):
            stream.get_final_message()
        assert stream.current_message_snapshot.stop_reason is None


def test_a_plain_answer_that_is_cut_is_raised_and_charged(serve):
    gateway = serve()
    with pytest.raises(anthropic.APIConnectionError):
        gateway.as_key(max_retries=0).messages.create(**simulating("cut_at_byte=40"))
    (record,) = gateway.stop()
    assert record["outcome"] == "cut"
    assert record["settled"]["total"] > 0


def broken(client, orders):
    """Reads a stream until it raises, which it must: the types of the events before, and the error."""
    seen = []
    with pytest.raises(BROKEN_MESSAGE) as raised:
        for event in client.messages.create(**simulating(orders, stream=True)):
            seen.append(event.type)
    assert "message_stop" not in seen
    return seen, raised.value


def cutting(byte):
    """The order, equally long for every byte, so that the usage and with it the stream stays as long as it was."""
    return f"output=40 cut_at_byte={byte:06}"


def length_of_stream(client):
    """How many bytes there are to cut."""
    arguments = simulating(cutting(999_999), stream=True)
    with client.messages.with_streaming_response.create(**arguments) as response:
        return sum(len(part) for part in response.iter_bytes())


def charged(records):
    """Tokens charged over all calls."""
    return sum(record.get("settled", {"total": 0})["total"] for record in records)
