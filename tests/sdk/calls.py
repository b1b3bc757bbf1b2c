"""What the gateway has on record of the calls that a test makes, while it goes on serving other tests."""

import time

from gateway import Gateway
from usage import Used, of_record

# A record is written once a call has ended, which a client may notice first.
RECORDED_WITHIN_SECONDS = 15


class Calls:
    """The calls from its making on."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._earlier = len(gateway.records())

    def recorded(self, count: int) -> list[dict]:
        """The records of so many calls, which must be all that were made."""
        deadline = time.monotonic() + RECORDED_WITHIN_SECONDS
        records = self._so_far()
        while len(records) < count and time.monotonic() < deadline:
            time.sleep(0.01)
            records = self._so_far()
        assert len(records) == count, records
        return records

    def cost(self, *used: Used) -> None:
        """One call for each of these, each served by the model that was asked for and by no other that the caller may
        use, and charged as it was told to the client."""
        records = self.recorded(len(used))
        assert [record["outcome"] for record in records] == ["served"] * len(used)
        for record in records:
            assert f"{record['provider']}/{record['model']}" == f"default/{record['requested']}"
        assert [of_record(record) for record in records] == list(used)

    def _so_far(self) -> list[dict]:
        return self._gateway.records()[self._earlier :]
