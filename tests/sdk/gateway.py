"""A real `pai serve --simulate` for one test: starts it, reads its credentials, stops it, reads its records."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from anthropic import Anthropic
from openai import OpenAI

START_SECONDS = 120
STOP_SECONDS = 15


class Gateway:
    """A gateway with the simulator behind it, on free ports."""

    def __init__(self, workspace: Path) -> None:
        self._records = workspace / ".pai" / "records.jsonl"
        self._log = workspace / "stderr.txt"
        command = [os.environ["PAI_BIN"], "serve", str(workspace), "--simulate"]
        command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )
        try:
            welcome = self._welcome()
            self.url = _found(r"pai is serving on (http://[^\s,]+)", welcome)
            self.key = _found(r"access key \S+, for this run: +(pak_\S+)", welcome)
            self.token = _found(r"agent \S+, for this run: +(pai_agt_\S+)", welcome)
        except BaseException:
            self.kill()
            raise

    @property
    def external_url(self) -> str:
        """The base URL for access keys."""
        return f"{self.url}/ext"

    def as_key(self, **options: object) -> Anthropic:
        """The SDK with the access key, and with its own defaults otherwise: two retries."""
        return Anthropic(base_url=self.external_url, **{"api_key": self.key, **options})

    def as_agent(self, **options: object) -> Anthropic:
        """The SDK with the agent's token."""
        return Anthropic(base_url=self.url, **{"auth_token": self.token, **options})

    def openai_as_key(self, **options: object) -> OpenAI:
        """OpenAI's SDK with the access key; its base URL has the version in it, Anthropic's has not."""
        return OpenAI(base_url=f"{self.external_url}/v1", **{"api_key": self.key, **options})

    def openai_as_agent(self, **options: object) -> OpenAI:
        """OpenAI's SDK with the agent's token."""
        return OpenAI(base_url=f"{self.url}/v1", **{"api_key": self.token, **options})

    def records(self) -> list[dict]:
        """The records so far, which are complete only after the end."""
        if not self._records.exists():
            return []
        lines = self._records.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def stop(self) -> list[dict]:
        """Stops as Ctrl-C does, which must go well, and returns all records: one for each call that came in, in the
        order in which they ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        assert self._process.wait(STOP_SECONDS) == 0, self._said()
        return self.records()

    def kill(self) -> None:
        """Ends it in any case."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _welcome(self) -> str:
        """What it prints once it is serving."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            said = self._said()
            if "Ctrl-C stops" in said:
                return said
            assert self._process.poll() is None, f"it does not start:\n{said}"
            time.sleep(0.01)
        raise AssertionError(f"it is not serving after {START_SECONDS} s:\n{self._said()}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace")


def _environment() -> dict[str, str]:
    """This one, without settings that are meant for another gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PAI_")}


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"`{pattern}` is not in:\n{text}"
    return match.group(1)
