//! The body of a request, whole: its size bounds the request's tokens, so nothing can be sent before its end is known.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout_at};

use crate::refusal::Refusal;

/// Most bytes of a request: Anthropic's own limit, <https://platform.claude.com/docs/en/api/errors>.
pub(crate) const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

/// A body that has brought so many bytes has a second more to come. Half a megabit per second is a slow line; one that is
/// slower only on purpose gets no more than the time that everybody has.
const BYTES_PER_SECOND: usize = 64 * 1024;

/// Reads a body to its end, in `time` and what its size allows besides.
pub(crate) async fn whole(body: Body, time: Duration) -> Result<Bytes, Refusal> {
    let mut body = Limited::new(body, BODY_MAX_BYTES);
    let began = Instant::now();
    let (mut pieces, mut received) = (Vec::new(), 0);
    loop {
        let allowed = time + Duration::from_secs((received / BYTES_PER_SECOND) as u64);
        let Ok(frame) = timeout_at(began + allowed, body.frame()).await else {
            return Err(Refusal::BodyTooSlow { seconds: began.elapsed().as_secs() });
        };
        match frame {
            None => return Ok(joined(pieces, received)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    received += data.len();
                    pieces.push(data);
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Refusal::BodyTooLarge { max_bytes: BODY_MAX_BYTES });
            }
            Some(Err(_)) => return Err(Refusal::BodyUnreadable),
        }
    }
}

/// Most bodies come in one piece, which is not copied.
fn joined(mut pieces: Vec<Bytes>, length: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop().unwrap_or_default();
    }
    let mut all = BytesMut::with_capacity(length);
    for piece in &pieces {
        all.extend_from_slice(piece);
    }
    all.freeze()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    /// A body of so many pieces, each after so long.
    fn pieces(count: usize, bytes: usize, every: Duration) -> Body {
        Body::from_stream(stream::unfold(0, move |sent| async move {
            if sent == count {
                return None;
            }
            tokio::time::sleep(every).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'a'; bytes])), sent + 1))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        let began = Instant::now();
        let refusal = whole(pieces(usize::MAX, 1, Duration::from_secs(1)), TIME).await.expect_err("too slow");
        assert!(matches!(refusal, Refusal::BodyTooSlow { seconds: 60 }), "{refusal:?}");
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up_by_what_has_come() {
        let began = Instant::now();
        let never = pieces(1, 10 * BYTES_PER_SECOND, Duration::ZERO);
        let never =
            Body::from_stream(futures_util::StreamExt::chain(never.into_data_stream(), stream::pending()));
        let refusal = whole(never, TIME).await.expect_err("too slow");
        assert!(matches!(refusal, Refusal::BodyTooSlow { seconds: 70 }), "{refusal:?}");
        assert_eq!(began.elapsed().as_secs(), 70);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_on_a_slow_line_arrives() {
        let pieces = pieces(300, BYTES_PER_SECOND, Duration::from_secs(1));
        assert_eq!(whole(pieces, TIME).await.expect("in time").len(), 300 * BYTES_PER_SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_large_is_not_read_to_its_end() {
        let endless = pieces(usize::MAX, 1024 * 1024, Duration::ZERO);
        let refusal = whole(endless, TIME).await.expect_err("too large");
        assert!(matches!(refusal, Refusal::BodyTooLarge { .. }), "{refusal:?}");
        assert!(whole(pieces(32, 1024 * 1024, Duration::ZERO), TIME).await.is_ok(), "the limit itself");
    }
}
