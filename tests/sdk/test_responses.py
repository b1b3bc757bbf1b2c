"""Responses by OpenAI's SDK, whichever dialect the provider speaks: created, streamed, with tools."""

import json

import pytest

import kinds
import tools
from prompts import ordered
from usage import of_response


@kinds.of()
def test_a_response_is_created_and_charged(openai_client, calls, model):
    response = openai_client.responses.create(**asking(ordered("output=20 cache_read=3"), model))
    assert response.status == "completed"
    assert response.output_text.startswith("[simulated]") and "🙂" in response.output_text
    used = of_response(response.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_a_response_that_is_cut_short_is_incomplete(openai_client, calls, model):
    response = openai_client.responses.create(**asking(ordered("output=200"), model, 30))
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    calls.cost(of_response(response.usage))


@pytest.mark.parametrize("pieces", ["", "pieces=3"])
@kinds.of()
def test_a_stream_is_told_event_by_event(openai_client, calls, model, pieces):
    asked = asking(ordered(f"output=20 cache_read=3 {pieces}"), model)
    events = list(openai_client.responses.create(**asked, stream=True))
    kinds_of_events = [event.type for event in events]
    assert kinds_of_events[0] == "response.created"
    assert kinds_of_events[-1] == "response.completed"
    assert kinds_of_events.count("response.output_text.delta") > 2
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    response = events[-1].response
    assert text == response.output_text and text.startswith("[simulated]")
    assert [event.sequence_number for event in events] == list(range(len(events)))
    used = of_response(response.usage)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@kinds.of()
def test_the_sdks_own_accumulation_of_a_stream_is_the_response(openai_client, calls, model):
    with openai_client.responses.stream(**asking(ordered("output=20"), model)) as stream:
        response = stream.get_final_response()
    assert response.status == "completed" and response.output_text.startswith("[simulated]")
    calls.cost(of_response(response.usage))


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [(tools.PROMPT, [tools.ARGUMENTS]), (tools.PROMPT_TWICE, [tools.ARGUMENTS, tools.ARGUMENTS_AGAIN])],
    ids=["one", "two"],
)
@kinds.of()
def test_tools_are_called_and_their_results_taken(openai_client, calls, model, prompt, arguments, streamed):
    def ask(asked):
        if not streamed:
            return openai_client.responses.create(**asked)
        return list(openai_client.responses.create(**asked, stream=True))[-1].response

    messages = [{"role": "user", "content": prompt}]
    asked = asking(messages, model, tools=[tools.FOR_RESPONSES])
    first = ask(asked)
    made = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in made] == [(tools.NAME, each) for each in arguments]

    # As OpenAI's guide has it: everything that came goes back, and then the results.
    messages += [item.model_dump(exclude_none=True) for item in first.output]
    messages += [{"type": "function_call_output", "call_id": call.call_id, "output": "a planet"} for call in made]
    second = ask(asked)
    assert second.status == "completed" and second.output_text.startswith("[simulated]")
    calls.cost(of_response(first.usage), of_response(second.usage))


@kinds.of("openai")
def test_the_thoughts_of_a_stateless_loop_go_back(openai_client, calls, model):
    messages = [{"role": "user", "content": ordered("output=20 thinking=5", tools.PROMPT)}]
    asked = asking(messages, model, tools=[tools.FOR_RESPONSES], include=["reasoning.encrypted_content"])
    first = openai_client.responses.create(**asked, store=False)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    messages += [item.model_dump(exclude_none=True) for item in first.output]
    call_id = first.output[1].call_id
    messages.append({"type": "function_call_output", "call_id": call_id, "output": "a planet"})
    second = openai_client.responses.create(**asked, store=False)
    assert second.status == "completed"
    calls.cost(of_response(first.usage), of_response(second.usage))


@kinds.of("anthropic", "gemini")
def test_thoughts_of_another_dialect_survive_a_stateless_loop(openai_client, calls, model):
    messages = [{"role": "user", "content": ordered("output=20 thinking=5", tools.PROMPT)}]
    reasoning = {"effort": "medium", "summary": "auto"}
    include = ["reasoning.encrypted_content"]
    asked = asking(messages, model, 4000, tools=[tools.FOR_RESPONSES], include=include, reasoning=reasoning)
    first = openai_client.responses.create(**asked, store=False)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    messages += [item.model_dump(exclude_none=True) for item in first.output]
    call_id = first.output[1].call_id
    messages.append({"type": "function_call_output", "call_id": call_id, "output": "a planet"})
    # The provider refuses thoughts that do not come back as they were.
    second = openai_client.responses.create(**asked, store=False)
    assert second.status == "completed"
    calls.cost(of_response(first.usage), of_response(second.usage))


@kinds.of()
def test_json_of_a_schema_comes_as_such(openai_client, calls, model):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    form = {"format": {"type": "json_schema", "name": "place", "schema": schema, "strict": True}}
    response = openai_client.responses.create(**asking("Where?", model, text=form))
    assert response.output_text.startswith('{"city":')
    calls.cost(of_response(response.usage))


def asking(said, model, max_output_tokens=100, **more):
    """Arguments of `responses.create`."""
    return {"model": model, "input": said, "max_output_tokens": max_output_tokens, **more}
