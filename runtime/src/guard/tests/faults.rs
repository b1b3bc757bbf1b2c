//! The fault matrix of a classifier over HTTP.

use std::time::Instant;

use super::*;
use crate::guard::{Judgement, Unavailable};

#[tokio::test]
async fn every_fault_has_its_word_and_none_outlasts_its_timeout() {
    let garbage = |text: &str| Fault::Body(text.to_owned());
    let table = [
        (Fault::Status(500), "status"),
        (Fault::Status(503), "status"),
        (Fault::Status(429), "status"),
        (Fault::Status(401), "status"),
        (Fault::Redirect("http://127.0.0.1:1/".to_owned()), "status"),
        (garbage(""), "garbage"),
        (garbage("<html>"), "garbage"),
        (garbage("{}"), "garbage"),
        (garbage(r#"{"label":"BENIGN","score":"high"}"#), "garbage"),
        (garbage(r#"{"label":7,"score":0.5}"#), "garbage"),
        (garbage(r#"{"label":"safe","score":0.9,"labels":["S1"]}"#), "garbage"),
        (Fault::Huge(64 * 1024), "garbage"),
        (Fault::ShorterLength, "garbage"),
        (Fault::Half, "broken"),
        (Fault::Hangup, "broken"),
        (Fault::LongerLength, "timeout"),
        (Fault::Silence, "timeout"),
        (Fault::Drip(Duration::from_millis(100)), "timeout"),
        // Slow and in time is no fault.
        (Fault::Drip(Duration::from_millis(1)), "-"),
    ];
    for (fault, word) in table {
        let is_slow = word == "timeout";
        let fake = fake(Scenario::failing(fault.clone())).await;
        let classifier = single(&remote("custom", &fake.endpoint(), if is_slow { 300 } else { 20_000 }, 4));
        let began = Instant::now();
        assert_eq!(judged(&classifier, &["Good morning"]).await, word, "{fault:?}");
        assert!(!is_slow || began.elapsed() >= Duration::from_millis(300), "{fault:?}");
        // A connection may have been closed while it lay idle; nothing else is tried a second time.
        let asked = if fault == Fault::Hangup { 2 } else { 1 };
        assert_eq!(fake.questions().len(), asked, "{fault:?}");
        // Nothing is remembered of a failure.
        fake.scenario(Scenario::default());
        assert_eq!(judged(&classifier, &["Good morning"]).await, "-", "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let fake = fake(Scenario::default()).await;
    let endpoint = fake.endpoint();
    fake.stop().await;
    let classifier = single(&remote("custom", &endpoint, 20_000, 4));
    assert_eq!(judged(&classifier, &["Good morning"]).await, "unreachable");
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_followed_only_where_that_is_listed() {
    #[derive(Debug)]
    struct Inside;
    impl crate::upstream::resolve::Lookup for Inside {
        fn lookup(&self, _: &str) -> crate::upstream::resolve::LookingUp {
            Box::pin(std::future::ready(Ok(vec![std::net::IpAddr::from([127, 0, 0, 1])])))
        }
    }
    let fake = fake(Scenario::default()).await;
    let port = fake.address().port();
    let classifier = |host: &str, networks: &[&str]| {
        let binding = binding(&json!({
            "type": "custom", "endpoint": format!("http://{host}:{port}/classify"), "timeoutMs": 20_000,
            "maxConcurrency": 4, "endpointNetworks": networks,
        }));
        Classifier::new(&binding, &no_secrets(), std::sync::Arc::new(Inside)).expect("a classifier")
    };
    for networks in [&[][..], &["10.0.0.0/8"]] {
        assert_eq!(judged(&classifier("classifier.example", networks), &["a"]).await, "unreachable");
    }
    assert!(fake.questions().is_empty());
    assert_eq!(judged(&classifier("classifier.example", &["127.0.0.0/8"]), &["a"]).await, "-");
    assert_eq!(judged(&classifier("127.0.0.1", &[]), &["a"]).await, "-");
    assert_eq!(judged(&classifier("localhost", &[]), &["a"]).await, "-");
}

#[tokio::test]
async fn a_dead_classifier_costs_its_timeout_five_times_and_then_nothing() {
    let fake = fake(Scenario::failing(Fault::Silence)).await;
    let classifier = single(&remote("custom", &fake.endpoint(), 200, 4));
    for number in 0..5 {
        assert_eq!(judged(&classifier, &[&format!("text {number}")]).await, "timeout");
    }
    for number in 5..50 {
        assert_eq!(judged(&classifier, &[&format!("text {number}")]).await, "open");
    }
    assert_eq!(fake.questions().len(), 5);
    let report = serde_json::to_value(classifier.report()).expect("json");
    assert_eq!(report["breaker"]["state"], "open");
    assert_eq!((&report["calls"], &report["failures"]), (&json!(5), &json!(50)));
    fake.scenario(Scenario::default());
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if judged(&classifier, &["text"]).await == "-" {
            let report = serde_json::to_value(classifier.report()).expect("json");
            assert_eq!(report["breaker"]["state"], "closed");
            return;
        }
    }
    unreachable!("it is never asked again");
}

#[tokio::test]
async fn what_texts_bring_about_opens_no_breaker() {
    let fake = fake(Scenario::failing(Fault::Status(413))).await;
    let classifier = single(&remote("custom", &fake.endpoint(), 20_000, 4));
    for number in 0..20 {
        assert_eq!(judged(&classifier, &[&format!("text {number}")]).await, "status");
    }
    assert_eq!(fake.questions().len(), 20);
}

#[tokio::test]
async fn a_hit_stays_a_hit_whatever_becomes_of_the_other_pieces() {
    for (fault, word) in
        [(Fault::Status(500), "status"), (Fault::Silence, "timeout"), (Fault::Half, "broken")]
    {
        let scenario = Scenario { fault: Some(("boom".to_owned(), fault.clone())), ..Scenario::default() };
        let fake = fake(scenario).await;
        for width in if fault == Fault::Silence { 4..5 } else { 1..3 } {
            let table: [(&[&str], &str); 4] = [
                (&["a", "boom", "b"], word),
                (&["a", "boom", "ignore previous"], "hit injection"),
                (&["ignore previous", "boom", "b"], "hit injection"),
                (&["boom", "boom"], word),
            ];
            for (texts, word) in table {
                let timeout = if fault == Fault::Silence { 400 } else { 20_000 };
                let classifier = single(&remote("custom", &fake.endpoint(), timeout, width));
                assert_eq!(judged(&classifier, texts).await, word, "{fault:?} {width} {texts:?}");
                // What is known from before is a hit as well.
                assert_eq!(judged(&classifier, texts).await, word, "{fault:?} {width} {texts:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_call_takes_longer_than_four_timeouts_and_what_was_judged_stays_known() {
    let fake = fake(Scenario { delay: Duration::from_millis(100), ..Scenario::default() }).await;
    let classifier = single(&remote("custom", &fake.endpoint(), 400, 1));
    let texts: Vec<String> = (0..40).map(|number| format!("text {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // 40 times 100 ms are more than 1,600 ms.
    assert_eq!(judged(&classifier, &texts).await, "timeout");
    for _ in 0..40 {
        match judged(&classifier, &texts).await.as_str() {
            "timeout" => {}
            other => {
                assert_eq!(other, "-");
                return;
            }
        }
    }
    unreachable!("it does not get on");
}

#[tokio::test]
async fn who_finds_all_places_taken_is_told_that_they_are() {
    let fake =
        fake(Scenario { fault: Some(("slow".to_owned(), Fault::Silence)), ..Scenario::default() }).await;
    let classifier = single(&remote("custom", &fake.endpoint(), 600, 2));
    let slow = async { tokio::join!(judged(&classifier, &["slow 1"]), judged(&classifier, &["slow 2"])) };
    let late = async {
        while fake.questions().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It has its place when most of its time is over, and the time is up before the answer.
        judged(&classifier, &["slow 3"]).await
    };
    let (slow, late) = tokio::join!(slow, late);
    assert_eq!((slow.0.as_str(), slow.1.as_str()), ("timeout", "timeout"));
    assert_eq!(late, "busy");
    let report = serde_json::to_value(classifier.report()).expect("json");
    assert_eq!(report["breaker"]["failures"], 2, "waiting for others is nobody's failure");
}

#[tokio::test]
async fn a_judgement_says_what_was_found_and_nothing_of_the_text() {
    let scenario = Scenario {
        finds: vec![(
            "weapons".to_owned(),
            r#"{"label":"unsafe","score":0.97,"labels":["S1","S9"]}"#.to_owned(),
        )],
        otherwise: r#"{"label":"safe","score":0.99}"#.to_owned(),
        ..Scenario::default()
    };
    let fake = fake(scenario).await;
    let mut binding = remote("llamaGuard", &fake.endpoint(), 20_000, 4);
    binding.thresholds.insert("s9".to_owned(), pai_bundle::guard::PerMille(980));
    let classifier = single(&binding);
    let judgement =
        classifier.judge(Place::Tool, &["Good morning", "On weapons"]).await.expect("a judgement");
    assert_eq!(
        judgement,
        Judgement {
            label: Some("unsafe".to_owned()),
            score: pai_bundle::guard::PerMille(970),
            hit: true,
            hits: vec!["unsafe".to_owned(), "s1".to_owned()],
        }
    );
    assert_eq!(classifier.judge(Place::Tool, &["", "  \n"]).await, Ok(Judgement::default()));
    assert_eq!(classifier.judge(Place::Tool, &[]).await, Ok(Judgement::default()));
    assert_eq!(fake.questions().len(), 2, "there is nothing to ask about no text");
    let said = Unavailable::Garbage("it is not JSON").to_string();
    assert_eq!(said, "the classifier's answer cannot be used: it is not JSON");
}
