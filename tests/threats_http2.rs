//! The list in `threats` over HTTP/2, where its frames make other attacks than HTTP/1.1's text: 6 and 7 (paths, authorities),
//! 13 (header lists, CONTINUATION, rapid reset), 14 (idle connections) and 19 (answers that nobody reads); and the drain.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use pai_simulator::Scenario;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{MANIFESTS, World, asking, hello};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn socket(world: &World) -> TcpStream {
    TcpStream::connect(world.gateway.address()).await.expect("a connection")
}

/// A client of frames, and the end of its connection.
async fn connect(world: &World) -> (SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let (sender, connection) = h2::client::handshake(socket(world).await).await.expect("a handshake");
    (sender, tokio::spawn(connection))
}

/// A message as the agent, to an address that is written as it stands.
fn message(world: &World, uri: &str, name: Option<&str>) -> Request<()> {
    let request = Request::post(uri).header("anthropic-version", "2023-06-01");
    let request = match name {
        Some(name) => request.header("x-api-key", world.token(name)),
        None => request,
    };
    request.header("content-type", "application/json").body(()).expect("a request")
}

/// The answer's status, or `None` where the stream or the connection is broken off.
async fn status(sender: &mut SendRequest<Bytes>, request: Request<()>) -> Option<u16> {
    let mut ready = sender.clone().ready().await.ok()?;
    let (answer, mut body) = ready.send_request(request, false).ok()?;
    let _ = body.send_data(Bytes::from(hello(false).to_string()), true);
    let answer = timeout(PATIENCE, answer).await.expect("an end");
    answer.ok().map(|answer| answer.status().as_u16())
}

async fn is_well(world: &World) {
    world.settled().await;
    let (mut sender, _connection) = connect(world).await;
    assert_eq!(
        status(&mut sender, message(world, "http://gateway/v1/messages", Some("coder"))).await,
        Some(200)
    );
}

/// 6, 7. What only looks like a path or a host leads nowhere; every authority is as good as another.
#[tokio::test(flavor = "multi_thread")]
async fn paths_and_authorities_decide_nothing_that_they_would_not_over_http_1() {
    let world = World::of(MANIFESTS).await;
    let (mut sender, _connection) = connect(&world).await;
    for path in [
        "/ext/%2e%2e/v1/messages",
        "/ext/../v1/messages",
        "/ext/v1/..%2f..%2fv1/messages",
        "/ext/..;/v1/messages",
        "/ext/v1/messages/.",
        "/ext//v1/messages",
        "//v1/messages",
        "/EXT/v1/messages",
        "/ext/v1/messages%0d%0ax:y",
        "/v1/messages",
    ] {
        // A key, for which the paths of agents are closed.
        let request = message(&world, &format!("http://gateway{path}"), Some("laptop"));
        let status = status(&mut sender, request).await;
        assert!([Some(400), Some(401), Some(404)].contains(&status), "{path}: {status:?}");
    }
    for authority in ["127.0.0.1:8081", "api.anthropic.com", "metadata.google.internal", "localhost", "[::1]"]
    {
        let uri = format!("http://{authority}/v1/messages");
        assert_eq!(status(&mut sender, message(&world, &uri, None)).await, Some(401), "{authority}");
        assert_eq!(
            status(&mut sender, message(&world, &uri, Some("laptop"))).await,
            Some(401),
            "{authority}"
        );
    }
    assert_eq!(world.simulator.log().len(), 0);
    assert_eq!(
        status(&mut sender, message(&world, "http://anything/v1/messages", Some("coder"))).await,
        Some(200)
    );
}

/// One frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const HEADERS: u8 = 1;
const END_HEADERS: u8 = 4;
const RST_STREAM: u8 = 3;
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A header that goes into no table (RFC 7541, 6.2.2).
fn header(name: &str, value_bytes: u8) -> Vec<u8> {
    let mut bytes = vec![0, u8::try_from(name.len()).expect("short")];
    bytes.extend(name.as_bytes());
    bytes.push(value_bytes);
    bytes.extend(vec![b'a'; usize::from(value_bytes)]);
    bytes
}

/// Reads until the gateway closes, and says whether it had said why.
async fn said_go_away(socket: &mut TcpStream) -> bool {
    let mut all = Vec::new();
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = socket.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..length]);
        }
    };
    timeout(PATIENCE, read).await.expect("the gateway closes the connection");
    let mut rest = all.as_slice();
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        if rest[3] == GO_AWAY {
            return true;
        }
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}

/// 13. Headers without an end: the connection is closed long before a mebibyte of them is kept.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_never_end_close_the_connection() {
    let world = World::of(MANIFESTS).await;
    for value_bytes in [0, 100] {
        let mut socket = socket(&world).await;
        let (mut reading, mut writing) = socket.split();
        let start =
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, 0, 1, &[0x83, 0x86, 0x84])].concat();
        writing.write_all(&start).await.expect("sent");
        let more = frame(CONTINUATION, 0, 1, &header("x", value_bytes));
        let flood = async {
            let mut sent = 0;
            while sent < 64 * 1024 * 1024 && writing.write_all(&more).await.is_ok() {
                sent += more.len();
            }
            sent
        };
        let mut drained = vec![0; 1024];
        let drain = async { while let Ok(1..) = reading.read(&mut drained).await {} };
        let sent = timeout(PATIENCE, async {
            tokio::select! { sent = flood => sent, () = drain => 0 }
        })
        .await;
        assert!(sent.expect("an end") < 16 * 1024 * 1024, "the gateway took all of it");
    }
    is_well(&world).await;
}

