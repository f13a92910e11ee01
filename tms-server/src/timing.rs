//! [`Timing`]: how long things take.

use std::time::Duration;

/// How long things take that nobody has to set.
#[derive(Debug, Clone)]
pub struct Timing {
    /// How long changes are kept for the feed. A client that was away for longer lists again. Default 7 days.
    pub keep_changes: Duration,
    /// How often older ones are forgotten. Default 1 h.
    pub trim_every: Duration,
    /// How long a client may take nothing of what is sent to it before its connection is cut. Default 10 s.
    pub stall: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            keep_changes: Duration::from_secs(7 * 24 * 60 * 60),
            trim_every: Duration::from_secs(60 * 60),
            stall: Duration::from_secs(10),
        }
    }
}
