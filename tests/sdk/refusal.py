"""What holds for every refusal of the gateway, whatever its cause."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from anthropic import APIStatusError

from gateway import Gateway
from versions import code_of, error_of

# The SDK's first retry alone would wait for about half a second, and a `retry-after` for hours.
REFUSED_WITHIN_SECONDS = 2


@dataclass(frozen=True)
class Refusal:
    """What the SDK raised, and what the gateway noted."""

    error: APIStatusError
    record: dict

    @property
    def details(self) -> dict:
        """The machine-readable part."""
        return error_of(self.error)["details"]

    @property
    def message(self) -> str:
        """What people read."""
        return error_of(self.error)["message"]

    def says(self, kind: str, code: str) -> None:
        """The type and the code, as the SDK gives them to the program."""
        assert (error_of(self.error)["type"], code_of(self.error)) == (kind, code), self.error.message

    def is_decided_by(self, policy: str, source: str) -> None:
        """The policy and the manifest line: for people in the message, for programs in the details, and on record."""
        assert policy in self.message and source in self.message, self.message
        assert (self.details["policy"], self.details["source"]) == (policy, source)
        assert {"policy": policy, "source": source} in self.record["policies"]


def refused(
    gateway: Gateway, expected: type[APIStatusError], call: Callable[[], object], *, calls_before: int = 0
) -> Refusal:
    """Makes a call that is to be refused: with exactly this class, at once, after one call, and nothing was sent to
    the provider. Stops the gateway."""
    started = time.monotonic()
    with pytest.raises(expected) as raised:
        call()
    seconds = time.monotonic() - started
    error = raised.value
    assert type(error) is expected
    assert seconds < REFUSED_WITHIN_SECONDS, f"it took {seconds:.1f} s"
    assert error.response.headers.get("x-should-retry") == "false"

    records = gateway.stop()
    assert len(records) == calls_before + 1, f"{len(records) - calls_before} calls were made"
    record = records[-1]
    assert (record["outcome"], record["status"]) == ("refused", error.status_code)
    assert (record["id"], record["code"]) == (error.request_id, code_of(error))
    assert sent_upstream(record) == 0
    assert (record["held"], record.get("settled")) == (0, None)
    return Refusal(error, record)


def sent_upstream(record: dict) -> int:
    """How many times the provider was asked for it: attempts that ended with something else than our own code."""
    return sum(attempt["result"] != record.get("code") for attempt in record.get("attempts", []))
