// A provider that answers what a test has written down, one answer after the other, the last one from then on.
import { createServer } from "node:http";

export class Scripted {
  #server;
  /** Path of each request that came. */
  paths = [];

  static async start(...answers) {
    const provider = new Scripted();
    const left = [...answers];
    provider.#server = createServer((request, response) => {
      provider.paths.push(new URL(request.url, "http://localhost").pathname);
      const { status = 200, body } = left.length > 1 ? left.shift() : left[0];
      const streamed = typeof body === "string";
      response.writeHead(status, { "content-type": streamed ? "text/event-stream" : "application/json" });
      request.resume().on("end", () => response.end(streamed ? body : JSON.stringify(body)));
    });
    await new Promise((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    provider.url = `http://127.0.0.1:${provider.#server.address().port}`;
    return provider;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const line = (data) => `data: ${JSON.stringify(data)}\n\n`;
const named = (events) => ({ body: events.map((event) => `event: ${event.type}\n${line(event)}`).join("") });
const unnamed = (chunks) => ({ body: chunks.map(line).join("") });

/** What each kind says when it has too much to do, and a short answer, plain and as a stream, as the kinds document them. */
export const WORDS = {
  anthropic: {
    path: "",
    busy: { status: 529, body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } } },
    answer: (text) => ({
      body: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude-sonnet-4-6",
        content: [{ type: "text", text }],
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 7, output_tokens: 3 },
      },
    }),
    stream(text) {
      const usage = { input_tokens: 7, output_tokens: 1 };
      const message = { ...this.answer("").body, content: [], stop_reason: null, usage };
      return named([
        { type: "message_start", message },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 3 } },
        { type: "message_stop" },
      ]);
    },
  },
  openai: {
    path: "/v1",
    busy: { status: 503, body: { error: { message: "Busy", type: "server_error", param: null, code: null } } },
    answer: (text) => ({
      body: {
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "gpt-4o-mini",
        choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
        usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
      },
    }),
    stream(text) {
      const { usage, ...chat } = this.answer("").body;
      const chunk = (choices) => ({ ...chat, object: "chat.completion.chunk", choices });
      const { body } = unnamed([
        chunk([{ index: 0, delta: { role: "assistant", content: text }, finish_reason: null }]),
        chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
        { ...chunk([]), usage },
      ]);
      return { body: `${body}data: [DONE]\n\n` };
    },
  },
  gemini: {
    path: "",
    busy: { status: 503, body: { error: { code: 503, message: "Busy", status: "UNAVAILABLE" } } },
    answer: (text) => ({
      body: {
        candidates: [{ content: { role: "model", parts: [{ text }] }, finishReason: "STOP", index: 0 }],
        usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 },
        modelVersion: "gemini-2.5-flash",
      },
    }),
    stream(text) {
      return unnamed([this.answer(text).body]);
    },
  },
};
