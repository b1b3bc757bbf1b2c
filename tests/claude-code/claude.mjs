// Claude Code in print mode, with a home of its own, and with no way to anywhere but the gateway.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { environment } from "../node/gateway.mjs";

const TURN_MS = 90_000;

/** No tools at all: what is sent is about 30 kB instead of 87 kB. */
export const NO_TOOLS = ["--tools", "", "--strict-mcp-config"];

/** One tool, which may be called without asking. */
const SERVER = { command: process.execPath, args: [fileURLToPath(new URL("words.mjs", import.meta.url))] };
export const ONE_TOOL = [
  ...["--tools", "", "--strict-mcp-config", "--mcp-config", JSON.stringify({ mcpServers: { words: SERVER } })],
  ...["--allowedTools", "mcp__words__look_up"],
];

/** One turn, to its end: what was printed, how it ended, and which hosts beside the gateway it wanted to reach. */
export async function claude(baseUrl, token, prompt, ...more) {
  const home = mkdtempSync(join(tmpdir(), "pai-claude-"));
  const outside = await Outside.start();
  try {
    const settings = {
      PATH: environment.PATH,
      HOME: home,
      TMPDIR: home,
      ANTHROPIC_BASE_URL: baseUrl,
      ANTHROPIC_AUTH_TOKEN: token,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_MAX_RETRIES: "3",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_ERROR_REPORTING: "1",
      DISABLE_TELEMETRY: "1",
      ENABLE_TOOL_SEARCH: "false",
      HTTP_PROXY: outside.url,
      HTTPS_PROXY: outside.url,
      NO_PROXY: "127.0.0.1",
    };
    const started = performance.now();
    const program = spawn(process.env.PAI_CLAUDE, ["-p", prompt, ...more], {
      cwd: home,
      env: settings,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TURN_MS,
      killSignal: "SIGKILL",
    });
    const [printed, complained, status] = await Promise.all([
      text(program.stdout),
      text(program.stderr),
      new Promise((resolve, reject) => program.on("error", reject).on("close", resolve)),
    ]);
    return { printed, complained, status, milliseconds: performance.now() - started, outside: outside.hosts };
  } finally {
    outside.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

export async function text(stream) {
  let all = "";
  for await (const part of stream.setEncoding("utf8")) all += part;
  return all;
}

/** A proxy that leads nowhere, and notes who was wanted. */
export class Outside {
  #server = createServer();
  hosts = [];

  static async start() {
    const outside = new Outside();
    const note = (host) => outside.hosts.push(host);
    outside.#server.on("connect", (request, socket) => {
      note(request.url);
      socket.on("error", () => {}); // It may hang up on us as it likes.
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    outside.#server.on("request", (request, response) => {
      note(request.url);
      response.writeHead(403).end();
    });
    await new Promise((resolve) => outside.#server.listen(0, "127.0.0.1", resolve));
    outside.url = `http://127.0.0.1:${outside.#server.address().port}`;
    return outside;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
