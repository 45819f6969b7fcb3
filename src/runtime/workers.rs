//! A thread for each shard.
//!
//! ```text
//!                   ┌─ tasks ─▶ shard 0 ─ answers ─┐
//! engine's thread ──┤                              ├──▶ engine's thread
//!                   └─ tasks ─▶ shard 1 ─ answers ─┘
//! ```
//!
//! A task is the events of some batches in total order, shared by all shards and never copied. Channels are bounded, and
//! the engine waits for the oldest task once [`limits::TASKS_AHEAD`] others are under way: a slow shard holds back the
//! reading, and no thread ever waits to send. The engine takes the answers of a task from all shards together, so which
//! shard is done first shows nowhere.

use std::any::Any;
use std::io;
use std::panic::resume_unwind;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::{Answer, Crew, Shard, Task};
use crate::limits;

/// Shards on threads of their own. The threads end when it is dropped.
pub struct Workers(Vec<Worker>);

struct Worker {
    /// `None` once it is to end.
    tasks: Option<Sender<Task>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts a thread for each shard.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn start(shards: Vec<Shard>) -> io::Result<Box<dyn Crew>> {
        let start = |(number, shard)| Worker::start(number, shard);
        let workers: io::Result<Vec<Worker>> = shards.into_iter().enumerate().map(start).collect();
        Ok(Box::new(Workers(workers?)))
    }
}

impl Crew for Workers {
    fn hand_out(&mut self, task: Task) {
        for worker in &mut self.0 {
            let tasks = worker.tasks.as_ref().expect("it ends only when it is dropped");
            if tasks.send(task.clone()).is_err() {
                worker.pass_panic_on();
            }
        }
    }

    fn collect(&mut self) -> Vec<Answer> {
        let answer = |worker: &mut Worker| match worker.answers.recv() {
            Ok(answer) => answer,
            Err(_) => worker.pass_panic_on(),
        };
        self.0.iter_mut().map(answer).collect()
    }

    fn tasks_ahead(&self) -> usize {
        limits::TASKS_AHEAD
    }
}

impl Worker {
    fn start(number: usize, mut shard: Shard) -> io::Result<Worker> {
        // One more than is ever under way: nobody waits to send.
        let (tasks, waiting) = bounded::<Task>(limits::TASKS_AHEAD + 1);
        let (done, answers) = bounded(limits::TASKS_AHEAD + 1);
        let work = move || {
            for task in waiting {
                let answer = shard.work(&task);
                if done.send(answer).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name(format!("shard {number}")).spawn(work)?;
        Ok(Worker { tasks: Some(tasks), answers, thread: Some(thread) })
    }

    /// A thread ends before it is told to only by a broken invariant, and that ends the program.
    fn pass_panic_on(&mut self) -> ! {
        let thread = self.thread.take().expect("it is there until it is dropped");
        let why =
            thread.join().err().unwrap_or_else(|| Box::new("a shard ended early") as Box<dyn Any + Send>);
        resume_unwind(why)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was shown when it happened.
            let _ = thread.join();
        }
    }
}
