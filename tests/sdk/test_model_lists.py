"""One model list in two shapes: as the SDK that asks knows it."""

import openai
import pytest

import kinds

LISTED = {"anthropic/claude-sonnet-4-6", "openai/gpt-4o", "gemini/gemini-2.5-flash"}


def test_both_sdks_list_the_same_models(shared):
    for who in ["as_key", "as_agent"]:
        theirs = [model.id for model in getattr(shared, f"openai_{who}")().models.list()]
        assert set(theirs) >= LISTED
        assert theirs == [model.id for model in getattr(shared, who)().models.list()]


def test_openais_list_is_openais(openai_client):
    models = {model.id: model for model in openai_client.models.list()}
    assert {model.object for model in models.values()} == {"model"}
    assert "openai" in models["openai/gpt-4o"].owned_by


def test_anthropics_list_is_anthropics(anthropic_client):
    models = {model.id: model for model in anthropic_client.models.list()}
    assert {model.type for model in models.values()} == {"model"}
    assert models["openai/gpt-4o"].display_name == "GPT-4o"


@kinds.of("anthropic", "openai", "gemini")
def test_either_sdk_shows_a_model_of_any_provider(shared, model):
    assert shared.openai_as_key().models.retrieve(model).id == model
    assert shared.as_key().models.retrieve(model).id == model


def test_a_model_that_is_not_listed_is_refused_and_others_are_named(openai_client, calls):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        openai_client.models.retrieve("nobody/model")
    assert raised.value.code == "unknown_model"
    assert "`nobody/model`" in raised.value.message
    assert "anthropic/claude-sonnet-4-6" in raised.value.message
    calls.recorded(1)


def test_an_agent_sees_what_it_lists_and_no_more(shared):
    listed = {model.id for model in shared.openai_as_agent().models.list()}
    # Each by its reference, and those by their own names as well that only one provider has.
    bare = {model.partition("/")[2] for model in kinds.MODELS.values()}
    assert listed == {*kinds.MODELS.values(), *bare} - {"gpt-4o"}
