// The quickstart's last three commands with the real Claude Code: `pai login`, `eval $(pai gateway env)`, `claude`; and the same
// with `pai gateway claude-settings` in place of the environment.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";

import { Gateway, environment } from "../node/gateway.mjs";
import { provider } from "../node/manifests.mjs";
import { NO_TOOLS, Outside, text } from "./claude.mjs";

const MANIFESTS = `${provider("anthropic")}\
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [anthropic]
`;

const TURN_MS = 90_000;
const SPOKEN = /^\[simulated\]/;

/** A developer with a home of their own; what they run reaches nothing but the gateway. */
class Developer {
  static async at(test) {
    const gateway = await Gateway.simulating(MANIFESTS);
    const home = mkdtempSync(join(tmpdir(), "pai-developer-"));
    const outside = await Outside.start();
    try {
      await test(new Developer(home, outside), gateway);
      const records = await gateway.stop();
      assert.ok(records.some(({ path, outcome }) => path === "POST /ext/v1/messages" && outcome === "served"));
    } finally {
      outside.stop();
      gateway.discard();
      rmSync(home, { recursive: true, force: true });
    }
  }

  constructor(home, outside) {
    this.home = home;
    this.environment = {
      PATH: [dirname(process.env.PAI_BIN), dirname(process.env.PAI_CLAUDE), environment.PATH].join(delimiter),
      HOME: home,
      TMPDIR: home,
      CLAUDE_CODE_MAX_RETRIES: "3",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_ERROR_REPORTING: "1",
      DISABLE_TELEMETRY: "1",
      HTTP_PROXY: outside.url,
      HTTPS_PROXY: outside.url,
      NO_PROXY: "127.0.0.1",
    };
  }

  /** What a shell prints that runs this. The proxy is in this process, so it must not wait for the shell. */
  async sh(script, { input = "", ...variables } = {}) {
    const env = { ...this.environment, ...variables };
    const shell = spawn("bash", ["-c", script], { cwd: this.home, env, timeout: TURN_MS, killSignal: "SIGKILL" });
    shell.stdin.end(input);
    const [printed, complained, status] = await Promise.all([
      text(shell.stdout),
      text(shell.stderr),
      new Promise((resolve, reject) => shell.on("error", reject).on("close", resolve)),
    ]);
    assert.equal(status, 0, `${script}\n${printed}${complained}`);
    return printed;
  }

  async logIn(gateway) {
    await this.sh(`pai login ${gateway.url} --stdin`, { input: gateway.key });
  }
}

const ASK = `claude -p Hello --model claude-haiku-4-5 ${NO_TOOLS.map((word) => `'${word}'`).join(" ")}`;

test("three commands lead to an answer", async () => {
  await Developer.at(async (developer, gateway) => {
    await developer.logIn(gateway);
    const printed = await developer.sh(`eval $(pai gateway env)\n${ASK}`, { ANTHROPIC_API_KEY: "sk-ant-of-somebody" });
    assert.match(printed, SPOKEN);
  });
});

test("settings with a helper lead there as well, without a credential in them", async () => {
  await Developer.at(async (developer, gateway) => {
    await developer.logIn(gateway);
    mkdirSync(join(developer.home, ".claude"));
    const file = join(developer.home, ".claude/settings.json");
    writeFileSync(file, '{\n  "cleanupPeriodDays": 20\n}\n');
    await developer.sh("pai gateway claude-settings --write");
    const settings = readFileSync(file, "utf8");
    assert.ok(!settings.includes(gateway.key));
    assert.equal(JSON.parse(settings).cleanupPeriodDays, 20);
    // Keys that a shell has exported do not get in the way, and are not sent to the gateway.
    const printed = await developer.sh(ASK, { ANTHROPIC_API_KEY: "sk-ant-of-somebody" });
    assert.match(printed, SPOKEN);
  });
});
