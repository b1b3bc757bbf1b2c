//! A gateway whose disk fails: it says so, sends nothing that it cannot count, and goes on after a restart.

use std::time::Duration;

use pai_simulator::Scenario;
use serde_json::Value;

use crate::processes::Place;
use crate::support;

#[path = "../runtime/ledger/tests/disk/preload.rs"]
mod preload;

/// The status of an answer and its body.
async fn ask(url: &str, token: &str) -> (u16, Value) {
    let body = support::asking("claude-haiku-4-5", "Hello there", false);
    let request = reqwest::Client::new().post(format!("{url}/v1/messages")).header("x-api-key", token);
    let response =
        request.header("anthropic-version", "2023-06-01").json(&body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("json"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_stops_the_spending_until_a_restart() {
    for fault in ["fdatasync:3:EIO", "write:12:ENOSPC"] {
        let place = Place::new().await;
        place.simulator.scenario(Scenario { output_tokens: 20, ..Scenario::default() });
        let mut gateway = place.start_with(&[
            ("LD_PRELOAD", preload::library().into()),
            ("DISK_FOLDER", place.state().into()),
            ("DISK_FAILS", fault.into()),
        ]);
        let url = gateway.url().await;
        let mut served = 0;
        let refusal = loop {
            match ask(&url, &place.token).await {
                (200, _) => served += 1,
                (503, refusal) => break refusal,
                (status, body) => panic!("{fault}: {status} {body}"),
            }
            assert!(served < 1_000, "{fault}: nothing fails");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(refusal["error"]["type"], "api_error", "{fault}: {refusal}");
        assert_eq!(refusal["error"]["details"]["error_code"], "ledger_unavailable", "{fault}: {refusal}");
        for _ in 0..5 {
            assert_eq!(ask(&url, &place.token).await.0, 503, "{fault}");
        }
        assert_eq!(place.simulator.log().len(), served, "{fault}: nothing is sent that cannot be counted");
        let said = gateway.said();
        assert!(said.contains("ledger.failed"), "{fault}: {said}");
        // Where sled waits for a write that one of its own threads could not do, the error never comes back, and the
        // ledger's watch ends the wait.
        let reasons = ["os error 5", "StorageFull", "has not answered"];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{fault}: {said}");

        gateway.kill();
        let reported = place.simulator.log().reported_total();
        let counted = place.counted().await;
        assert!(counted.iter().all(|(_, tokens)| *tokens >= reported), "{fault}: {counted:?} of {reported}");
        let mut gateway = place.start();
        let url = gateway.url().await;
        assert_eq!(ask(&url, &place.token).await.0, 200, "{fault}: after a restart");
    }
}
