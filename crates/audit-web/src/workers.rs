//! Threads for work that must not run on the runtime's: queries, exports, encoding of large uploads.
//!
//! Each [`Workers`] has a fixed number of threads and a bounded queue; what does not fit is refused with
//! [`Code::Busy`] at once, so that a rush of queries costs neither memory nor recording. Whoever waits for an answer
//! holds a [`Budget`]: when the client goes away the waiting future is dropped, and the query ends at its next check.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use audit_query::question::Budget;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::locale;
use crate::problem::{Code, Problem, Result};

type Job = Box<dyn FnOnce() + Send>;

/// A handful of threads and the queue before them. Clones share both; when the last clone is gone the threads finish
/// what is queued and end.
#[derive(Clone)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    /// Told apart from the threads' own references to the queue: the threads must end when nobody can send any more.
    _sender: Arc<Sender>,
}

struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    capacity: usize,
}

struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Sender(Arc<Queue>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        self.0.arrived.notify_all();
    }
}

impl Workers {
    /// Starts `threads` threads called `name`, before which at most `capacity` jobs wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(name: &str, threads: usize, capacity: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting { jobs: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
            capacity,
        });
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("{name}-{number}")).spawn(move || queue.work())?;
        }
        Ok(Self { _sender: Arc::new(Sender(Arc::clone(&queue))), queue })
    }

    /// How many jobs wait.
    pub fn queued(&self) -> usize {
        self.queue.waiting.lock().jobs.len()
    }

    /// Runs `job` on one of the threads.
    ///
    /// # Errors
    /// [`Code::Busy`] when too many jobs wait already; [`Code::Internal`] when the job panicked.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let numbers = locale::numbers();
        self.submit(Box::new(move || {
            // Nobody waits any more when the client is gone.
            let _ = answer.send(locale::with(numbers, job));
        }))?;
        answered.await.map_err(|_| Problem::internal("a worker's job panicked"))
    }

    /// Runs a query with `budget`, and cancels it when the returned future is dropped.
    ///
    /// # Errors
    /// As [`Workers::run`], and the query's own.
    pub async fn query<T: Send + 'static>(
        &self,
        budget: Budget,
        question: impl FnOnce(&Budget) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let cancel = CancelOnDrop(budget.clone());
        let answer = self
            .run(move || {
                budget.check()?;
                question(&budget)
            })
            .await?;
        drop(cancel);
        answer
    }

    /// Runs `job` on one of the threads; nobody waits for it.
    ///
    /// # Errors
    /// [`Code::Busy`] when too many jobs wait already.
    pub fn start_job(&self, job: impl FnOnce() + Send + 'static) -> Result<()> {
        self.submit(Box::new(job))
    }

    fn submit(&self, job: Job) -> Result<()> {
        let mut waiting = self.queue.waiting.lock();
        if waiting.jobs.len() >= self.queue.capacity {
            return Err(Problem::new(Code::Busy, "too many requests wait already; try again shortly")
                .retry_after_ms(1_000));
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.queue.arrived.notify_one();
        Ok(())
    }
}

impl Queue {
    fn work(&self) {
        while let Some(job) = self.next() {
            // The panic itself was reported by the panic hook; whoever waits learns of it from the dropped sender.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            self.arrived.wait(&mut waiting);
        }
    }
}

struct CancelOnDrop(Budget);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn one_thread(capacity: usize) -> Workers {
        Workers::start("test", 1, capacity).unwrap()
    }

    /// Keeps the only thread busy until the returned sender is dropped.
    fn occupy(workers: &Workers) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        workers
            .submit(Box::new(move || {
                begun.send(()).unwrap();
                let _ = released.recv();
            }))
            .unwrap();
        has_begun.recv().unwrap();
        release
    }

    #[tokio::test]
    async fn a_job_gives_its_answer() {
        assert_eq!(one_thread(1).run(|| 6 * 7).await.unwrap(), 42);
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once() {
        let workers = one_thread(1);
        let release = occupy(&workers);
        let waiting = workers.run(|| 1);
        let mut waiting = Box::pin(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(workers.run(|| 2).await.unwrap_err().code(), Code::Busy);
        drop(release);
        assert_eq!(waiting.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_panicking_job_is_an_internal_error_and_the_thread_lives_on() {
        let workers = one_thread(1);
        let problem = workers.run(|| panic!("as tests do")).await.unwrap_err();
        assert_eq!(problem.code(), Code::Internal);
        assert_eq!(workers.run(|| 1).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_query_nobody_waits_for_is_cancelled() {
        let workers = one_thread(4);
        let release = occupy(&workers);
        let budget = Budget::unlimited();
        let mut query = Box::pin(workers.query(budget.clone(), |_| Ok(())));
        assert!(futures_util::poll!(&mut query).is_pending());
        drop(query);
        assert!(matches!(budget.check(), Err(audit_query::Error::Cancelled)));
        drop(release);
    }
}
