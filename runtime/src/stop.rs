//! The signals that ask a gateway to stop.

use std::io::IsTerminal;

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
        () = hung_up() => "hangup",
    };
    tracing::info!(event = "gateway.stopping", signal = which);
}

/// A terminal that was closed. To a service the same signal means "load the bundle again", so it is told by the
/// terminal that was there before and is not any more.
async fn hung_up() {
    let (true, Ok(mut hangup)) = (std::io::stdin().is_terminal(), signal(SignalKind::hangup())) else {
        return std::future::pending::<()>().await;
    };
    while hangup.recv().await.is_some() {
        if !std::io::stdin().is_terminal() {
            return;
        }
    }
    std::future::pending::<()>().await;
}
