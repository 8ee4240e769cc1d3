//! An answer leaves when what it shows is on record.
//!
//! Handlers note what was looked at and go on; the gate, around them, waits for what they noted. So the guarantee has one
//! place, whatever the route.

use std::cell::RefCell;

use tokio::sync::oneshot;
use tokio::task_local;

/// Held until an event is durable, or cannot be for now; letting go of it is the message.
pub(super) struct Receipt {
    _held: Option<oneshot::Sender<()>>,
}

task_local! {
    static WAITING: RefCell<Vec<oneshot::Receiver<()>>>;
}

impl Receipt {
    /// For what is noted now: whoever answers the request that this task works on waits for it.
    pub fn of_this_request() -> Self {
        let (held, waiting) = oneshot::channel();
        let is_awaited = WAITING.try_with(|all| all.borrow_mut().push(waiting)).is_ok();
        Self { _held: is_awaited.then_some(held) }
    }
}

/// Says that the request of this task is told of by a thread that recorded it already.
pub(crate) fn recorded_elsewhere() {
    drop(Receipt::of_this_request());
}

/// Whether anything was noted on behalf of this task's request so far.
pub(crate) fn any_noted() -> bool {
    WAITING.try_with(|all| !all.borrow().is_empty()).unwrap_or(false)
}

/// Runs what answers a request, and waits until all that it noted is durable (or cannot be recorded for now: a full disk
/// keeps nobody from the evidence).
pub(crate) async fn settled<T>(answering: impl Future<Output = T>) -> T {
    WAITING
        .scope(RefCell::default(), async {
            let answer = answering.await;
            let waiting = WAITING.with(|all| std::mem::take(&mut *all.borrow_mut()));
            for receipt in waiting {
                // An error says that the sender is gone, which is what is waited for.
                let _ = receipt.await;
            }
            answer
        })
        .await
}
