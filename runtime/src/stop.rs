//! The signals that ask a gateway to stop.

use std::io::IsTerminal;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that are caught from when it is made: before a gateway says that it serves, so that whoever heard it may stop
/// it.
pub struct Stop(Option<(Signal, Signal)>);

/// Catches Ctrl-C and SIGTERM from now on. Needs a tokio runtime around it, as [`signal`] does.
pub fn listen() -> Stop {
    let caught = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(interrupt), Ok(terminate)) = caught else {
        tracing::error!(event = "signal.failed", "signals cannot be caught; stopping will not drain");
        return Stop(None);
    };
    Stop(Some((interrupt, terminate)))
}

/// Waits for one of them. Where signals cannot be caught, it waits for ever and the process ends by force.
pub async fn requested(stop: Stop) {
    let Some((mut interrupt, mut terminate)) = stop.0 else { return std::future::pending().await };
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
