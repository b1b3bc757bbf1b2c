//! What a process with secrets in its memory asks of the system: no core files, and nobody looking in.

use rlimit::Resource;

/// Forbids core files, and on Linux other processes of the same user to read this one's memory and environment. What the
/// system refuses is said, and is no reason not to serve.
///
/// `/proc/PID/` then belongs to root: tracers and profilers need its rights.
pub fn keep_memory_private() {
    if let Err(cause) = rlimit::setrlimit(Resource::CORE, 0, 0) {
        tracing::warn!(event = "process.core_files", %cause, "a crash may leave a core file with secrets in it");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(cause) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(event = "process.dumpable", %cause, "other processes of this user can read its memory");
        }
    }
}
