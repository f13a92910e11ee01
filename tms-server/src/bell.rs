//! [`Bell`]: tells whoever waits for changes that there may be some.

use std::sync::Arc;

use tokio::sync::watch;

/// Rung after each change. It says nothing of what changed, so that nobody has to keep up with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell(Arc<watch::Sender<()>>);

impl Bell {
    /// Wakes everyone who listens.
    pub(crate) fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears every ring from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_between_two_looks_are_one() {
        let bell = Bell::default();
        let mut ear = bell.listen();
        assert!(!ear.has_changed().expect("rung by somebody"));
        bell.ring();
        bell.ring();
        ear.changed().await.expect("rung by somebody");
        assert!(!ear.has_changed().expect("rung by somebody"));
    }
}
