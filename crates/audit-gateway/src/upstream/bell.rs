//! Waking whoever uses a connection, unless that one is at it already.
//!
//! hyper's state machine and the request that it carries tell each other of their progress by waking. Both are polled by
//! one task, so that most of it would only make the runtime poll that task once more, and wake another thread for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// Rounds after which others get their turn.
const ROUNDS: usize = 8;

/// What the parts of a connection ring instead of the task.
pub(super) struct Bell {
    ringer: Arc<Ringer>,
    waker: Waker,
}

#[derive(Default)]
struct Ringer {
    user: Mutex<Option<Waker>>,
    /// The user is polling: it looks at `has_rung` when it is done.
    is_attending: AtomicBool,
    has_rung: AtomicBool,
}

impl Bell {
    pub fn new() -> Self {
        let ringer = Arc::<Ringer>::default();
        Self { waker: Waker::from(Arc::clone(&ringer)), ringer }
    }

    /// Polls until it is ready, or until nothing rings any more; then the task of `cx` is woken by the next ring.
    ///
    /// No ring is lost: whoever rings first notes it and then looks whether the user attends; the user first ceases
    /// to attend and then looks whether it has rung.
    pub fn attend<T>(&self, cx: &Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.ringer.serve(cx.waker());
        for _ in 0..ROUNDS {
            self.ringer.has_rung.store(false, Ordering::SeqCst);
            self.ringer.is_attending.store(true, Ordering::SeqCst);
            let result = poll(&mut Context::from_waker(&self.waker));
            self.ringer.is_attending.store(false, Ordering::SeqCst);
            if result.is_ready() || !self.ringer.has_rung.load(Ordering::SeqCst) {
                return result;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Ringer {
    fn serve(&self, user: &Waker) {
        let mut known = self.user.lock();
        if !known.as_ref().is_some_and(|known| known.will_wake(user)) {
            *known = Some(user.clone());
        }
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
        if !self.is_attending.load(Ordering::SeqCst) {
            let user = self.user.lock().clone();
            if let Some(user) = user {
                user.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn task() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count(0.into()));
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn ringing_while_attended_is_another_round_and_wakes_nobody() {
        let (woken, waker) = task();
        let mut rounds = 0;
        let result = Bell::new().attend(&Context::from_waker(&waker), |cx| {
            rounds += 1;
            cx.waker().wake_by_ref();
            if rounds == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!((result, rounds, woken.0.load(Ordering::SeqCst)), (Poll::Ready(()), 3, 0));
    }

    #[test]
    fn ringing_later_wakes_the_last_user() {
        let ((first, first_waker), (second, second_waker)) = (task(), task());
        let bell = Bell::new();
        let mut inner = None;
        for waker in [&first_waker, &second_waker] {
            let _ = bell.attend(&Context::from_waker(waker), |cx| {
                inner = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
        }
        inner.unwrap().wake();
        assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (0, 1));
    }

    #[test]
    fn what_rings_for_ever_lets_others_have_their_turn() {
        let (woken, waker) = task();
        let mut rounds = 0;
        let result = Bell::new().attend(&Context::from_waker(&waker), |cx| {
            rounds += 1;
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!((result, rounds, woken.0.load(Ordering::SeqCst)), (Poll::Pending, ROUNDS, 1));
    }
}
