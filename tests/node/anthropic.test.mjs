// Anthropic's SDK against providers of every kind: as if each of them spoke Anthropic's protocol.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Gateway } from "./gateway.mjs";
import { PROVIDERS, provider, reference, workspace } from "./manifests.mjs";
import { failing, refused, withSmallBudget } from "./refused.mjs";
import { Scripted, WORDS } from "./scripted.mjs";
import { Anthropic } from "./sdk.mjs";

const TOOL = {
  name: "look_up",
  description: "Looks a word up.",
  input_schema: { type: "object", properties: { query: { type: "string" } } },
};

let gateway;
before(async () => {
  gateway = await Gateway.simulating(workspace());
});
after(() => gateway.stop());

const asKey = (to = gateway, more = {}) => new Anthropic({ baseURL: to.externalUrl, apiKey: to.key, ...more });
const asAgent = () => new Anthropic({ baseURL: gateway.url, apiKey: null, authToken: gateway.token });

const asking = (model, prompt, more = {}) => ({
  model,
  max_tokens: 100,
  messages: [{ role: "user", content: prompt }],
  ...more,
});

/** The SDK's own way to read a stream. */
const streamed = (client, question) => client.messages.stream(question).finalMessage();
const plain = (client, question) => client.messages.create(question);
const idOf = (response) => response.headers.get("x-pai-request-id");

