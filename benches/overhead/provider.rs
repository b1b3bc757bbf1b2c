//! A provider that costs next to nothing: one answer and one burst of events in each of two protocols, all made before
//! the first request.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::wire::{Wire, find};

/// Tokens of every answer, plain or streamed, over all classes.
pub(crate) const TOKENS_PER_ANSWER: u64 = INPUT + CACHE_WRITE + CACHE_READ + OUTPUT;
const INPUT: u64 = 210;
const CACHE_WRITE: u64 = 30;
const CACHE_READ: u64 = 500;
const OUTPUT: u64 = 60;

/// Events of a streamed answer between its first two and its last three.
const DELTAS: usize = 51;
/// About what makes a plain answer 1 KB.
const TEXT_BYTES: usize = 600;

/// What requests have in them that ask for a stream, whoever wrote them.
const ASKS_FOR_A_STREAM: &[u8] = b"\"stream\":true";
/// What stands in the first line of requests in OpenAI's protocol.
const CHAT: &[u8] = b"/chat/completions ";

struct Answers {
    messages: Forms,
    chat: Forms,
}

struct Forms {
    plain: Vec<u8>,
    stream: Vec<u8>,
}

/// Starts answering. Ends with the runtime.
pub(crate) async fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let answers = Arc::new(Answers {
        messages: Forms { plain: plain(), stream: stream() },
        chat: Forms { plain: chat_plain(), stream: chat_stream() },
    });
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answers = answers.clone();
            // An error is the other side's end.
            tokio::spawn(async move { answer_all(Wire::over(socket)?, &answers).await });
        }
    });
    Ok(address)
}

async fn answer_all(mut wire: Wire, answers: &Answers) -> Result<()> {
    while let Some(request) = wire.receive().await? {
        let forms = if find(request.head, CHAT).is_some() { &answers.chat } else { &answers.messages };
        let streamed = find(request.body, ASKS_FOR_A_STREAM).is_some();
        wire.send(if streamed { &forms.stream } else { &forms.plain }).await?;
    }
    Ok(())
}

fn usage(output: u64) -> String {
    format!(
        r#"{{"input_tokens":{INPUT},"cache_creation_input_tokens":{CACHE_WRITE},"cache_read_input_tokens":{CACHE_READ},"output_tokens":{output}}}"#
    )
}

/// One document of about 1 KB.
fn plain() -> Vec<u8> {
    let (text, usage) = ("x".repeat(TEXT_BYTES), usage(OUTPUT));
    let body = format!(
        r#"{{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{usage}}}"#
    );
    let head = head("application/json", &format!("content-length: {}", body.len()));
    [head, body].concat().into_bytes()
}

/// All events at once, each in a chunk of its own: what a proxy reads when it is slower than its provider.
fn stream() -> Vec<u8> {
    let mut all = head("text/event-stream; charset=utf-8", "transfer-encoding: chunked");
    let mut put = |name: &str, rest: &str| {
        let event = format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
        all.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    };
    let start = format!(
        r#","message":{{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[],"stop_reason":null,"usage":{}}}"#,
        usage(1)
    );
    put("message_start", &start);
    put("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#);
    for _ in 0..DELTAS {
        put("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":" some words"}"#);
    }
    put("content_block_stop", r#","index":0"#);
    let stop = format!(r#","delta":{{"stop_reason":"end_turn"}},"usage":{{"output_tokens":{OUTPUT}}}"#);
    put("message_delta", &stop);
    put("message_stop", "");
    all.push_str("0\r\n\r\n");
    all.into_bytes()
}

/// The same answer in OpenAI's words.
fn chat_plain() -> Vec<u8> {
    let (text, usage) = ("x".repeat(TEXT_BYTES), chat_usage());
    let body = format!(
        r#"{{"id":"chatcmpl-01","object":"chat.completion","created":1,"model":"claude-sonnet-4-6","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
    );
    let head = head("application/json", &format!("content-length: {}", body.len()));
    [head, body].concat().into_bytes()
}

/// As many events, in OpenAI's words.
fn chat_stream() -> Vec<u8> {
    let mut all = head("text/event-stream; charset=utf-8", "transfer-encoding: chunked");
    let mut put = |data: &str| {
        let event = format!("data: {data}\n\n");
        all.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    };
    let chunk = |choices: &str, usage: &str| {
        format!(
            r#"{{"id":"chatcmpl-01","object":"chat.completion.chunk","created":1,"model":"claude-sonnet-4-6","choices":[{choices}],"usage":{usage}}}"#
        )
    };
    let delta = |delta: &str| format!(r#"{{"index":0,"delta":{delta},"finish_reason":null}}"#);
    put(&chunk(&delta(r#"{"role":"assistant","content":""}"#), "null"));
    for _ in 0..=DELTAS {
        put(&chunk(&delta(r#"{"content":" some words"}"#), "null"));
    }
    put(&chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, "null"));
    put(&chunk("", &chat_usage()));
    put("[DONE]");
    all.push_str("0\r\n\r\n");
    all.into_bytes()
}

fn chat_usage() -> String {
    let input = INPUT + CACHE_WRITE + CACHE_READ;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{OUTPUT},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{CACHE_READ}}}}}"#,
        input + OUTPUT
    )
}

fn head(kind: &str, framing: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nrequest-id: req_01\r\nx-robots-tag: none\r\n{framing}\r\n\r\n"
    )
}
