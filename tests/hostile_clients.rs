//! Clients that flood, that trickle, and that do not read: each costs a bounded amount of memory and time, and nobody
//! else anything.

use std::time::Duration;

use bytes::Bytes;
use pai_simulator::Scenario;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

#[cfg(target_os = "linux")]
use crate::processes;
use crate::support::{MANIFESTS, World, hello};

/// Longer than anything here takes; a gateway that lets a client hang fails, and does not hang the test.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.gateway.address()).await.expect("a connection")
}

/// Everything until the gateway closes the connection, in whichever way.
async fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = socket.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..length]);
        }
    };
    timeout(PATIENCE, read).await.expect("the gateway closes the connection");
    all
}

/// One answer of known length.
async fn answer(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = async {
        loop {
            let byte = socket.read_u8().await.expect("an answer");
            text.push(char::from(byte));
            if text.ends_with("\r\n\r\n") {
                break;
            }
        }
        let mut lines = text.lines().map(str::to_ascii_lowercase);
        let length = lines.find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        socket.read_exact(&mut body).await.expect("a body");
        text.push_str(&String::from_utf8_lossy(&body));
    };
    timeout(PATIENCE, read).await.expect("an answer");
    text
}

/// The head of a message of the agent's.
fn head(world: &World, path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        world.token("coder")
    )
}

/// Sends bytes one by one until the gateway has enough. How long it took.
async fn trickle(socket: &mut TcpStream, byte: u8) -> Duration {
    let began = Instant::now();
    let (mut reading, mut writing) = socket.split();
    let sending = async {
        while writing.write_all(&[byte]).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let mut peeked = [0];
    tokio::select! {
        () = sending => {}
        read = timeout(PATIENCE, reading.peek(&mut peeked)) => {
            // An answer, or an end.
            let _ = read.expect("the gateway does not wait for ever");
        }
    }
    began.elapsed()
}

async fn is_well(world: &World) {
    let response = world.message("coder", &hello(false)).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    response.bytes().await.expect("a body");
    world.settled().await;
}

#[tokio::test]
async fn floods_of_headers_are_closed() {
    let world = World::of(MANIFESTS).await;
    let start = "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\n";
    let mebibyte = 1024 * 1024;
    let floods = [
        ("one header of 1 MiB", format!("{start}x: {}\r\n\r\n", "a".repeat(mebibyte))),
        ("one name of 1 MiB", format!("{start}{}: a\r\n\r\n", "x".repeat(mebibyte))),
        ("1 MiB of headers", format!("{start}{}\r\n", "x: aaaaaaaa\r\n".repeat(mebibyte / 13))),
        ("10,000 headers", format!("{start}{}\r\n", "x: y\r\n".repeat(10_000))),
        ("101 headers", format!("{start}{}\r\n", "x: y\r\n".repeat(100))),
        ("a path of 1 MiB", format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(mebibyte))),
    ];
    for (what, flood) in floods {
        let mut socket = connect(&world).await;
        // Whether all of it is taken is the gateway's to say.
        let _ = socket.write_all(flood.as_bytes()).await;
        let said = String::from_utf8(rest(&mut socket).await).expect("text");
        // What was sent and not read makes the connection a reset one, in which an answer may be lost.
        let refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 ", "HTTP/1.1 400 "];
        assert!(said.is_empty() || refused.iter().any(|status| said.starts_with(status)), "{what}: {said}");
    }
    assert!(world.simulator.log().is_empty());
    is_well(&world).await;
}

/// Of the process, so that this test's own clients do not count.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flood_of_headers_takes_less_than_a_mebibyte_of_memory() {
    const FLOODS: u64 = 64;
    let resident_kib = |process: u32| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let place = processes::Place::new().await;
    let mut gateway = place.start();
    let url = gateway.url().await;
    let address = url.strip_prefix("http://").expect("a URL").trim_end_matches('/').to_owned();
    let flood = format!("POST /v1/messages HTTP/1.1\r\nx: {}", "a".repeat(4 * 1024 * 1024));
    let mut floods = Vec::new();
    let before = resident_kib(gateway.id());
    for _ in 0..FLOODS {
        let mut socket = TcpStream::connect(&address).await.expect("a connection");
        let _ = timeout(Duration::from_secs(2), socket.write_all(flood.as_bytes())).await;
        floods.push(socket);
    }
    let after = resident_kib(gateway.id());
    assert!(after < before + FLOODS * 1024, "{before} KiB grew to {after} KiB");
    let health = reqwest::get(format!("{url}/api/hello")).await.expect("an answer");
    assert_eq!(health.status(), 200);
    gateway.terminate();
    assert_eq!(gateway.wait().0, Some(0));
}

#[tokio::test]
async fn headers_that_trickle_and_connections_that_say_nothing_are_closed() {
    let limit = Duration::from_millis(300);
    let world = World::with(MANIFESTS, |settings| settings.client.headers = limit).await;
    let mut silent = connect(&world).await;
    let mut idle = connect(&world).await;
    idle.write_all(b"GET /api/hello HTTP/1.1\r\nhost: gateway\r\n\r\n").await.expect("sent");
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200 "));

    let mut slow = connect(&world).await;
    slow.write_all(b"POST /v1/messages HTTP/1.1\r\nx: ").await.expect("sent");
    let took = trickle(&mut slow, b'a').await;
    assert!(took >= limit, "closed after {took:?}");
    assert!(!String::from_utf8_lossy(&rest(&mut slow).await).contains(" 200 "));
    assert!(rest(&mut silent).await.is_empty());
    assert!(rest(&mut idle).await.is_empty());
    is_well(&world).await;
}

