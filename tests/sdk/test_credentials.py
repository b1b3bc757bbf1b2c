"""Who is let in: every way in which the SDK can be given a credential, and every wrong one."""

import anthropic
import pytest
from anthropic import Anthropic, Omit

from prompts import asking
from refusal import refused

# Without an argument the SDK looks for a profile on disk, so it is given a key and told not to send it.
NO_AUTHORIZATION = {"Authorization": Omit()}
NO_CREDENTIAL = {**NO_AUTHORIZATION, "X-Api-Key": Omit()}

WAYS = {
    "api_key": lambda secret: {"api_key": secret},
    "auth_token": lambda secret: {"auth_token": secret},
    # How older SDKs send a key.
    "x-api-key": lambda secret: {
        "api_key": "not sent",
        "default_headers": {**NO_AUTHORIZATION, "X-Api-Key": secret},
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_keys_are_taken_under_ext_however_they_are_given(serve, way):
    gateway = serve()
    client = Anthropic(base_url=gateway.external_url, **WAYS[way](gateway.key))
    client.messages.create(**asking())
    assert principals(gateway) == ["access key default/laptop"]


@pytest.mark.parametrize("way", WAYS)
def test_agents_are_taken_under_the_root_however_their_token_is_given(serve, way):
    gateway = serve()
    client = Anthropic(base_url=gateway.url, **WAYS[way](gateway.token))
    client.messages.create(**asking())
    assert principals(gateway) == ["agent default/coder"]


@pytest.mark.parametrize("way", WAYS)
def test_an_agents_token_is_no_key(serve, way):
    gateway = serve()
    client = Anthropic(base_url=gateway.external_url, **WAYS[way](gateway.token))
    unauthenticated(gateway, client, "wrong_surface")


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_no_agents_token(serve, way):
    gateway = serve()
    client = Anthropic(base_url=gateway.url, **WAYS[way](gateway.key))
    unauthenticated(gateway, client, "wrong_surface")


@pytest.mark.parametrize("surface", ["url", "external_url"])
def test_no_credential_is_unauthenticated(serve, surface):
    gateway = serve()
    client = Anthropic(base_url=getattr(gateway, surface), api_key="not sent")
    unauthenticated(gateway, client, "no_credential", extra_headers=NO_CREDENTIAL)


def test_a_key_of_another_gateway_is_unknown(serve):
    gateway, other = serve(), serve()
    unauthenticated(gateway, gateway.as_key(api_key=other.key), "unknown_credential")


def test_a_mistyped_key_is_unknown(serve):
    gateway = serve()
    mistyped = gateway.key[:-1] + ("a" if gateway.key[-1] != "a" else "b")
    unauthenticated(gateway, gateway.as_key(api_key=mistyped), "unknown_credential")


def test_a_key_of_the_provider_is_unknown(serve):
    gateway = serve()
    unauthenticated(gateway, gateway.as_key(api_key="sk-ant-something"), "unknown_credential")


@pytest.mark.parametrize("listed", [True, False], ids=["list", "show"])
def test_the_model_list_wants_a_credential_too(serve, listed):
    gateway = serve()
    models = gateway.as_key(api_key="pak_nobody").models
    call = (lambda: models.list()) if listed else (lambda: models.retrieve("claude-haiku-4-5"))
    refused(gateway, anthropic.AuthenticationError, call).says("authentication_error", "unknown_credential")


def unauthenticated(gateway, client, code, **options):
    """A refusal that is never retried, names no cause that helps a guesser, and repeats no secret."""
    refusal = refused(gateway, anthropic.AuthenticationError, lambda: client.messages.create(**asking(), **options))
    refusal.says("authentication_error", code)
    for secret in (gateway.key, gateway.token, client.api_key, client.auth_token):
        assert not secret or secret not in refusal.error.response.text
    # Claude Code puts a page of its own in the place of this wording.
    assert "invalid x-api-key" not in refusal.message


def principals(gateway):
    """Who was served, call by call."""
    records = gateway.stop()
    assert all(record["outcome"] == "served" for record in records)
    return [record["principal"] for record in records]
