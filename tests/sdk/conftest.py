"""What every test has: a gateway of its own or one that its module shares, and an environment in which no setting of the
machine reaches an SDK."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anthropic import Anthropic
from openai import OpenAI

import kinds
import manifests
import versions
from calls import Calls
from gateway import Gateway
from usage import of_record

Serve = Callable[..., Gateway]

# LangChain is installed with the newest SDKs only.
collect_ignore = [] if versions.IS_NEWEST else ["test_langchain.py"]

# An SDK that believes the wrong header sleeps until midnight; a test must rather fail.
TEST_SECONDS = 180


@pytest.fixture(autouse=True)
def sealed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, header or proxy but the test's own."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_")) or name.lower().endswith("_proxy"):
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway with a provider of every kind, for all tests of a module. Whatever they asked of it, it must stop
    cleanly, and of what was served nothing may have been charged by an estimate."""
    folder = tmp_path_factory.mktemp("shared") / "workspace"
    gateway = Gateway(manifests.write(folder, kinds.WORKSPACE))
    try:
        yield gateway
        for record in gateway.stop():
            if record["outcome"] == "served" and "settled" in record:
                of_record(record)
    finally:
        gateway.kill()


@pytest.fixture
def calls(shared: Gateway) -> Calls:
    """What is on record of this test's calls to the shared gateway."""
    return Calls(shared)


@pytest.fixture(params=["as_key", "as_agent"])
def anthropic_client(shared: Gateway, request: pytest.FixtureRequest) -> Anthropic:
    """Anthropic's SDK, as either kind of caller."""
    return getattr(shared, request.param)()


@pytest.fixture(params=["as_key", "as_agent"])
def openai_client(shared: Gateway, request: pytest.FixtureRequest) -> OpenAI:
    """OpenAI's SDK, as either kind of caller."""
    return getattr(shared, f"openai_{request.param}")()
