// OpenAI's SDK against providers of every kind: as if each of them spoke OpenAI's protocols.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Gateway } from "./gateway.mjs";
import { PROVIDERS, provider, reference, workspace } from "./manifests.mjs";
import { failing, refused, withSmallBudget } from "./refused.mjs";
import { Scripted, WORDS } from "./scripted.mjs";
import { OpenAI } from "./sdk.mjs";

const PARAMETERS = { type: "object", properties: { query: { type: "string" } } };
const TOOL = { type: "function", function: { name: "look_up", description: "Looks a word up.", parameters: PARAMETERS } };

let gateway;
before(async () => {
  gateway = await Gateway.simulating(workspace());
});
after(() => gateway.stop());

const asKey = (to = gateway, more = {}) => new OpenAI({ baseURL: `${to.externalUrl}/v1`, apiKey: to.key, ...more });
const asAgent = () => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token });

const asking = (model, prompt, more = {}) => ({ model, messages: [{ role: "user", content: prompt }], ...more });

/** The SDK's own way to read a stream. */
const streamed = (client, question) => client.chat.completions.stream(question).finalChatCompletion();
const plain = (client, question) => client.chat.completions.create(question);
const idOf = (response) => response.headers.get("x-pai-request-id");

for (const name of Object.keys(PROVIDERS)) {
  describe(name, () => {
    const model = reference(name);

    test("a chat is answered and its usage counted", async () => {
      for (const client of [asKey(), asAgent()]) {
        const question = asking(model, "Hello there [[simulate: output=20]]");
        const { data: chat, response } = await client.chat.completions.create(question).withResponse();
        const [{ message, finish_reason }] = chat.choices;
        assert.match(message.content, /^\[simulated\]/);
        assert.deepEqual([message.role, finish_reason], ["assistant", "stop"]);
        assert.equal(chat.model, PROVIDERS[name].model);
        assert.equal(chat.usage.completion_tokens, 20);
        assert.equal(chat.usage.total_tokens, chat.usage.prompt_tokens + 20);
        isServed(await gateway.record(idOf(response)), name, chat.usage.total_tokens);
      }
    });

    for (const withUsage of [true, false]) {
      test(`a stream arrives piece by piece, ${withUsage ? "with" : "without"} usage, and is counted`, async () => {
        const more = withUsage ? { stream_options: { include_usage: true } } : {};
        const question = asking(model, "Hello there [[simulate: output=20 pieces=3]]", { stream: true, ...more });
        const { data: stream, response } = await asKey().chat.completions.create(question).withResponse();
        const [texts, reasons, usages] = [[], [], []];
        for await (const { choices, usage } of stream) {
          // As at OpenAI: usage has a chunk of its own, without choices, and only where it was asked for.
          if (usage) usages.push([choices.length, usage.completion_tokens]);
          if (choices[0]?.delta.content) texts.push(choices[0].delta.content);
          if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason);
        }
        assert.ok(texts.length > 2);
        assert.match(texts.join(""), /^\[simulated\].*🙂/);
        assert.deepEqual(reasons, ["stop"]);
        if (withUsage) assert.equal(usages.at(-1)?.[1], 20);
        else assert.deepEqual(usages, []);
        const record = await gateway.record(idOf(response));
        assert.equal(record.settled.output, 20);
        isServed(record, name, record.settled.input + 20);
      });
    }

    for (const [form, ask] of Object.entries({ plain, streamed })) {
      test(`tools are called and their results taken, to the end of the loop, ${form}`, async () => {
        const client = asKey();
        const question = asking(model, "Use the tools twice, please", { tools: [TOOL] });
        const [called] = (await ask(client, question)).choices;
        assert.equal(called.finish_reason, "tool_calls");
        const calls = called.message.tool_calls;
        assert.deepEqual(
          calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
          [
            ["look_up", { simulated: true, query: "wörld" }],
            ["look_up", { simulated: true, query: "wörld", again: 2 }],
          ],
        );
        const results = calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "a planet" }));
        question.messages.push(called.message, ...results);
        const [answered] = (await ask(client, question)).choices;
        assert.equal(answered.finish_reason, "stop");
        assert.match(answered.message.content, /^\[simulated\]/);
      });
    }

    test("the SDK's own loop runs a tool and ends with an answer", async () => {
      const asked = [];
      const runner = asKey().chat.completions.runTools({
        ...asking(model, "Use the tool, please"),
        tools: [{ type: "function", function: { ...TOOL.function, parse: JSON.parse, function: look } }],
      });
      function look(words) {
        asked.push(words);
        return "a planet";
      }
      assert.match(await runner.finalContent(), /^\[simulated\]/);
      assert.deepEqual(asked, [{ simulated: true, query: "wörld" }]);
    });

    test("responses are answered, plain and streamed", async () => {
      const question = { model, input: "Hello there [[simulate: output=20]]" };
      const answer = await asKey().responses.create(question);
      const stream = asKey().responses.stream(question);
      const kinds = [];
      for await (const event of stream) kinds.push(event.type);
      for (const response of [answer, await stream.finalResponse()]) {
        assert.equal(response.status, "completed");
        assert.match(response.output_text, /^\[simulated\]/);
        assert.equal(response.usage.output_tokens, 20);
      }
      assert.deepEqual([kinds[0], kinds.at(-1)], ["response.created", "response.completed"]);
      assert.ok(kinds.filter((kind) => kind === "response.output_text.delta").length > 2);
    });

    test("responses call tools and take their results", async () => {
      const tools = [{ type: "function", name: "look_up", description: "Looks up.", parameters: PARAMETERS, strict: false }];
      const question = { model, input: [{ role: "user", content: "Use the tool, please" }], tools };
      const called = await asKey().responses.create(question);
      const [call] = called.output.filter(({ type }) => type === "function_call");
      assert.deepEqual([call.name, JSON.parse(call.arguments)], ["look_up", { simulated: true, query: "wörld" }]);
      question.input.push(...called.output, { type: "function_call_output", call_id: call.call_id, output: "a planet" });
      assert.match((await asKey().responses.create(question)).output_text, /^\[simulated\]/);
    });

    test("embeddings are made, or it is said at once that they cannot be", async () => {
      const ask = (fetch) => asKey(gateway, { fetch }).embeddings.create({ model, input: ["one", "two"] });
      if (name === "anthropic") {
        assert.equal((await refused(gateway, 403, ask)).code, "untranslatable");
        return;
      }
      const { data, usage } = await ask(fetch);
      assert.deepEqual(data.map(({ index }) => index), [0, 1]);
      assert.ok(data.every(({ embedding }) => embedding.length > 1));
      assert.ok(usage.prompt_tokens > 0);
    });

    test("completions are made, or it is said at once that they cannot be", async () => {
      const ask = (fetch) => asKey(gateway, { fetch }).completions.create({ model, prompt: "Hello", max_tokens: 50 });
      if (["anthropic", "gemini"].includes(name)) {
        assert.equal((await refused(gateway, 403, ask)).code, "untranslatable");
        return;
      }
      assert.match((await ask(fetch)).choices[0].text, /^\[simulated\]/);
    });

    test("a denied model is forbidden after one call", async () => {
      const call = (fetch) =>
        asKey(gateway, { fetch }).chat.completions.create(asking(`${name}/${PROVIDERS[name].denied}`, "Hello"));
      const error = await refused(gateway, 403, call);
      assert.ok(error instanceof OpenAI.PermissionDeniedError);
      assert.equal(error.code, "model_denied");
      assert.match(error.message, /deniedModels, pai\.yaml:\d+/);
    });

    test("a spent budget is a final rate limit error after one call", () =>
      withSmallBudget(async (small) => {
        const more = { max_tokens: 600 };
        await asKey(small).chat.completions.create(asking(model, "Hello [[simulate: output=600]]", more));
        const call = (fetch) => asKey(small, { fetch }).chat.completions.create(asking(model, "Hello", more));
        const error = await refused(small, 429, call);
        assert.ok(error instanceof OpenAI.RateLimitError);
        assert.deepEqual([error.type, error.code], ["insufficient_quota", "budget_exhausted"]);
        assert.match(error.message, /base\/key-per-day, pai\.yaml:\d+/);
        assert.ok(Number(error.headers.get("retry-after")) <= 86_400);
      }));

    for (const orders of ["output=60 error_at_event=4", "output=60 cut_at_event=4"]) {
      test(`a stream that breaks off never looks complete: ${orders}`, async () => {
        const question = asking(model, `Hello [[simulate: ${orders}]]`, { stream: true });
        const { data: stream, response } = await asKey().chat.completions.create(question).withResponse();
        const reasons = [];
        await assert.rejects(async () => {
          for await (const { choices } of stream) reasons.push(choices[0]?.finish_reason);
        }, OpenAI.APIError);
        assert.ok(reasons.length > 0 && reasons.every((reason) => !reason), `${reasons}`);
        assert.equal((await gateway.record(idOf(response))).outcome, "cut");
      });
    }

    for (const [status, type] of [[400, "BadRequestError"], [429, "RateLimitError"], [503, "InternalServerError"]]) {
      test(`the provider's ${status} keeps its class`, async () => {
        const question = asking(model, `Hello [[simulate: error=${status} retry_after=7]]`);
        const error = await failing(asKey(gateway, { maxRetries: 0 }).chat.completions.create(question));
        assert.ok(error instanceof OpenAI[type], error.constructor.name);
        assert.match(error.message, /simulated failure/);
        assert.equal(error.headers.get("retry-after"), "7");
      });
    }
  });
}

