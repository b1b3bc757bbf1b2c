// A real `pai serve` for a test: starts it, reads its credentials, finds its records, stops it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_MS = 60_000;
const STOP_MS = 15_000;
const RECORD_MS = 10_000;
const LOOK_EVERY_MS = 10;

/** No setting that is meant for another gateway or for another provider, and no proxy. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PAI|ANTHROPIC|OPENAI|CLAUDE)|_proxy$/i.test(name)),
);

export class Gateway {
  #folder;
  #process;

  /** Serves manifests with the simulator in place of every provider; `more` are further arguments. */
  static async simulating(manifests, ...more) {
    const gateway = new Gateway(manifests);
    return gateway.#start(["--simulate", ...more]);
  }

  /** Serves manifests with the one provider that they name where they say it is; makes an access key for it. */
  static async before(provider, manifests) {
    const gateway = new Gateway(manifests);
    const secrets = join(gateway.#folder, "secrets");
    mkdirSync(join(secrets, "key"), { recursive: true });
    writeFileSync(join(secrets, "key", "api-key"), "scripted", { mode: 0o600 });
    const command = ["access-key", "create", "--name", "laptop", "--model-provider", provider];
    command.push("--workspace", gateway.#workspace);
    const said = execFileSync(process.env.PAI_BIN, command, { env: environment, stdio: ["ignore", "pipe", "ignore"] });
    gateway.key = found(/pak_\S+/, said.toString())[0];
    return gateway.#start(["--secrets", secrets]);
  }

  constructor(manifests) {
    this.#folder = mkdtempSync(join(tmpdir(), "pai-test-"));
    mkdirSync(this.#workspace);
    writeFileSync(join(this.#workspace, "pai.yaml"), manifests);
  }

  get #workspace() {
    return join(this.#folder, "workspace");
  }

  /** The base URL for access keys. */
  get externalUrl() {
    return `${this.url}/ext`;
  }

  /** The records so far, in the order in which their requests ended; all of them once it has stopped. */
  records() {
    const text = read(join(this.#workspace, ".pai/records.jsonl"));
    // The last line may still be on its way.
    const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    return whole.filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** The record of the request with this id, which is written a moment after its answer. */
  async record(id) {
    return until(RECORD_MS, `a record of ${id}`, () => this.records().find((record) => record.id === id));
  }

  /** Stops as Ctrl-C does, which must go well, and returns the records. */
  async stop() {
    if (this.#process.exitCode === null) this.#process.kill("SIGINT");
    await until(STOP_MS, "its end", () => this.#process.exitCode !== null || this.#process.signalCode !== null);
    const records = this.records();
    if (this.#process.exitCode !== 0) throw new Error(`pai ended with ${this.#process.exitCode}:\n${this.#said()}`);
    this.discard();
    return records;
  }

  /** Ends it in any case. */
  discard() {
    if (this.#process?.exitCode === null) this.#process.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(more) {
    const log = openSync(join(this.#folder, "stderr.txt"), "w");
    const command = ["serve", this.#workspace, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", ...more];
    this.#process = spawn(process.env.PAI_BIN, command, { env: environment, stdio: ["ignore", "ignore", log] });
    try {
      const welcome = await until(START_MS, "that it serves", () => this.#welcome(more.includes("--simulate")));
      this.url = found(/pai is serving on (http:\/\/[^\s,]+)/, welcome)[1];
      this.key ??= /access key \S+, for this run: +(pak_\S+)/.exec(welcome)?.[1];
      this.token = /agent \S+, for this run: +(pai_agt_\S+)/.exec(welcome)?.[1];
    } catch (cause) {
      cause.message += `\n${this.#said()}`;
      this.discard();
      throw cause;
    }
    return this;
  }

  #welcome(simulates) {
    if (this.#process.exitCode !== null) throw new Error("it does not start");
    const said = this.#said();
    return said.includes(simulates ? "Ctrl-C stops" : "pai is serving on") && said.endsWith("\n") ? said : undefined;
  }

  #said() {
    return read(join(this.#folder, "stderr.txt"));
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause.code === "ENOENT") return "";
    throw cause;
  }
}

function found(pattern, text) {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`${pattern} is not in:\n${text}`);
  return match;
}

/** What `look` finds, looked for until it does. */
async function until(milliseconds, what, look) {
  const deadline = performance.now() + milliseconds;
  while (performance.now() < deadline) {
    const seen = look();
    if (seen) return seen;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`${what} has not come in ${milliseconds} ms`);
}
