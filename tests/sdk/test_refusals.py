"""What the policies refuse: the class that the SDK raises, who decided, and that it stops after one call."""

import time

import anthropic
import pytest

from manifests import CLOSED_PROVIDER, WORKSPACE, changed, place
from prompts import asking, simulating
from refusal import refused
from versions import ContentTooLargeError

DAY_SECONDS = 86_400


def test_a_denied_model_is_forbidden_by_the_line_that_denies_it(serve):
    gateway = serve()
    call = lambda: gateway.as_key().messages.create(**asking(model="claude-opus-4-6"))
    refusal = refused(gateway, anthropic.PermissionDeniedError, call)
    refusal.says("permission_error", "model_denied")
    refusal.is_decided_by("ModelProvider/default/anthropic/deniedModels", place(WORKSPACE, "deniedModels"))


def test_a_refused_stream_never_begins(serve):
    gateway = serve()
    call = lambda: gateway.as_key().messages.create(**asking(model="claude-opus-4-6", stream=True))
    refused(gateway, anthropic.PermissionDeniedError, call).says("permission_error", "model_denied")


def test_counting_tokens_of_a_denied_model_is_forbidden(serve):
    gateway = serve()
    question = asking(model="claude-opus-4-6")
    del question["max_tokens"]
    call = lambda: gateway.as_key().messages.count_tokens(**question)
    refused(gateway, anthropic.PermissionDeniedError, call).says("permission_error", "model_denied")


def test_a_model_that_an_agent_does_not_list_is_forbidden(serve):
    gateway = serve()
    call = lambda: gateway.as_agent().messages.create(**asking(model="claude-haiku-3-5"))
    refusal = refused(gateway, anthropic.PermissionDeniedError, call)
    refusal.says("permission_error", "model_not_listed")
    refusal.is_decided_by("base/agent-models", place(WORKSPACE, "models:\n"))


def test_a_foreign_address_is_forbidden(serve):
    workspace = changed("providers: [anthropic]", "providers: [anthropic]\n  allowedCidrs: [10.0.0.0/8]")
    gateway = serve(workspace)
    call = lambda: gateway.as_key().messages.create(**asking())
    refusal = refused(gateway, anthropic.PermissionDeniedError, call)
    refusal.says("permission_error", "address_not_allowed")
    assert "127.0.0.1" in refusal.message
    refusal.is_decided_by("base/key-address", place(workspace, "allowedCidrs"))


def test_an_expired_key_is_unauthenticated(serve):
    workspace = changed("providers: [anthropic]", "providers: [anthropic]\n  expires: 2020-01-01")
    gateway = serve(workspace)
    call = lambda: gateway.as_key().messages.create(**asking())
    refusal = refused(gateway, anthropic.AuthenticationError, call)
    refusal.says("authentication_error", "key_expired")
    refusal.is_decided_by("base/key-expired", place(workspace, "2020-01-01"))


def test_a_provider_without_external_access_is_forbidden_to_keys(serve):
    workspace = changed("providers: [anthropic]", "providers: [anthropic, closed]") + CLOSED_PROVIDER
    gateway = serve(workspace)
    call = lambda: gateway.as_key().messages.create(**asking(model="closed/claude-haiku-4-5"))
    refusal = refused(gateway, anthropic.PermissionDeniedError, call)
    refusal.says("permission_error", "external_access_disabled")
    refusal.is_decided_by("base/key-external", place(workspace, "false"))


def test_a_request_over_the_cap_is_forbidden(serve):
    workspace = changed("maxTokensPerRequest: 200000", "maxTokensPerRequest: 1000")
    gateway = serve(workspace)
    call = lambda: gateway.as_key().messages.create(**asking(max_tokens=1001))
    refusal = refused(gateway, anthropic.PermissionDeniedError, call)
    refusal.says("permission_error", "request_too_large")
    refusal.is_decided_by("ModelProvider/default/anthropic/maxTokensPerRequest", place(workspace, "1000"))


@pytest.mark.parametrize(
    ("old", "who", "policy"),
    [
        ("maxTokensPerDay: 300000", "as_key", "base/key-per-day"),
        ("maxPerDay: 400000", "as_agent", "base/agent-per-day"),
    ],
)
def test_a_spent_daily_budget_is_a_final_rate_limit_error_until_midnight(serve, old, who, policy):
    field, _, _ = old.partition(" ")
    workspace = changed(old, f"{field} 1234")
    gateway = serve(workspace)
    client = getattr(gateway, who)()
    wait_for_midnight_if_it_is_near()
    assert client.messages.create(**simulating("output=600", max_tokens=600)).usage.output_tokens == 600

    call = lambda: client.messages.create(**asking(max_tokens=600))
    refusal = refused(gateway, anthropic.RateLimitError, call, calls_before=1)
    seconds_left = DAY_SECONDS - time.time() % DAY_SECONDS
    refusal.is_decided_by(policy, place(workspace, "1234"))
    refusal.says("billing_error", "budget_exhausted")
    assert refusal.error.response.status_code == 429
    assert abs(int(refusal.error.response.headers["retry-after"]) - seconds_left) <= 5
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + DAY_SECONDS))
    assert refusal.details["resets_at"] == f"{tomorrow}T00:00:00Z"
    assert tomorrow in refusal.message


def test_a_body_over_32_mb_is_too_large(serve):
    gateway = serve()
    client = gateway.as_key()
    prompt = "x" * (33 * 1024 * 1024)
    refusal = refused(gateway, ContentTooLargeError, lambda: client.messages.create(**asking(prompt)))
    refusal.says("request_too_large", "body_too_large")


def wait_for_midnight_if_it_is_near() -> None:
    """A budget that is fresh between two calls would be right, and no test of a spent one."""
    left = DAY_SECONDS - time.time() % DAY_SECONDS
    if left < 15:
        time.sleep(left + 0.1)
