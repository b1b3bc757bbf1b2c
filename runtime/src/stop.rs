//! The signals that ask a gateway to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C or SIGTERM. Where signals cannot be caught, it waits for ever and the process ends by force.
pub async fn requested() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!(event = "signal.failed", "signals cannot be caught; stopping will not drain");
        return std::future::pending().await;
    };
    let which = tokio::select! {
        _ = interrupt.recv() => "interrupt",
        _ = terminate.recv() => "terminate",
    };
    tracing::info!(event = "gateway.stopping", signal = which);
}
