//! A thread that keeps copies of a run's state up to date.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::copy::{Copied, Copier};
use super::error::CopyError;
use super::place::Place;
use crate::state::Store;

/// What is told of every copy that was made or was not, on the thread that makes them.
pub type OnCopy = Box<dyn FnMut(Result<&Copied, &CopyError>) + Send>;

/// Makes copies beside a run, until it is finished or dropped.
pub struct Keeper {
    orders: watch::Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// A copy now and then.
    Keep,
    /// One last copy, which may take so long.
    Last(Option<Duration>),
    /// Nothing more: what is under way is broken off.
    Stop,
}

/// How often it is looked whether the last copy is made.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Keeper {
    /// Begins: there is a copy every so often, where there is a new epoch.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread, or nothing to wait with.
    pub fn start(store: Arc<dyn Store>, place: Place, every: Duration, tell: OnCopy) -> io::Result<Keeper> {
        let (orders, taken) = watch::channel(Order::Keep);
        let runtime = runtime()?;
        let mut keeping = Keeping { copier: Copier::new(store, place), every, tell, orders: taken };
        let work = move || runtime.block_on(keeping.keep());
        let thread = thread::Builder::new().name("copies".to_owned()).spawn(work)?;
        Ok(Keeper { orders, thread: Some(thread) })
    }

    /// Makes one last copy, if there is a new epoch, and ends. It is broken off where it takes longer than `limit`, or
    /// once `stop` is set.
    pub fn finish(mut self, limit: Option<Duration>, stop: &AtomicBool) {
        let had_stopped = stop.load(Ordering::Relaxed);
        self.order(Order::Last(limit));
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if !had_stopped && stop.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn order(&mut self, order: Order) {
        // Where nobody listens any more, it has ended.
        let _ = self.orders.send(order);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // Its panic was shown when it happened.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Keeping {
    copier: Copier,
    every: Duration,
    tell: OnCopy,
    orders: watch::Receiver<Order>,
}

impl Keeping {
    async fn keep(&mut self) {
        while *self.orders.borrow_and_update() == Order::Keep {
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                _ = orders.changed() => {}
                () = async {
                    tokio::time::sleep(self.every).await;
                    self.copy().await;
                } => {}
            }
        }
        let order = *self.orders.borrow_and_update();
        let Order::Last(limit) = order else { return };
        let mut orders = self.orders.clone();
        let url = self.copier.place().url().to_owned();
        let is_made = tokio::select! {
            biased;
            _ = orders.changed() => false,
            is_made = within(limit, self.copy()) => is_made,
        };
        if !is_made {
            (self.tell)(Err(&CopyError::BrokenOff { url }));
        }
    }

    async fn copy(&mut self) {
        match self.copier.copy().await {
            Ok(None) => {}
            Ok(Some(copied)) => {
                (self.tell)(Ok(&copied));
                if let Some(error) = &copied.left {
                    (self.tell)(Err(error));
                }
            }
            Err(error) => (self.tell)(Err(&error)),
        }
    }
}

/// Whether something was done in time.
async fn within(limit: Option<Duration>, work: impl Future<Output = ()>) -> bool {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.is_ok(),
        None => {
            work.await;
            true
        }
    }
}

/// Waits for something to be done, on this thread.
///
/// # Errors
///
/// Where the operating system gives nothing to wait with.
pub fn wait_for<T>(work: impl Future<Output = T>) -> io::Result<T> {
    Ok(runtime()?.block_on(work))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
