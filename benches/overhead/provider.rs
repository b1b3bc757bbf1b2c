//! A provider that costs next to nothing: one answer and one burst of events, both made before the first request.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::wire::Wire;

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

/// What requests begin with that ask for a stream; the load generator writes them so.
pub(crate) const ASKS_FOR_A_STREAM: &[u8] = b"{\"stream\":true";

struct Answers {
    plain: Vec<u8>,
    stream: Vec<u8>,
}

/// Starts answering. Ends with the runtime.
pub(crate) async fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let answers = Arc::new(Answers { plain: plain(), stream: stream() });
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
        let streamed = request.body.starts_with(ASKS_FOR_A_STREAM);
        wire.send(if streamed { &answers.stream } else { &answers.plain }).await?;
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

fn head(kind: &str, framing: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nrequest-id: req_01\r\nx-robots-tag: none\r\n{framing}\r\n\r\n"
    )
}