/// 13. A list of headers over the limit is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_headers_over_the_limit_is_refused() {
    let world = World::of(MANIFESTS).await;
    for (count, length) in [(1, 128 * 1024), (4_000, 1)] {
        let (mut sender, _connection) = connect(&world).await;
        let mut request = message(&world, "http://gateway/v1/messages", Some("coder"));
        for number in 0..count {
            let name = http::HeaderName::try_from(format!("x-{number}")).expect("a name");
            request
                .headers_mut()
                .insert(name, http::HeaderValue::try_from("a".repeat(length)).expect("a value"));
        }
        let answered = status(&mut sender, request).await;
        assert!(answered.is_none_or(|status| status == 431), "{answered:?}");
    }
    assert!(world.simulator.log().is_empty());
    is_well(&world).await;
}

/// 13. Requests that are taken back as soon as they are made: the connection is closed, and nothing is left of them.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_close_the_connection_and_hold_nothing() {
    let world = World::of(MANIFESTS).await;
    let key = world.token("coder").as_bytes();
    let path = b"/v1/messages";
    let fields = [
        [0x83, 0x86, 0x04, u8::try_from(path.len()).expect("short")].as_slice(),
        path,
        &[0, 9],
        b"x-api-key",
        &[u8::try_from(key.len()).expect("short")],
        key,
    ]
    .concat();
    let mut socket = socket(&world).await;
    socket.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.expect("sent");
    for stream in (1..200_000).step_by(2) {
        let pair =
            [frame(HEADERS, END_HEADERS, stream, &fields), frame(RST_STREAM, 0, stream, &CANCEL)].concat();
        if socket.write_all(&pair).await.is_err() {
            break;
        }
    }
    // Whether its last word arrives is the system's to say: what it has not read makes the connection a reset one.
    said_go_away(&mut socket).await;
    assert!(
        world.simulator.log().len() < 1_000,
        "{} of them reached the provider",
        world.simulator.log().len()
    );
    is_well(&world).await;
}

/// 14. A connection on which nothing is asked ends; one on which an answer takes longer does not.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_and_waiting_ones_are_not() {
    let world = World::with(MANIFESTS, |settings| settings.client.headers = Duration::from_millis(300)).await;
    let mut silent = socket(&world).await;
    silent.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.expect("sent");
    assert!(said_go_away(&mut silent).await);
    let mut half = socket(&world).await;
    half.write_all(b"PR").await.expect("sent");
    assert!(!said_go_away(&mut half).await, "it is not even known what it speaks");

    world.simulator.push(Scenario { first_byte_delay: Duration::from_millis(1_500), ..Scenario::default() });
    let (mut sender, connection) = connect(&world).await;
    assert_eq!(
        status(&mut sender, message(&world, "http://gateway/v1/messages", Some("coder"))).await,
        Some(200)
    );
    let ended = timeout(PATIENCE, connection).await.expect("an end").expect("no panic");
    assert!(ended.as_ref().map_or_else(h2::Error::is_go_away, |()| true), "{ended:?}");
}

/// 19. An answer that its client leaves lying is given up, and settled.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads_is_dropped_and_settled() {
    let world = World::with(MANIFESTS, |settings| settings.client.write = Duration::from_millis(500)).await;
    world.simulator.push(Scenario { output_tokens: 40_000, ..Scenario::default() });
    let (sender, connection) = connect(&world).await;
    let mut ready = sender.ready().await.expect("ready");
    let request = message(&world, "http://gateway/v1/messages", Some("coder"));
    let (answer, mut body) = ready.send_request(request, false).expect("sent");
    let mut asked = asking("claude-sonnet-4-6", "Hello", true);
    asked["max_tokens"] = 40_000.into();
    body.send_data(Bytes::from(asked.to_string()), true).expect("sent");
    // No capacity of the stream is ever given back.
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let _ = timeout(PATIENCE, connection).await.expect("the gateway gives up").expect("no panic");
    drop(answer);
    world.settled().await;
    is_well(&world).await;
}

/// A stop says so to every connection, and lets what is under way end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_streams_end_and_takes_no_new_ones() {
    let world = World::with(MANIFESTS, |settings| settings.drain = Duration::from_secs(20)).await;
    world.simulator.push(Scenario {
        output_tokens: 20,
        event_delay: Duration::from_millis(30),
        ..Scenario::default()
    });
    let client = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
    let request = client.post(world.url("/v1/messages")).header("x-api-key", world.token("coder"));
    let stream =
        request.header("anthropic-version", "2023-06-01").json(&hello(true)).send().await.expect("an answer");
    assert_eq!((stream.status().as_u16(), stream.version()), (200, http::Version::HTTP_2));
    let url = world.url("/api/hello");
    let World { gateway, simulator: _simulator, .. } = world;
    let (stopped, text) = tokio::join!(gateway.shutdown(), stream.text());
    stopped.expect("a clean stop");
    assert!(text.expect("an unbroken stream").contains("event: message_stop"));
    assert!(client.get(url).send().await.is_err());
}