for (const [name, words] of Object.entries(WORDS)) {
  test(`${name}: a provider with too much to do is asked again by the SDK, and recovers`, async () => {
    const scripted = await Scripted.start(words.busy, words.answer("Here I am."));
    const outer = await Gateway.before(name, provider(name, `\n  endpoint: ${scripted.url}${words.path}`));
    try {
      const { choices, usage } = await asKey(outer).chat.completions.create(asking(PROVIDERS[name].model, "Hello"));
      assert.equal(choices[0].message.content, "Here I am.");
      assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [7, 3]);
      const records = await outer.stop();
      assert.deepEqual(
        records.map(({ outcome, settled }) => [outcome, settled?.total ?? 0]),
        [["upstream_error", 0], ["served", 10]],
      );
      assert.equal(scripted.paths.length, 2);
    } finally {
      outer.discard();
      scripted.stop();
    }
  });
}

test("an unknown key is unauthenticated after one call", async () => {
  const call = (fetch) =>
    asKey(gateway, { fetch, apiKey: "pak_nobody" }).chat.completions.create(asking(reference("gemini"), "Hello"));
  const error = await refused(gateway, 401, call);
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.code, "unknown_credential");
});

test("the model list has what the caller may use", async () => {
  for (const client of [asKey(), asAgent()]) {
    const listed = [];
    for await (const { id, object } of client.models.list()) listed.push([id, object]);
    for (const id of ["anthropic", "openai", "gemini"].map(reference)) {
      assert.ok(listed.some(([known, object]) => known === id && object === "model"), `${id}: ${listed}`);
    }
    const one = await client.models.retrieve(reference("gemini"));
    assert.deepEqual([one.id, one.owned_by], [reference("gemini"), "gemini"]);
  }
});

/** Answered to the end, charged exactly, by the provider that was asked for. */
function isServed(record, name, tokens) {
  assert.equal(record.outcome, "served");
  assert.equal(record.provider, `default/${name}`);
  assert.deepEqual([record.settled.total, record.settled.estimated], [tokens, false]);
}
