//! An exchange on its way into the ledger.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;

use crate::recorder::Unrecorded;

type Record = Pin<Box<dyn Future<Output = Result<(), Unrecorded>> + Send>>;

/// Polled by the task that waits for it, which spares two changes of threads; when that task ends, or never began to
/// wait, it goes on as a task of its own. So nobody's leaving loses an event.
pub(super) struct Recording {
    record: Option<Record>,
    tasks: TaskTracker,
}

/// An event that should have been recorded is not; the log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request was carried out, but could not be recorded")]
pub(super) struct Lost;

impl Recording {
    pub fn new(
        record: impl Future<Output = Result<(), Unrecorded>> + Send + 'static,
        tasks: TaskTracker,
    ) -> Self {
        Self { record: Some(Box::pin(record)), tasks }
    }
}

impl Future for Recording {
    type Output = Result<(), Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let Some(record) = &mut self.record else { return Poll::Ready(Err(Lost)) };
        // A fault of ours must end neither the connection nor what it carries.
        let result = match catch_unwind(AssertUnwindSafe(|| record.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Ok(()),
            Ok(Poll::Ready(Err(unrecorded))) => {
                tracing::error!(error.message = %unrecorded, "an event is lost");
                Err(Lost)
            }
            Err(_panic) => {
                tracing::error!("recording an exchange panicked");
                Err(Lost)
            }
        };
        self.record = None;
        Poll::Ready(result)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.tasks.spawn(async move {
                if let Err(unrecorded) = record.await {
                    tracing::error!(error.message = %unrecorded, "an event is lost");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_gets_the_result() {
        let tasks = TaskTracker::new();
        assert_eq!(Recording::new(async { Ok(()) }, tasks.clone()).await, Ok(()));
        assert_eq!(tasks.len(), 0, "no task was needed");
    }

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits_any_more() {
        let tasks = TaskTracker::new();
        let (durable, wait) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let record = async {
            let _ = wait.await;
            let _ = done.send(());
            Ok(())
        };
        let mut recording = Box::pin(Recording::new(record, tasks.clone()));
        let began = std::future::poll_fn(|cx| Poll::Ready(recording.as_mut().poll(cx))).await;
        assert!(began.is_pending());
        drop(recording);
        durable.send(()).unwrap();
        is_done.await.unwrap();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_fault_of_ours_is_a_lost_event_and_no_more() {
        let record = async { panic!("a fault") };
        assert_eq!(Recording::new(record, TaskTracker::new()).await, Err(Lost));
    }
}
