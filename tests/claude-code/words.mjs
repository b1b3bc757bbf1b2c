// A tool for Claude Code, as an MCP server over stdio: it looks words up. The simulator's calls fit it, so they run.
import { createInterface } from "node:readline";

const TOOL = {
  name: "look_up",
  description: "Looks a word up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } } },
};

const METHODS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "words", version: "1" },
  }),
  "tools/list": () => ({ tools: [TOOL] }),
  "tools/call": ({ arguments: { query } }) => ({ content: [{ type: "text", text: `${query} is a planet` }] }),
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = METHODS[method]?.(params) ?? {};
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
});
