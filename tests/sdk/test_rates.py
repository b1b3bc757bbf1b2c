"""The refusals that pass by themselves: how often and how many at once. The SDK may come back, and is told when."""

import anthropic
import pytest

from manifests import changed, place
from prompts import asking, simulating
from refusal import sent_upstream
from versions import code_of, error_of


def test_a_full_minute_says_when_to_come_back(serve):
    workspace = changed("providers: [anthropic]", "providers: [anthropic]\n  maxRequestsPerMinute: 2")
    gateway = serve(workspace)
    client = gateway.as_key(max_retries=0)
    for _ in range(2):
        client.messages.create(**asking())
    with pytest.raises(anthropic.RateLimitError) as raised:
        client.messages.create(**asking())
    error = raised.value
    assert (error_of(error)["type"], code_of(error)) == ("rate_limit_error", "rate_limited")
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert "x-should-retry" not in error.response.headers
    assert place(workspace, "2\n") in error_of(error)["message"]
    assert [sent_upstream(record) for record in gateway.stop()] == [1, 1, 0]


def test_too_many_requests_at_once_are_waited_out_by_the_sdk(serve):
    gateway = serve(changed("providers: [anthropic]", "providers: [anthropic]\n  maxConcurrentRequests: 1"))
    client = gateway.as_key()
    with client.messages.create(**simulating("delay_ms=40", stream=True)) as slow:
        # Refused at first; the SDK waits for the second that the refusal asks for, in which the stream ends.
        assert client.messages.create(**asking()).stop_reason == "end_turn"
        assert [event.type for event in slow][-1] == "message_stop"
    outcomes = [record["outcome"] for record in gateway.stop()]
    assert outcomes == ["refused", "served", "served"]
