//! A line that says that work goes on, where somebody waits at a terminal for longer than half a second.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Quicker than this, a line would only flicker.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Shows what is being done until it is dropped; then the line is gone.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Work has ended when this is dropped.
    working: Option<Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Progress {
    /// From now on, if it takes long and standard error is a terminal that can draw a line anew.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        let can_draw = std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
            && std::env::var_os("CI").is_none();
        if can_draw {
            Self::after(PATIENCE, what.into(), ProgressDrawTarget::stderr())
        } else {
            Self { working: None, shown: None }
        }
    }

    fn after(patience: Duration, what: String, target: ProgressDrawTarget) -> Self {
        let (working, until_dropped) = mpsc::channel::<()>();
        let shown = thread::spawn(move || {
            if until_dropped.recv_timeout(patience) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, target).with_message(what);
            // The template is a constant; without it the default one is drawn.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.tick();
            while until_dropped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.tick();
            }
            bar.finish_and_clear();
        });
        Self { working: Some(working), shown: Some(shown) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.working.take());
        if let Some(shown) = self.shown.take() {
            // A line that cannot be drawn is no reason to stop.
            let _ = shown.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn drawn_on(terminal: &InMemoryTerm) -> ProgressDrawTarget {
        ProgressDrawTarget::term_like(Box::new(terminal.clone()))
    }

    #[test]
    fn work_that_takes_long_is_shown_and_then_gone() {
        let terminal = InMemoryTerm::new(10, 80);
        let progress = Progress::after(Duration::ZERO, "checking 3 files".to_owned(), drawn_on(&terminal));
        // As long as it takes until the other thread has drawn.
        while !terminal.contents().contains("checking 3 files") {
            thread::yield_now();
        }
        drop(progress);
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn work_that_is_quick_is_not() {
        let terminal = InMemoryTerm::new(10, 80);
        drop(Progress::after(Duration::from_secs(3600), "checking".to_owned(), drawn_on(&terminal)));
        assert_eq!(terminal.contents(), "");
    }
}
