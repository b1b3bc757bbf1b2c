// The language server as an editor drives it: started over stdio, files opened, questions asked.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Where `tests/editor/run` has installed the server. */
const installed = process.env.PAI_EDITOR;
const require = createRequire(join(installed, "index.js"));
const rpc = require("vscode-jsonrpc/node");

/** Settings of an editor that has nothing but the modeline: no catalogue, nothing from the network. */
const SETTINGS = {
  yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas: {} },
};

export class Server {
  #process;
  #connection;
  #diagnostics = new Map();
  #waiting = new Map();

  static async start(root) {
    const server = new Server();
    const program = join(installed, "node_modules/yaml-language-server/bin/yaml-language-server");
    server.#process = spawn(process.execPath, [program, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout, stdin } = server.#process;
    server.#connection = rpc.createMessageConnection(
      new rpc.StreamMessageReader(stdout),
      new rpc.StreamMessageWriter(stdin),
    );
    const connection = server.#connection;
    connection.onRequest("workspace/configuration", ({ items }) => items.map(({ section }) => SETTINGS[section] ?? {}));
    connection.onRequest("client/registerCapability", () => null);
    connection.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => {
      server.#diagnostics.set(uri, diagnostics);
      server.#waiting.get(uri)?.();
    });
    connection.listen();
    await connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: {
        workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } },
        textDocument: {
          completion: { completionItem: { snippetSupport: false, documentationFormat: ["markdown"] } },
          hover: { contentFormat: ["markdown"] },
        },
      },
    });
    await connection.sendNotification("initialized", {});
    await connection.sendNotification("workspace/didChangeConfiguration", { settings: SETTINGS });
    return server;
  }

  /** Opens a text as if it were the file at `path`, and waits for what the server says of it. */
  async open(path, text) {
    const uri = pathToFileURL(path).href;
    const said = new Promise((resolve) => this.#waiting.set(uri, resolve));
    await this.#connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri, languageId: "yaml", version: 1, text },
    });
    await said;
    return new Document(this.#connection, uri, text, this.#diagnostics.get(uri));
  }

  async stop() {
    await this.#connection.sendRequest("shutdown");
    await this.#connection.sendNotification("exit");
    this.#connection.dispose();
  }
}

class Document {
  #connection;
  #uri;
  #text;

  constructor(connection, uri, text, diagnostics) {
    this.#connection = connection;
    this.#uri = uri;
    this.#text = text;
    this.diagnostics = diagnostics;
  }

  /** The position of the first `mark` behind the first `after`: line and column from 0, as the protocol counts. */
  position(mark, after = "") {
    const from = this.#text.indexOf(after) + after.length;
    const at = this.#text.indexOf(mark, from);
    if (at < 0) throw new Error(`${mark} is not in the text`);
    const lines = this.#text.slice(0, at).split("\n");
    return { line: lines.length - 1, character: lines.at(-1).length };
  }

  /** What is shown when the mouse rests on `mark`. */
  async hover(mark, after) {
    const position = this.position(mark, after);
    const answer = await this.#ask("hover", { ...position, character: position.character + 1 });
    return answer === null ? "" : (answer.contents.value ?? answer.contents);
  }

  /** What is offered at a line and a column. */
  async complete(position) {
    const answer = await this.#ask("completion", position);
    return answer.items ?? answer;
  }

  #ask(what, position) {
    return this.#connection.sendRequest(`textDocument/${what}`, { textDocument: { uri: this.#uri }, position });
  }
}
