//! What is under way on a connection: HTTP/2 has many requests on one, so that neither its silence nor its writes tell
//! whether a client still wants something, and whether it reads what it gets.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::settings::ClientTimes;

/// Why a connection should not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing is under way, and has not been for too long.
    Idle,
    /// Bytes of an answer wait, and its client takes none.
    Unread,
}

/// The requests of one connection.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Mutex<State>>);

struct State {
    next: u64,
    under_way: usize,
    /// Since when nothing is under way.
    idle: Instant,
    /// Answers of which bytes were handed over and no more were asked for since then.
    waiting: BTreeMap<u64, Instant>,
}

impl Default for State {
    fn default() -> Self {
        Self { next: 0, under_way: 0, idle: Instant::now(), waiting: BTreeMap::new() }
    }
}

impl Requests {
    /// Counts a request as under way until its answer has been handed over, or is dropped.
    pub(super) async fn track<E>(
        self,
        answer: impl Future<Output = Result<Response, E>>,
    ) -> Result<Response, E> {
        let request = self.begin();
        answer.await.map(|response| response.map(|body| Body::new(Tracked { body, request })))
    }

    /// Waits until the connection should not go on.
    pub(super) async fn overdue(&self, times: ClientTimes) -> Overdue {
        let pause = (times.headers.min(times.write) / 8).max(Duration::from_millis(5));
        loop {
            tokio::time::sleep(pause).await;
            let state = self.state();
            if state.waiting.values().any(|since| since.elapsed() >= times.write) {
                return Overdue::Unread;
            }
            if state.under_way == 0 && state.idle.elapsed() >= times.headers {
                return Overdue::Idle;
            }
        }
    }

    fn begin(&self) -> UnderWay {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_add(1);
        state.next = state.next.wrapping_add(1);
        UnderWay { number: state.next, requests: self.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, until dropped.
struct UnderWay {
    number: u64,
    requests: Requests,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.requests.state();
        state.waiting.remove(&self.number);
        state.under_way = state.under_way.saturating_sub(1);
        state.idle = Instant::now();
    }
}

/// An answer's body, and when it was asked for bytes.
struct Tracked {
    body: Body,
    request: UnderWay,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    /// hyper asks for more when the client has taken what there was; so after bytes, silence is the client's.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let number = self.request.number;
        let mut state = self.request.requests.state();
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            state.waiting.insert(number, Instant::now());
        } else {
            state.waiting.remove(&number);
        }
        drop(state);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::BodyExt;

    use super::*;

    fn times() -> ClientTimes {
        ClientTimes {
            headers: Duration::from_secs(30),
            body: Duration::from_secs(60),
            write: Duration::from_secs(60),
        }
    }

    async fn tracked(requests: &Requests, body: Body) -> Response {
        let answer = async { Ok::<_, Infallible>(Response::new(body)) };
        requests.clone().track(answer).await.expect("an answer")
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_do_is_overdue_after_a_while_and_a_silent_answer_is_not() {
        let requests = Requests::default();
        let began = Instant::now();
        assert_eq!(requests.overdue(times()).await, Overdue::Idle);
        assert!(began.elapsed() >= times().headers);
        // A provider that thinks for ten minutes.
        let mut silent = tracked(
            &requests,
            Body::from_stream(futures_util::stream::pending::<Result<Bytes, axum::Error>>()),
        )
        .await;
        let reading = tokio::time::timeout(Duration::from_secs(600), silent.body_mut().frame());
        let (overdue, _) =
            tokio::join!(tokio::time::timeout(Duration::from_secs(599), requests.overdue(times())), reading);
        assert!(overdue.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_which_nothing_more_is_asked_for_is_overdue() {
        let requests = Requests::default();
        let mut response = tracked(&requests, Body::from("some bytes")).await;
        response.body_mut().frame().await.expect("a frame").expect("bytes");
        let began = Instant::now();
        assert_eq!(requests.overdue(times()).await, Overdue::Unread);
        assert!(began.elapsed() >= times().write);
        drop(response);
        assert_eq!(requests.overdue(times()).await, Overdue::Idle);
    }
}
