"""What every test has: a gateway of its own, and an environment in which no setting of the machine reaches the SDK."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import manifests
from gateway import Gateway

Serve = Callable[..., Gateway]

# An SDK that believes the wrong header sleeps until midnight; a test must rather fail.
TEST_SECONDS = 60


@pytest.fixture(autouse=True)
def sealed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, header or proxy but the test's own."""
    for name in list(os.environ):
        if name.startswith("ANTHROPIC_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Ends a test that waits for ever."""

    def give_up(*_: object) -> None:
        pytest.fail(f"nothing has come of it in {TEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def serve(tmp_path: Path, sealed_environment: None) -> Iterator[Serve]:
    """Serves a workspace; the test's own unless it says otherwise. Whatever it asked of the gateway, it must stop
    cleanly."""
    running: list[Gateway] = []

    def start(text: str = manifests.WORKSPACE) -> Gateway:
        running.append(Gateway(manifests.write(tmp_path / f"workspace-{len(running)}", text)))
        return running[-1]

    try:
        yield start
        for gateway in running:
            gateway.stop()
    finally:
        for gateway in running:
            gateway.kill()
