"""LangChain's two packages, each before providers of its own dialect and of the others: asked, streamed, with tools, with
structured answers."""

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

import kinds
import tools
from prompts import ordered
from usage import of_langchain, of_record


class Place(BaseModel):
    """A place."""

    city: str
    people: int


@tool
def look_up(query: str) -> str:
    """Looks a word up."""
    return f"{query}: a planet"


def chat_anthropic(gateway, model, **options):
    return ChatAnthropic(
        model_name=model, base_url=gateway.external_url, api_key=gateway.key, max_tokens=100, **options
    )


def chat_openai(gateway, model, **options):
    return ChatOpenAI(
        model=model, base_url=f"{gateway.external_url}/v1", api_key=gateway.key, max_tokens=100, **options
    )


def chat_openai_by_responses(gateway, model, **options):
    return chat_openai(gateway, model, use_responses_api=True, **options)


CHATS = pytest.mark.parametrize("chat", [chat_anthropic, chat_openai, chat_openai_by_responses])


@CHATS
@kinds.of()
def test_a_question_is_answered_and_charged(shared, calls, chat, model):
    message = chat(shared, model).invoke(ordered("output=20 cache_read=3"))
    assert message.text.startswith("[simulated]") and "🙂" in message.text
    used = of_langchain(message.usage_metadata)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@CHATS
@kinds.of()
def test_a_stream_adds_up_to_the_answer(shared, calls, chat, model):
    options = {"stream_usage": True}
    chunks = list(chat(shared, model, **options).stream(ordered("output=20 cache_read=3")))
    assert len([chunk for chunk in chunks if chunk.text]) > 2
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text.startswith("[simulated]")
    used = of_langchain(whole.usage_metadata)
    assert (used.output, used.cache_read) == (20, 3)
    calls.cost(used)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("prompt", [tools.PROMPT, tools.PROMPT_TWICE], ids=["one", "two"])
@CHATS
@kinds.of()
def test_tools_are_called_and_their_results_taken(shared, calls, chat, model, prompt, streamed):
    bound = chat(shared, model, stream_usage=True).bind_tools([look_up])
    conversation = [HumanMessage(prompt)]
    called = ask(bound, conversation, streamed)
    assert [call["name"] for call in called.tool_calls] == ["look_up"] * (1 if prompt == tools.PROMPT else 2)
    assert called.tool_calls[0]["args"] == tools.ARGUMENTS
    conversation.append(called)
    for call in called.tool_calls:
        conversation.append(ToolMessage(look_up.invoke({"query": call["args"]["query"]}), tool_call_id=call["id"]))
    answered = ask(bound, conversation, streamed)
    assert not answered.tool_calls and answered.text.startswith("[simulated]")
    calls.cost(of_langchain(called.usage_metadata), of_langchain(answered.usage_metadata))


@pytest.mark.parametrize("chat", [chat_openai, chat_openai_by_responses, chat_anthropic])
@kinds.of()
def test_structured_output_is_of_its_class(shared, calls, chat, model):
    place = chat(shared, model).with_structured_output(Place, method="json_schema").invoke("Where?")
    assert isinstance(place, Place)
    (record,) = calls.recorded(1)
    assert record["outcome"] == "served" and of_record(record).output > 0


@kinds.of("openai", "gemini", "vllm")
def test_texts_are_embedded(shared, calls, model):
    embeddings = OpenAIEmbeddings(
        model=model,
        base_url=f"{shared.external_url}/v1",
        api_key=shared.key,
        # Else it counts tokens itself, with a table that it loads from the network.
        check_embedding_ctx_length=False,
    )
    vectors = embeddings.embed_documents(["hello", "there"])
    assert len(vectors) == 2 and vectors[0] != vectors[1]
    (record,) = calls.recorded(1)
    assert of_record(record).input > 0


def ask(model, conversation, streamed):
    """The message, plain or of a stream put together."""
    if not streamed:
        return model.invoke(conversation)
    whole = None
    for chunk in model.stream(conversation):
        whole = chunk if whole is None else whole + chunk
    return whole