for (const name of Object.keys(PROVIDERS)) {
  describe(name, () => {
    const model = reference(name);

    test("a message is answered and its usage counted", async () => {
      for (const client of [asKey(), asAgent()]) {
        const question = asking(model, "Hello there [[simulate: output=20]]");
        const { data: message, response } = await client.messages.create(question).withResponse();
        assert.match(message.content[0].text, /^\[simulated\]/);
        assert.equal(message.model, PROVIDERS[name].model);
        assert.deepEqual([message.role, message.stop_reason], ["assistant", "end_turn"]);
        assert.equal(message.usage.output_tokens, 20);
        isServed(await gateway.record(idOf(response)), name, message.usage.input_tokens + 20);
      }
    });

    test("a stream arrives event by event and its usage is counted", async () => {
      const stream = asKey().messages.stream(asking(model, "Hello there [[simulate: output=20 pieces=3]]"));
      const [kinds, texts] = [[], []];
      for await (const event of stream) {
        kinds.push(event.type);
        if (event.delta?.type === "text_delta") texts.push(event.delta.text);
      }
      const message = await stream.finalMessage();
      assert.equal(kinds[0], "message_start");
      assert.deepEqual(kinds.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
      assert.ok(texts.length > 2);
      assert.equal(texts.join(""), message.content[0].text);
      assert.match(message.content[0].text, /^\[simulated\].*🙂/);
      assert.deepEqual([message.stop_reason, message.usage.output_tokens], ["end_turn", 20]);
      isServed(await gateway.record(idOf(stream.response)), name, message.usage.input_tokens + 20);
    });

    for (const [form, ask] of Object.entries({ plain, streamed })) {
      test(`tools are called and their results taken, to the end of the loop, ${form}`, async () => {
        const client = asKey();
        const question = asking(model, "Use the tools twice, please", { tools: [TOOL] });
        const called = await ask(client, question);
        assert.equal(called.stop_reason, "tool_use");
        const uses = called.content.filter(({ type }) => type === "tool_use");
        assert.deepEqual(
          uses.map(({ name, input }) => [name, input]),
          [
            ["look_up", { simulated: true, query: "wörld" }],
            ["look_up", { simulated: true, query: "wörld", again: 2 }],
          ],
        );
        const results = uses.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "a planet" }));
        question.messages.push({ role: "assistant", content: called.content }, { role: "user", content: results });
        const answer = await ask(client, question);
        assert.equal(answer.stop_reason, "end_turn");
        assert.match(answer.content.at(-1).text, /^\[simulated\]/);
      });
    }

    test("an answer that reaches its limit says so", async () => {
      const message = await asKey().messages.create(asking(model, "Hi [[simulate: output=50]]", { max_tokens: 30 }));
      assert.deepEqual([message.stop_reason, message.usage.output_tokens], ["max_tokens", 30]);
    });

    test("tokens are counted, never too few, and for free", async () => {
      const question = asking(model, "Hello there");
      const { usage } = await asKey().messages.create(question);
      delete question.max_tokens;
      const { data: count, response } = await asKey().messages.countTokens(question).withResponse();
      assert.ok(count.input_tokens >= usage.input_tokens, `${count.input_tokens} < ${usage.input_tokens}`);
      const record = await gateway.record(idOf(response));
      assert.deepEqual([record.outcome, record.held, record.settled?.total ?? 0], ["served", 0, 0]);
    });

    test("a denied model is forbidden after one call", async () => {
      const call = (fetch) => asKey(gateway, { fetch }).messages.create(asking(`${name}/${PROVIDERS[name].denied}`, "Hello"));
      const error = await refused(gateway, 403, call);
      assert.ok(error instanceof Anthropic.PermissionDeniedError);
      assert.equal(error.error.error.type, "permission_error");
      assert.match(error.message, /deniedModels, pai\.yaml:\d+/);
    });

    test("a spent budget is a final rate limit error after one call", () =>
      withSmallBudget(async (small) => {
        const more = { max_tokens: 600 };
        await asKey(small).messages.create(asking(model, "Hello [[simulate: output=600]]", more));
        const call = (fetch) => asKey(small, { fetch }).messages.create(asking(model, "Hello", more));
        const error = await refused(small, 429, call);
        assert.ok(error instanceof Anthropic.RateLimitError);
        assert.equal(error.error.error.type, "billing_error");
        assert.match(error.message, /base\/key-per-day, pai\.yaml:\d+/);
        assert.ok(Number(error.headers.get("retry-after")) <= 86_400);
      }));

    for (const orders of ["output=60 error_at_event=4", "output=60 cut_at_event=4"]) {
      test(`a stream that breaks off never looks complete: ${orders}`, async () => {
        const stream = asKey().messages.stream(asking(model, `Hello [[simulate: ${orders}]]`));
        const kinds = [];
        await assert.rejects(async () => {
          for await (const event of stream) kinds.push(event.type);
        }, Anthropic.APIError);
        assert.ok(kinds.includes("content_block_delta"), `${kinds}`);
        assert.ok(!kinds.includes("message_stop"), `${kinds}`);
        assert.equal((await gateway.record(idOf(stream.response))).outcome, "cut");
      });
    }

    for (const [status, type] of [[400, "BadRequestError"], [429, "RateLimitError"], [503, "InternalServerError"]]) {
      test(`the provider's ${status} keeps its class`, async () => {
        const question = asking(model, `Hello [[simulate: error=${status} retry_after=7]]`);
        const error = await failing(asKey(gateway, { maxRetries: 0 }).messages.create(question));
        assert.ok(error instanceof Anthropic[type], error.constructor.name);
        assert.equal(error.status, status);
        assert.equal(error.error.type, "error");
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
      const message = await asKey(outer).messages.create(asking(PROVIDERS[name].model, "Hello"));
      assert.equal(message.content[0].text, "Here I am.");
      assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [7, 3]);
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

for (const name of ["anthropic", "openai", "gemini"]) {
  // A translated document is read to its end before it is begun, and its record is written too early.
  test(`${name}: the record of a plain answer has its status, its attempt and its time`, async () => {
    const { response } = await asKey().messages.create(asking(reference(name), "Hello")).withResponse();
    const record = await gateway.record(idOf(response));
    assert.equal(record.status, 200);
    assert.deepEqual(record.attempts, [{ candidate: `default/${reference(name)}`, result: "answered" }]);
    assert.ok(record.first_byte_ms > 0);
  });
}

test("an unknown key is unauthenticated after one call", async () => {
  const call = (fetch) =>
    asKey(gateway, { fetch, apiKey: "pak_nobody" }).messages.create(asking(reference("openai"), "Hello"));
  const error = await refused(gateway, 401, call);
  assert.ok(error instanceof Anthropic.AuthenticationError);
  // Claude Code puts a page of its own in the place of this wording.
  assert.doesNotMatch(error.message, /invalid x-api-key/);
});

test("the model list has what the caller may use, page by page", async () => {
  const ids = async (models) => {
    const seen = [];
    for await (const { id } of models) seen.push(id);
    return seen;
  };
  for (const client of [asKey(), asAgent()]) {
    const listed = await ids(client.models.list());
    // Known models of kinds whose models are known, and for an agent those that it names.
    for (const id of ["anthropic", "openai", "gemini"].map(reference)) assert.ok(listed.includes(id), `${id}: ${listed}`);
    assert.deepEqual(await ids(client.models.list({ limit: 2 })), listed);
    assert.equal((await client.models.retrieve(reference("gemini"))).id, reference("gemini"));
  }
});

/** Answered to the end, charged exactly, by the provider that was asked for. */
function isServed(record, name, tokens) {
  assert.equal(record.outcome, "served");
  assert.equal(record.provider, `default/${name}`);
  assert.deepEqual([record.settled.total, record.settled.estimated], [tokens, false]);
}
