// The SDKs that `tests/node/run` has installed.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.PAI_NODE, "index.js"));

export const { default: Anthropic } = require("@anthropic-ai/sdk");
export const { default: OpenAI } = require("openai");