#[tokio::test]
async fn a_body_that_trickles_is_refused_in_the_callers_protocol_and_gives_back_its_slot() {
    let limit = Duration::from_millis(300);
    let single = MANIFESTS.replace("  tokens:\n", "  rateLimits: {maxConcurrentRequests: 1}\n  tokens:\n");
    let world = World::with(&single, |settings| settings.client.body = limit).await;
    let paths = [("/v1/messages", "/error/details/error_code"), ("/v1/chat/completions", "/error/code")];
    for (number, (path, code)) in paths.into_iter().enumerate() {
        let mut socket = connect(&world).await;
        socket.write_all(head(&world, path, 1_000_000).as_bytes()).await.expect("sent");
        let took = trickle(&mut socket, b' ').await;
        assert!(took >= limit, "refused after {took:?}");
        let said = String::from_utf8(rest(&mut socket).await).expect("text");
        let (head, body) = said.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
        let body: Value = serde_json::from_str(body).expect("json");
        assert_eq!(body.pointer(code), Some(&json!("body_too_slow")), "{body}");
        assert_eq!(body["error"]["type"], "timeout_error");
        let record = world.records(number + 1).await.pop().expect("a record");
        assert_eq!((&record["outcome"], &record["code"]), (&json!("refused"), &json!("body_too_slow")));
    }
    assert!(world.simulator.log().is_empty());
    is_well(&world).await;
}

#[tokio::test]
async fn many_slow_connections_do_not_keep_others_waiting() {
    let world = World::of(MANIFESTS).await;
    let mut slow = Vec::new();
    for number in 0..300 {
        let mut socket = connect(&world).await;
        let half = if number % 3 == 0 {
            head(&world, "/v1/messages", 1_000)
        } else {
            "POST /v1/messages HTTP/1.1\r\nhost".to_owned()
        };
        socket.write_all(half.as_bytes()).await.expect("sent");
        slow.push(socket);
    }
    for _ in 0..10 {
        is_well(&world).await;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected_and_its_answer_settled() {
    let limit = Duration::from_millis(400);
    let text = "a".repeat(4_000);
    let event = format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
    );
    // More than all the buffers on the way: the kernel alone takes up to some ten MiB on each connection.
    let size = 48 * 1024 * 1024;
    let answer = Bytes::from(event.repeat(size / event.len()));
    for stream in [true, false] {
        let world = World::with(MANIFESTS, |settings| settings.client.write = limit).await;
        world.simulator.scenario(Scenario {
            verbatim: Some(answer.clone()),
            piece_bytes: Some(64 * 1024),
            ..Scenario::default()
        });
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let mut socket = socket.connect(world.gateway.address()).await.expect("a connection");
        let body = hello(stream).to_string();
        let began = Instant::now();
        socket.write_all(head(&world, "/v1/messages", body.len()).as_bytes()).await.expect("sent");
        socket.write_all(body.as_bytes()).await.expect("sent");
        let record = timeout(PATIENCE, world.records(1)).await.expect("it ends").remove(0);
        assert!(began.elapsed() >= limit);
        assert_eq!(record["outcome"], "client_gone", "{record}");
        assert!(record["settled"]["total"].as_u64().is_some_and(|total| total > 0), "{record}");
        world.settled().await;

        let mut entry = world.simulator.log().entries().remove(0);
        while !entry.client_gone && began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10)).await;
            entry = world.simulator.log().entries().remove(0);
        }
        assert!(entry.client_gone, "the provider is told");
        assert!(entry.sent_bytes < answer.len(), "the provider was not read ahead of the client");
        let got = rest(&mut socket).await;
        assert!(got.len() < entry.sent_bytes && !got.ends_with(b"0\r\n\r\n"), "never as if it were complete");
    }
}

#[tokio::test]
async fn a_connection_with_nothing_to_write_is_kept() {
    let world = World::with(MANIFESTS, |settings| settings.client.write = Duration::from_millis(50)).await;
    let mut socket = connect(&world).await;
    let body = hello(false).to_string();
    for _ in 0..3 {
        socket.write_all(head(&world, "/v1/messages", body.len()).as_bytes()).await.expect("sent");
        socket.write_all(body.as_bytes()).await.expect("sent");
        assert!(answer(&mut socket).await.starts_with("HTTP/1.1 200 "));
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(world.simulator.log().len(), 3);
}

#[tokio::test]
async fn a_provider_that_is_slow_is_not_the_clients_fault() {
    let world = World::with(MANIFESTS, |settings| settings.client.write = Duration::from_millis(50)).await;
    world.simulator.scenario(Scenario {
        output_tokens: 5,
        event_delay: Duration::from_millis(120),
        ..Scenario::default()
    });
    let response = world.message("coder", &hello(true)).send().await.expect("headers");
    let text = response.text().await.expect("the whole stream");
    assert!(text.ends_with("message_stop\"}\n\n"), "{text}");
}
