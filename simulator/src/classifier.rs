//! A fake classifier, `POST {text}` to `{label, score}`, that finds what it is told to find, and misbehaves on order. It
//! writes its answers to the socket byte by byte, so that they can be as wrong as answers get.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::server::{SimulatorError, listen};

/// How to answer. The default finds an injection where a text says "ignore previous", and nothing anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The first whose words are in the text, whatever their case, is the answer: words and a body.
    pub finds: Vec<(String, String)>,
    /// The answer to every other text.
    pub otherwise: String,
    /// Wait before the first byte.
    pub delay: Duration,
    /// Misbehave in this way, where the text has these words; empty words are in every text.
    pub fault: Option<(String, Fault)>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            finds: vec![("ignore previous".to_owned(), r#"{"label":"INJECTION","score":0.98}"#.to_owned())],
            otherwise: r#"{"label":"BENIGN","score":0.99}"#.to_owned(),
            delay: Duration::ZERO,
            fault: None,
        }
    }
}

impl Scenario {
    /// Misbehaves whatever the text.
    pub fn failing(fault: Fault) -> Self {
        Self { fault: Some((String::new(), fault)), ..Self::default() }
    }
}

/// A way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a body that looks like a verdict.
    Status(u16),
    /// Somebody else is to be asked.
    Redirect(String),
    /// Status 200 with this body.
    Body(String),
    /// Nothing at all, and the connection stays open.
    Silence,
    /// The connection is closed without one byte of an answer.
    Hangup,
    /// Half of the answer, and the connection is closed.
    Half,
    /// A `content-length` of one byte more than there are, and the connection stays open.
    LongerLength,
    /// A `content-length` of one byte less than there are.
    ShorterLength,
    /// So many spaces before the answer, which mean nothing.
    Huge(usize),
    /// The answer one byte at a time, with so much time before each.
    Drip(Duration),
}

/// One question, as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Path and query.
    pub target: String,
    /// The header.
    pub authorization: Option<String>,
    /// What is to be judged.
    pub text: String,
    /// By which model.
    pub model: Option<String>,
}

/// A running classifier; stops when dropped.
#[derive(Debug)]
pub struct Classifier {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    scenario: Scenario,
    questions: Vec<Question>,
    at_once: usize,
    most_at_once: usize,
}

impl Classifier {
    /// Listens on a free port of the loopback address, and answers.
    pub async fn start() -> Result<Self, SimulatorError> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Listens there.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime to be called in, and its callers wait for it"
    )]
    pub async fn start_at(address: SocketAddr) -> Result<Self, SimulatorError> {
        let failed = |cause| SimulatorError { address, cause };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let task = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a `GuardBinding` has as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}/classify", self.address)
    }

    /// From now on, answer like this.
    pub fn scenario(&self, scenario: Scenario) {
        lock(&self.shared).scenario = scenario;
    }

    /// Every question so far.
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.shared).questions.clone()
    }

    /// The most questions that were waiting for their answers at the same time.
    pub fn most_at_once(&self) -> usize {
        lock(&self.shared).most_at_once
    }

    /// Stops: connections break off, and new ones are refused. Another may start at the same address.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Classifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    // Dropped with this task, it ends every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    let _ = socket.set_nodelay(true);
                    let shared = shared.clone();
                    // An error is a client that is gone.
                    connections.spawn(async move { answer_all(socket, &shared).await.unwrap_or_default() });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one question after the other, until the client leaves or a fault ends it.
async fn answer_all(mut socket: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut received = Vec::new();
    while let Some(question) = read(&mut socket, &mut received).await? {
        let _under_way = UnderWay::begin(shared, &question);
        let scenario = lock(shared).scenario.clone();
        if !answer(&mut socket, &scenario, &question.text).await? {
            break;
        }
    }
    Ok(())
}

/// A question that has no answer yet.
struct UnderWay<'a>(&'a Mutex<Shared>);

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Mutex<Shared>, question: &Question) -> Self {
        let mut inner = lock(shared);
        inner.questions.push(question.clone());
        inner.at_once += 1;
        inner.most_at_once = inner.most_at_once.max(inner.at_once);
        Self(shared)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(self.0).at_once -= 1;
    }
}

/// A question's body.
#[derive(Deserialize)]
struct Body {
    text: String,
    model: Option<String>,
}

/// The next question; `None` where there is none, or none that is understood.
async fn read(socket: &mut TcpStream, received: &mut Vec<u8>) -> std::io::Result<Option<Question>> {
    const END: &[u8] = b"\r\n\r\n";
    let (head, body) = loop {
        if let Some(end) = received.windows(END.len()).position(|window| window == END) {
            let head = String::from_utf8_lossy(&received[..end]).into_owned();
            let length: usize =
                header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let (begin, end) = (end + END.len(), end + END.len() + length);
            if let Some(body) = received.get(begin..end) {
                let body = body.to_vec();
                received.drain(..end);
                break (head, body);
            }
        }
        if socket.read_buf(received).await? == 0 {
            return Ok(None);
        }
    };
    let Ok(Body { text, model }) = serde_json::from_slice(&body) else { return Ok(None) };
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let authorization = header(&head, "authorization").map(str::to_owned);
    Ok(Some(Question { target, authorization, text, model }))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Whether the connection can be used again.
async fn answer(socket: &mut TcpStream, scenario: &Scenario, text: &str) -> std::io::Result<bool> {
    let small = text.to_lowercase();
    let found = scenario.finds.iter().find(|(words, _)| small.contains(&words.to_lowercase()));
    let body = found.map_or(&scenario.otherwise, |(_, body)| body).as_str();
    let fault = scenario.fault.as_ref().filter(|(words, _)| small.contains(&words.to_lowercase()));
    tokio::time::sleep(scenario.delay).await;
    match fault.map(|(_, fault)| fault) {
        None => socket.write_all(&whole(200, "", body, body.len())).await?,
        Some(Fault::Status(status)) => socket.write_all(&whole(*status, "", body, body.len())).await?,
        Some(Fault::Redirect(location)) => {
            let location = format!("location: {location}\r\n");
            socket.write_all(&whole(302, &location, "", 0)).await?;
        }
        Some(Fault::Body(body)) => socket.write_all(&whole(200, "", body, body.len())).await?,
        Some(Fault::Silence) => return gone(socket).await,
        Some(Fault::Hangup) => return Ok(false),
        Some(Fault::Half) => {
            socket.write_all(&whole(200, "", &body[..body.len() / 2], body.len())).await?;
            return Ok(false);
        }
        Some(Fault::LongerLength) => {
            socket.write_all(&whole(200, "", body, body.len() + 1)).await?;
            return gone(socket).await;
        }
        Some(Fault::ShorterLength) => {
            socket.write_all(&whole(200, "", body, body.len() - 1)).await?;
            return Ok(false);
        }
        Some(Fault::Huge(bytes)) => {
            let body = format!("{}{body}", " ".repeat(*bytes));
            socket.write_all(&whole(200, "", &body, body.len())).await?;
        }
        Some(Fault::Drip(time)) => {
            for byte in whole(200, "", body, body.len()) {
                tokio::time::sleep(*time).await;
                socket.write_all(&[byte]).await?;
            }
        }
    }
    Ok(true)
}

/// Waits until the client leaves.
async fn gone(socket: &mut TcpStream) -> std::io::Result<bool> {
    while socket.read(&mut [0; 1_024]).await? > 0 {}
    Ok(false)
}

fn whole(status: u16, headers: &str, body: &str, length: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Simulated\r\nx-pai-simulated: true\r\ncontent-type: application/json\r\n\
         {headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
