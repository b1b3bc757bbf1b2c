"""What works as it does at the provider: messages plain and streamed, tools, counting tokens, listing models."""

import asyncio

import pytest
from anthropic import AsyncAnthropic

from manifests import WORKSPACE, changed
from prompts import HAIKU, SONNET, asking, simulating

TOOL = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
}


@pytest.fixture(params=["as_key", "as_agent"])
def who(request):
    """Either kind of caller."""
    return request.param


def test_a_message_is_answered_and_its_usage_counted(serve, who):
    gateway = serve()
    message = getattr(gateway, who)().messages.create(**simulating("output=20"))
    assert message.model == SONNET
    assert message.stop_reason == "end_turn"
    assert message.content[0].text.startswith("[simulated]")
    assert message.usage.output_tokens == 20
    assert settled(gateway) == [message.usage.input_tokens + 20]


@pytest.mark.parametrize("pieces", ["", "pieces=3", "gzip"])
def test_a_stream_arrives_event_by_event_and_its_usage_is_counted(serve, who, pieces):
    gateway = serve()
    with getattr(gateway, who)().messages.stream(**simulating(f"output=20 {pieces}")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == message.content[0].text
    assert text.startswith("[simulated]") and "🙂" in text
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 20)
    assert settled(gateway) == [message.usage.input_tokens + 20]


def test_events_that_the_sdk_does_not_know_are_no_obstacle(serve):
    gateway = serve()
    events = list(gateway.as_key().messages.create(**simulating("unknown_parts", stream=True)))
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")


def test_the_async_client_streams(serve):
    gateway = serve()

    async def ask() -> str:
        async with AsyncAnthropic(base_url=gateway.external_url, api_key=gateway.key) as client:
            async with client.messages.stream(**asking()) as stream:
                return await stream.get_final_text()

    assert asyncio.run(ask()).startswith("[simulated]")


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
def test_a_tool_is_called_and_its_result_taken(serve, who, streamed):
    gateway = serve()
    client = getattr(gateway, who)()

    def ask(arguments):
        if not streamed:
            return client.messages.create(**arguments)
        with client.messages.stream(**arguments) as stream:
            return stream.get_final_message()

    question = asking("Use the tool, please", tools=[TOOL])
    called = ask(question)
    assert called.stop_reason == "tool_use"
    (use,) = called.content
    assert (use.name, use.input) == ("look_up", {"simulated": True, "query": "wörld"})

    result = {"type": "tool_result", "tool_use_id": use.id, "content": "a planet"}
    question["messages"] += [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    assert ask(question).stop_reason == "end_turn"
    assert len(settled(gateway)) == 2


def test_tokens_are_counted_for_free_even_when_the_budget_is_spent(serve, who):
    text = {"as_key": "maxTokensPerDay: 300000", "as_agent": "maxPerDay: 400000"}[who]
    gateway = serve(changed(text, text.partition(" ")[0] + " 1"))
    question = {"model": SONNET, "messages": [{"role": "user", "content": "Hello there"}]}
    assert getattr(gateway, who)().messages.count_tokens(**question).input_tokens > 0
    (record,) = gateway.stop()
    assert (record["outcome"], record["held"]) == ("served", 0)
    assert record.get("settled", {"total": 0})["total"] == 0


def test_the_model_list_has_what_the_caller_may_use(serve, who):
    gateway = serve()
    models = getattr(gateway, who)().models
    listed = [model.id for model in models.list()]
    assert {SONNET, HAIKU, f"anthropic/{SONNET}"} <= set(listed)
    assert not [model for model in listed if "opus" in model]
    assert models.retrieve(f"anthropic/{HAIKU}").id == f"anthropic/{HAIKU}"
    assert {record["outcome"] for record in gateway.stop()} == {"served"}


def test_the_model_list_turns_its_pages(serve, who):
    models = getattr(serve(), who)().models
    whole = [model.id for model in models.list()]
    page_by_page = [model.id for model in models.list(limit=1)]
    assert page_by_page == whole and len(whole) > 2


@pytest.mark.parametrize("model", [SONNET, f"anthropic/{SONNET}"])
def test_models_go_by_id_and_by_reference(serve, who, model):
    message = getattr(serve(WORKSPACE), who)().messages.create(**asking(model=model))
    assert message.model == SONNET


def settled(gateway):
    """Tokens charged, call by call."""
    records = gateway.stop()
    assert all(record["outcome"] == "served" for record in records)
    assert not any(record["settled"]["estimated"] for record in records)
    return [record["settled"]["total"] for record in records]
