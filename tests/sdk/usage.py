"""Tokens by class, out of the usage that each API tells and out of what the gateway has settled, so that the two can be
compared."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Used:
    """What one call used."""

    input: int
    cache_write: int
    cache_read: int
    output: int


def of_message(usage: object) -> Used:
    """Anthropic's: what a cache had is not part of the input."""
    written = usage.cache_creation_input_tokens or 0
    return Used(usage.input_tokens, written, usage.cache_read_input_tokens or 0, usage.output_tokens)


def of_chat(usage: object) -> Used:
    """That of chat completions and of completions: what a cache had is part of the prompt."""
    return _of_openai(usage.prompt_tokens, usage.prompt_tokens_details, usage.completion_tokens)


def of_response(usage: object) -> Used:
    """That of responses, which has the same under other names."""
    return _of_openai(usage.input_tokens, usage.input_tokens_details, usage.output_tokens)


def of_embedding(usage: object) -> Used:
    """There is no output, and no cache."""
    return Used(usage.prompt_tokens, 0, 0, 0)


def of_langchain(usage: dict) -> Used:
    """LangChain's own form of any of these."""
    details = usage.get("input_token_details", {})
    # Of Anthropic's cache writes it has either the sum or the two lives apart.
    names = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    written = sum(details.get(name) or 0 for name in names)
    read = details.get("cache_read") or 0
    return Used(usage["input_tokens"] - written - read, written, read, usage["output_tokens"])


def of_record(record: dict) -> Used:
    """What the gateway charged; which must be what was reported, and no estimate."""
    settled = record["settled"]
    assert settled["estimated"] is False, record
    written = settled["cache_write_5m"] + settled["cache_write_1h"]
    used = Used(settled["input"], written, settled["cache_read"], settled["output"])
    assert settled["total"] == used.input + used.cache_write + used.cache_read + used.output
    return used


def _of_openai(prompt: int, details: object, output: int) -> Used:
    # Older majors have no field of their own for what was written, and keep it nevertheless.
    written = getattr(details, "cache_write_tokens", None) or 0
    read = getattr(details, "cached_tokens", None) or 0
    return Used(prompt - written - read, written, read, output)
