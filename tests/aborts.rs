//! Every way in which an answer can end, plain and as a stream, compressed and not: no hold stays open, the charge is
//! what `docs/budgets.md` says, and the provider is told at once.

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::write::GzDecoder;
use futures_util::{Stream, StreamExt};
use pai_bundle::limit::Scope;
use pai_simulator::{Cut, Fault, Scenario};
use serde_json::Value;

use crate::support::{MANIFESTS, World, hello};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    ProviderRefuses,
    ProviderHangsUp,
    NoUsage,
    ErrorEvent,
    Cut,
    CutAfterUsage,
    ClientGoneBefore,
    ClientGoneInTheMiddle,
    ClientGoneAfterAll,
    ProviderStallsBefore,
    ProviderStallsInTheMiddle,
    ProviderStallsAfterAll,
    Shutdown,
}

const ENDS: [End; 14] = [
    End::Finished,
    End::ProviderRefuses,
    End::ProviderHangsUp,
    End::NoUsage,
    End::ErrorEvent,
    End::Cut,
    End::CutAfterUsage,
    End::ClientGoneBefore,
    End::ClientGoneInTheMiddle,
    End::ClientGoneAfterAll,
    End::ProviderStallsBefore,
    End::ProviderStallsInTheMiddle,
    End::ProviderStallsAfterAll,
    End::Shutdown,
];

/// What is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Nothing,
    /// What the provider reported.
    Reported,
    /// Input as reported, output at least as reported, never more than was held; an estimate.
    Between,
    /// What was held; an estimate.
    Held,
    /// The same for each attempt.
    EveryHold,
}

/// A way to end, for one form of answer.
#[derive(Debug, Clone, Copy)]
struct Case {
    end: End,
    stream: bool,
    gzip: bool,
}

impl Case {
    fn scenario(self) -> Scenario {
        let usual =
            Scenario { gzip_unasked: self.gzip, output_tokens: 60, cache_read: 5, ..Scenario::default() };
        match self.end {
            End::Finished => usual,
            End::ProviderRefuses => {
                Scenario { fault: Some(Fault::Status { status: 400, retry_after: None }), ..usual }
            }
            End::ProviderHangsUp => Scenario { fault: Some(Fault::Hangup), ..usual },
            End::NoUsage => Scenario { fault: Some(Fault::Garbage), ..usual },
            End::ErrorEvent => Scenario { error_after_events: Some(5), ..usual },
            End::Cut => Scenario { cut: Some(Cut::Bytes(70)), ..usual },
            End::CutAfterUsage => Scenario { cut: Some(Cut::Events(6)), ..usual },
            End::ClientGoneBefore | End::ProviderStallsBefore => {
                Scenario { first_byte_delay: Duration::from_secs(60), ..usual }
            }
            End::ClientGoneAfterAll | End::ProviderStallsAfterAll => Scenario { lingers: true, ..usual },
            End::ClientGoneInTheMiddle | End::ProviderStallsInTheMiddle | End::Shutdown if self.stream => {
                Scenario { stall_after_events: Some(5), ..usual }
            }
            End::ClientGoneInTheMiddle | End::ProviderStallsInTheMiddle | End::Shutdown => {
                Scenario { stall_after_bytes: Some(70), ..usual }
            }
        }
    }

    /// Whether there is such an end: events are for streams, and packed ones end with their packing.
    fn exists(self) -> bool {
        match self.end {
            End::ErrorEvent | End::CutAfterUsage | End::ClientGoneAfterAll => self.stream,
            End::ProviderStallsAfterAll => self.stream && !self.gzip,
            _ => true,
        }
    }

    fn charge(self) -> Charge {
        match self.end {
            End::Finished | End::ClientGoneAfterAll | End::ProviderStallsAfterAll => Charge::Reported,
            End::ProviderRefuses => Charge::Nothing,
            End::ErrorEvent | End::CutAfterUsage => Charge::Between,
            End::ClientGoneInTheMiddle | End::ProviderStallsInTheMiddle | End::Shutdown if self.stream => {
                Charge::Between
            }
            End::ProviderHangsUp | End::ProviderStallsBefore => Charge::EveryHold,
            // Before any content: asked for again, each time for nothing.
            End::Cut if self.stream => Charge::EveryHold,
            // Nothing was reported, and the provider may have worked all the same.
            _ => Charge::Held,
        }
    }

