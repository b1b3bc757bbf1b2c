//! The simulator over real sockets: it answers as the real APIs do, and breaks as ordered.

#![expect(clippy::expect_used, reason = "a test that cannot set up has to stop")]

/// A simulator, and requests to it.
mod support;
/// Anthropic's messages.
mod anthropic;
/// OpenAI's chat completions.
mod chat;
/// OpenAI's responses.
mod responses;
/// Embeddings, and completions of old.
mod embeddings;
/// What Azure, OpenRouter and vLLM do in their own way.
mod accents;
/// Google's native API.
mod gemini;
/// Orders to misbehave, whichever the API.
mod orders;
/// What goes over the wire and into the log, seen from a bare socket.
mod wire;
/// A classifier for guards.
mod classifier;
