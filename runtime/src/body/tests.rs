//! A mistake of the gateway's own in the middle of an answer. Other ends: `tests/aborts.rs`.

use std::convert::Infallible;
use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant as Moment;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pai_bundle::catalogue;
use pai_bundle::digest::Digest;
use pai_bundle::limit::Scope;
use pai_bundle::tariff::Tariff;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_ledger::{Account, Caps, Charge, Ledger, MemoryStore, RequestId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::meter::{Encoding, Form};
use crate::record::writing::Records;
use crate::settle::{Arrival, Note};
use crate::tariff::{Most, Terms};

const NOW: UnixSeconds = UnixSeconds(1_795_392_000);
const BEGINNING: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
{\"input_tokens\":7,\"output_tokens\":1}}}\n\n";

/// A mistake: not in the first piece, but in what comes after it.
struct Mistake {
    pieces: u8,
}

impl Body for Mistake {
    type Data = Bytes;
    type Error = CutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutError>>> {
        self.pieces += 1;
        assert!(self.pieces == 1, "a mistake, on purpose");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(BEGINNING)))))
    }
}

#[tokio::test]
async fn an_answer_whose_task_panics_is_charged_in_full_and_recorded_as_what_it_is() {
    let ledger =
        Ledger::open(Box::new(MemoryStore::default()), pai_ledger::Settings::default()).expect("a ledger");
    let account = Account { scope: Scope::Agent, name: "team/coder".into(), day: ledger.today(NOW) };
    let charges = vec![Charge { account: account.clone(), limit: Caps::of_tokens(Tokens(10_000)) }];
    let price = catalogue::find("claude-sonnet-4-6").expect("known").price;
    let most = Most { input: Tokens(300), output: Tokens(100) };
    let terms = Terms::new(most, price, Tariff::default());
    let hold =
        ledger.hold(RequestId(1), charges.clone(), terms.quantity(), NOW).await.expect("there is room");
    let (records, recorded) = Records::channel(Arc::default());
    let arrival = Arrival {
        id: "req_1",
        now: NOW,
        started: Moment::now(),
        address: IpAddr::from([127, 0, 0, 1]),
        path: "POST /v1/messages".to_owned(),
        bundle: &Digest::of(b""),
    };
    let mut note = Note::new(arrival, records, ledger.clone());
    note.holds(hold.quantity(), charges);
    let meter = Meter::new(Dialect::Messages, Form::Stream, Encoding::Identity);
    let upstream = reqwest::Body::wrap(Mistake { pieces: 0 }).into();
    let limits = Limits { total: Duration::from_secs(3_600) };
    let settling = Settling::new(hold, terms, note);
    let body = AnswerBody::new(upstream, meter, Outlet::Same, Dialect::Messages, limits, settling);

    // As in a gateway: polled and dropped by the task of a connection.
    let (mut client, server) = tokio::io::duplex(1_024);
    let response = Mutex::new(Some(http::Response::new(body)));
    let service = service_fn(move |_| {
        let response = response.lock().expect("a lock").take().expect("one request");
        ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let connection = tokio::spawn(connection);
    client.write_all(b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("the connection is gone");
    assert!(connection.await.expect_err("panicked").is_panic());
    assert!(!answer.ends_with(b"0\r\n\r\n"), "it never ends clean");

    assert_eq!(ledger.open_holds(), 0);
    assert_eq!(ledger.balance(&account).settled, terms.quantity());
    assert_eq!(ledger.unknown_settlements(), 0, "settled once");
    let record: Value = serde_json::from_slice(&recorded.recv().expect("a record")).expect("JSON");
    assert_eq!(record["outcome"], "panicked");
    assert_eq!((&record["settled"]["total"], &record["settled"]["estimated"]), (&json!(400), &json!(true)));
    assert!(recorded.recv().is_err(), "one record");
}
