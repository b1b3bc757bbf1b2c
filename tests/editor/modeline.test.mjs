// What the modeline of a manifest gives in an editor.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Server } from "./server.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const MODELINE = "# yaml-language-server: $schema=../../schemas/pai.schema.json\n";
const HEAD = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata:\n  name: a\nspec:\n";
const PROVIDER = `${HEAD}  provider: vllm\n  endpoint: http://models.example.com/v1\n`;
const AGENT = "apiVersion: pai.io/v1\nkind: Agent\nmetadata:\n  name: b\nspec:\n  models:\n    - a/some-model\n";

let server;
let opened = 0;
const open = (text) => server.open(join(root, "examples/quickstart", `open-${(opened += 1)}.yaml`), text);
const labels = (items) => items.map(({ label }) => label);

before(async () => {
  server = await Server.start(root);
});
after(() => server.stop());

test("every example is without a fault", async () => {
  const folders = ["quickstart", "seed", "github-actions/manifests"].map((name) => join(root, "examples", name));
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const manifests = files.filter((file) => file.endsWith(".yaml"));
  assert.ok(manifests.length >= 9);
  for (const file of manifests) {
    const text = readFileSync(file, "utf8");
    assert.deepEqual((await server.open(file, text)).diagnostics, [], file);
    // Without its modeline the server would be silent about everything; with it, it sees what is wrong.
    const wrong = await server.open(`${file}.wrong.yaml`, `${text.trimEnd()}\nextra: 1\n`);
    assert.equal(wrong.diagnostics.length, 1, file);
  }
});

test("an unknown field is flagged where it stands", async () => {
  const document = await open(`${MODELINE}${PROVIDER}  maxTokenPerDay: 5\n`);
  assert.equal(document.diagnostics.length, 1);
  const [{ range, message }] = document.diagnostics;
  assert.match(message, /maxTokenPerDay is not allowed/);
  assert.deepEqual(range, { start: { line: 8, character: 2 }, end: { line: 8, character: 16 } });
});

test("an unknown field deeper down is flagged where it stands", async () => {
  const document = await open(`${MODELINE}${PROVIDER}  retry:\n    maxAttempts: 2\n    attempts: 3\n`);
  assert.deepEqual(
    document.diagnostics.map(({ range }) => range.start),
    [{ line: 10, character: 4 }],
  );
});

test("hovering over a field shows its description", async () => {
  const document = await open(`${MODELINE}${PROVIDER}  maxTokensPerDay: 5_000_000\n  retry:\n    maxAttempts: 2\n`);
  assert.match(await document.hover("maxTokensPerDay"), /Tokens per UTC day, shared by everybody/);
  assert.match(await document.hover("maxTokensPerDay"), /Maximum tokens per day/);
  assert.match(await document.hover("maxAttempts"), /Attempts in all, the first included/);
  assert.match(await document.hover("name:"), /by which other manifests refer to the resource/);
  assert.match(await document.hover("apiVersion"), /The version of the format/);
  assert.deepEqual(document.diagnostics, []);
});

test("an empty line in spec is offered the fields of the kind", async () => {
  const document = await open(`${MODELINE}${PROVIDER}  \n`);
  const items = await document.complete({ line: 8, character: 2 });
  const offered = labels(items);
  for (const field of ["apiKeySecretRef", "allowedModels", "deniedModels", "maxTokensPerDay", "retry", "externalAccess"]) {
    assert.ok(offered.includes(field), `${field} is not among ${offered}`);
  }
  assert.ok(!offered.includes("provider"), "what is written already is not offered again");
  for (const stranger of ["models", "providers", "classifier"]) {
    assert.ok(!offered.includes(stranger), `${stranger} is of another kind`);
  }
  const cap = items.find(({ label }) => label === "maxTokensPerDay");
  assert.match(cap.documentation.value ?? cap.documentation, /Tokens per UTC day/);
});

test("values of a list of words are offered, each kind too", async () => {
  const provider = await open(`${MODELINE}${HEAD}  provider: \n`);
  assert.deepEqual(labels(await provider.complete({ line: 6, character: 12 })).sort(), [
    "anthropic", "azure-openai", "gemini", "openai", "openrouter", "vllm",
  ]);
  const kind = await open(`${MODELINE}apiVersion: pai.io/v1\nkind: \n`);
  assert.deepEqual(labels(await kind.complete({ line: 2, character: 6 })).sort(), [
    "AccessKey", "Agent", "GuardBinding", "ModelProvider",
  ]);
});

test("conditions between fields are seen", async () => {
  const document = await open(`${MODELINE}${HEAD}  provider: vllm\n`);
  assert.equal(document.diagnostics.length, 1);
  assert.match(document.diagnostics[0].message, /endpoint/);
});

// The server reads a modeline for the document that it stands in, so each document has one.
test("a file with two kinds has no false faults, and each document its own fields", async () => {
  const both = await open(`${MODELINE}${PROVIDER}---\n${MODELINE}${AGENT}`);
  assert.deepEqual(both.diagnostics, []);
  assert.match(await both.hover("models:"), /The first is the primary/);
  const offering = await open(`${MODELINE}${PROVIDER}---\n${MODELINE}${AGENT}  \n`);
  const offered = labels(await offering.complete({ line: 17, character: 2 }));
  assert.ok(offered.includes("rateLimits") && !offered.includes("deniedModels"), `${offered}`);
  const mixed = await open(`${MODELINE}${PROVIDER}---\n${MODELINE}${AGENT}  deniedModels: []\n`);
  assert.deepEqual(
    mixed.diagnostics.map(({ range }) => range.start),
    [{ line: 17, character: 2 }],
  );
});

test("a file with Windows line ends is read the same", async () => {
  const crlf = (text) => text.replaceAll("\n", "\r\n");
  const good = await open(crlf(`${MODELINE}${PROVIDER}---\n${MODELINE}${AGENT}`));
  assert.deepEqual(good.diagnostics, []);
  assert.match(await good.hover("endpoint"), /Base URL/);
  const bad = await open(crlf(`${MODELINE}${PROVIDER}  maxTokenPerDay: 5\n`));
  assert.deepEqual(
    bad.diagnostics.map(({ range }) => range),
    [{ start: { line: 8, character: 2 }, end: { line: 8, character: 16 } }],
  );
});

test("integers in groups are integers, other text is not", async () => {
  for (const [value, faults] of [["5_000_000", 0], ["5000000", 0], ['"5000000"', 1], ["lots", 1], ["0", 1]]) {
    const { diagnostics } = await open(`${MODELINE}${PROVIDER}  maxTokensPerDay: ${value}\n`);
    assert.equal(diagnostics.length, faults, value);
    if (value === "lots") assert.match(diagnostics[0].message, /without quotes/);
  }
});