    fn outcome(self) -> &'static str {
        match self.end {
            // A whole document, whatever is in it, or a stream's own end that has gone out.
            End::Finished | End::NoUsage | End::ClientGoneAfterAll | End::ProviderStallsAfterAll => "served",
            End::ProviderRefuses => "upstream_error",
            End::ProviderHangsUp | End::ProviderStallsBefore => "upstream_failed",
            End::Cut if self.stream => "upstream_failed",
            End::ErrorEvent | End::Cut | End::CutAfterUsage | End::ProviderStallsInTheMiddle => "cut",
            End::ClientGoneBefore | End::ClientGoneInTheMiddle | End::Shutdown => "client_gone",
        }
    }

    /// Whether it is for the gateway to close the connection to the provider.
    fn cancels(self) -> bool {
        matches!(
            self.end,
            End::ClientGoneBefore
                | End::ClientGoneInTheMiddle
                | End::ClientGoneAfterAll
                | End::ProviderStallsBefore
                | End::ProviderStallsInTheMiddle
                | End::ProviderStallsAfterAll
                | End::Shutdown
        )
    }

    /// Plays it. How long the provider waited for the end of a request that nobody wants.
    async fn play(self) -> Option<Duration> {
        let world = World::with(MANIFESTS, |settings| {
            settings.drain = Duration::from_millis(100);
            if matches!(
                self.end,
                End::ProviderStallsBefore | End::ProviderStallsInTheMiddle | End::ProviderStallsAfterAll
            ) {
                settings.upstream.read = Duration::from_secs(1);
            }
        })
        .await;
        world.simulator.scenario(self.scenario());
        let mut request = world.message("coder", &hello(self.stream));
        if self.gzip {
            request = request.header("accept-encoding", "gzip");
        }
        let ledger = world.gateway.ledger().clone();
        let left = match self.end {
            End::ClientGoneBefore => {
                let waiting = tokio::spawn(request.send());
                while world.simulator.log().is_empty() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                waiting.abort();
                Instant::now()
            }
            End::ClientGoneInTheMiddle => {
                let mut body = request.send().await.expect("headers").bytes_stream();
                body.next().await.expect("a piece").expect("bytes");
                drop(body);
                Instant::now()
            }
            End::ClientGoneAfterAll => {
                let mut body = request.send().await.expect("headers").bytes_stream();
                self.read_the_end(&mut body).await;
                drop(body);
                Instant::now()
            }
            End::Shutdown => {
                let mut body = request.send().await.expect("headers").bytes_stream();
                body.next().await.expect("a piece").expect("bytes");
                let world_ends =
                    tokio::spawn(
                        async move { while body.next().await.is_some_and(|piece| piece.is_ok()) {} },
                    );
                let started = Instant::now() + Duration::from_millis(100);
                let World { gateway, simulator, state, .. } = world;
                gateway.shutdown().await.expect("a clean stop");
                world_ends.await.expect("joined");
                assert_eq!(ledger.open_holds(), 0, "{self:?}");
                let records = std::fs::read_to_string(state.path().join("records.jsonl")).expect("records");
                let record = serde_json::from_str(records.trim()).expect("one record");
                self.check(
                    &record,
                    simulator.log().entries()[0]
                        .reported
                        .map_or([0, 0], |sent| [sent.total() - sent.output, sent.output]),
                );
                return Some(told(&simulator, started).await);
            }
            _ => {
                if let Ok(response) = request.send().await {
                    self.read_it_all(response).await;
                }
                Instant::now()
            }
        };
        let told = if self.cancels() { Some(told(&world.simulator, left).await) } else { None };
        world.settled().await;
        let record = world.records(1).await.remove(0);
        let reported = world.simulator.log().entries()[0].reported;
        self.check(&record, reported.map_or([0, 0], |sent| [sent.total() - sent.output, sent.output]));
        let settled = record["settled"]["total"].as_u64().unwrap_or(0);
        for (scope, name) in [(Scope::Agent, "coder"), (Scope::Provider, "anthropic")] {
            assert_eq!(
                world.balance(scope, name).settled.0,
                settled,
                "{self:?}: every account says the same"
            );
        }
        assert_eq!(ledger.unknown_settlements(), 0, "{self:?}: settled once");
        assert_eq!(ledger.breaches(), 0, "{self:?}");
        told
    }

    /// Reads up to a stream's own end, as clients of OpenAI do, which close their connection once they have read `[DONE]`.
    async fn read_the_end(self, body: &mut (impl Stream<Item = reqwest::Result<Bytes>> + Unpin)) {
        let (mut read, mut inflate) = (Vec::new(), GzDecoder::new(Vec::new()));
        while !String::from_utf8_lossy(&read).contains("message_stop") {
            let piece = body.next().await.expect("a piece").expect("bytes");
            if self.gzip {
                inflate.write_all(&piece).and_then(|()| inflate.flush()).expect("gzip");
                read.clone_from(inflate.get_ref());
            } else {
                read.extend_from_slice(&piece);
            }
        }
    }

    /// Reads until nothing more comes.
    async fn read_it_all(self, response: reqwest::Response) {
        let mut body = response.bytes_stream();
        let mut last = None;
        while let Some(piece) = body.next().await {
            let Ok(piece) = piece else {
                assert_ne!(self.end, End::ProviderStallsAfterAll, "the answer is whole");
                break;
            };
            last = Some(piece);
        }
        if self.end == End::ProviderStallsAfterAll {
            let last = last.expect("an answer");
            assert!(last.ends_with(b"data: {\"type\":\"message_stop\"}\n\n"), "{self:?}: {last:?}");
        }
    }

    /// The record says what was to be charged.
    fn check(self, record: &Value, [input, output]: [u64; 2]) {
        assert_eq!(record["outcome"], self.outcome(), "{self:?}: {record}");
        let settled = &record["settled"];
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{self:?}: {record}"));
        if self.charge() == Charge::Nothing {
            assert!(settled.is_null(), "{self:?}: {record}");
            return;
        }
        let (total, held) = (number(&settled["total"]), number(&record["held"]));
        let (is_right, estimated) = match self.charge() {
            Charge::Nothing => (false, false),
            Charge::Reported => (total == input + output && output > 0, false),
            Charge::Between => {
                let in_full = total - number(&settled["output"]);
                (in_full == input && input > 0 && number(&settled["output"]) >= output && total <= held, true)
            }
            Charge::Held => (total == held, true),
            Charge::EveryHold => {
                let attempts = record["attempts"].as_array().map_or(0, Vec::len) as u64;
                (attempts > 1 && total == held * attempts, true)
            }
        };
        assert!(is_right, "{self:?}: {input} and {output} reported: {record}");
        assert_eq!(settled["estimated"], estimated, "{self:?}: {record}");
    }
}

