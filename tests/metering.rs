//! Answers as providers send them, byte by byte, and what each is charged: `tests/golden/metering` has an answer and
//! beside it the settlement. The bytes that the client gets are the provider's, however they are cut and packed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use pai_simulator::Scenario;
use serde_json::Value;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::support::{MANIFESTS, World, hello};

/// Answers, with whether each is a stream.
fn answers() -> Vec<(PathBuf, bool)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metering");
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_answer = |path: &PathBuf| path.extension().is_some_and(|extension| extension != "txt");
    let mut answers: Vec<_> = entries
        .filter(is_answer)
        .map(|path| (path.clone(), path.extension().is_some_and(|of| of == "sse")))
        .collect();
    answers.sort();
    answers
}

/// A line for each class, as people add them up.
fn settlement(record: &Value) -> String {
    let held = record["held"].as_u64().unwrap_or_default();
    let settled = &record["settled"];
    let classes =
        ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "web_searches", "total"];
    let mut lines: Vec<_> = classes
        .into_iter()
        .filter_map(|class| {
            let number = settled[class].as_u64()?;
            // The prompt decides how much is held, and it is not what this is about.
            let number = if number == held { "all that was held".to_owned() } else { number.to_string() };
            Some(format!("{class}: {number}"))
        })
        .collect();
    if settled["total"] != record["held"] {
        lines.push(format!("cost: {} USD", settled["cost_usd"]));
    }
    lines.push(format!("estimated: {}", settled["estimated"]));
    lines.push(format!("outcome: {}\n", record["outcome"].as_str().unwrap_or_default()));
    lines.join("\n")
}

#[tokio::test]
async fn every_answer_is_metered_as_written_and_delivered_as_sent() {
    let world = World::of(&MANIFESTS.replace("00000\n", "00000000\n")).await;
    let mut count = 0;
    for (path, stream) in answers() {
        let answer = Bytes::from(std::fs::read(&path).expect("an answer"));
        let mut settlements = Vec::new();
        for (piece_bytes, gzip) in
            [(None, false), (Some(1), false), (Some(7), false), (None, true), (Some(3), true)]
        {
            let verbatim = Some(answer.clone());
            // The gateway asks for streams that are not packed; some are all the same.
            let gzip_unasked = gzip && stream;
            world.simulator.push(Scenario {
                verbatim,
                piece_bytes,
                gzip,
                gzip_unasked,
                ..Scenario::default()
            });
            let mut body = hello(stream);
            body["max_tokens"] = 20_000.into();
            let mut request = world.message("coder", &body);
            if gzip {
                request = request.header("accept-encoding", "gzip");
            }
            let response = request.send().await.expect("an answer");
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers().contains_key("content-encoding"), gzip);
            let delivered = response.bytes().await.expect("a whole body");
            assert!(gzip || delivered == answer, "{}: what was sent arrives", path.display());
            world.settled().await;
            count += 1;
            settlements.push(settlement(world.records(count).await.last().expect("a record")));
        }
        let first = settlements.swap_remove(0);
        for other in settlements {
            assert_eq!(other, first, "{}: cut or packed in another way", path.display());
        }
        let expected = path.with_file_name(format!(
            "{}.txt",
            path.file_name().and_then(|name| name.to_str()).expect("text")
        ));
        if !expected.exists() && std::env::var_os("SNAPSHOTS").is_some() {
            std::fs::write(&expected, "").expect("written");
        }
        let expected = Data::read_from(&expected, Some(DataFormat::Text)).raw();
        Assert::new().action_env("SNAPSHOTS").eq(Data::text(first).raw(), expected);
    }
    assert_eq!(world.gateway.ledger().breaches(), 0);
}