/// How long after `left` the provider knew.
async fn told(simulator: &pai_simulator::Simulator, left: Instant) -> Duration {
    for _ in 0..2_000 {
        if simulator.log().entries().iter().all(|entry| entry.client_gone) {
            return left.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the provider goes on generating");
}

#[tokio::test]
async fn every_end_of_an_answer_settles_its_hold() {
    const FORMS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];
    let forms = |end| FORMS.map(|(stream, gzip)| Case { end, stream, gzip });
    let cases: Vec<Case> = ENDS.into_iter().flat_map(forms).filter(|case| case.exists()).collect();
    let told: Vec<_> =
        futures_util::stream::iter(&cases).map(|case| case.play()).buffer_unordered(8).collect().await;
    let slowest = told.into_iter().flatten().max().unwrap_or_default();
    println!("{} ends; the provider knew at the latest {slowest:?} after a client had gone", cases.len());
}

/// Panics in an answer's body: `runtime/src/body.rs`.
#[tokio::test]
async fn a_handler_that_panics_settles_its_hold_and_others_are_served() {
    let world = World::of(MANIFESTS).await;
    world.simulator.scenario(Scenario { fault: Some(Fault::Hangup), ..Scenario::default() });
    // Said while the hold is open. All of the gateway runs on this test's thread, and so is heard by this log.
    let mistaken = tracing::subscriber::set_default(PanicsAt("upstream.failed"));
    world.message("coder", &hello(true)).send().await.expect_err("the connection is gone");
    drop(mistaken);
    world.settled().await;
    let record = world.records(1).await.remove(0);
    assert_eq!(record["outcome"], "panicked", "{record}");
    assert!(record["held"].as_u64() > Some(0), "{record}");
    assert_eq!(record["settled"]["total"], record["held"], "{record}");
    assert_eq!(record["settled"]["estimated"], true, "{record}");
    let held = record["held"].as_u64();
    for (scope, name) in [(Scope::Agent, "coder"), (Scope::Provider, "anthropic")] {
        assert_eq!(Some(world.balance(scope, name).settled.0), held, "every account says the same");
    }
    assert_eq!(world.gateway.ledger().unknown_settlements(), 0, "settled once");

    world.simulator.scenario(Scenario::default());
    assert_eq!(world.message("coder", &hello(false)).send().await.expect("an answer").status(), 200);
}

/// A log that panics at an event: a mistake of the gateway's own in the middle of a request.
struct PanicsAt(&'static str);

impl tracing::Subscriber for PanicsAt {
    fn enabled(&self, of: &tracing::Metadata<'_>) -> bool {
        of.is_event()
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            assert!(field.name() != "event" || format!("{value:?}") != format!("{:?}", self.0), "on purpose");
        });
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
