//! A batch whose tasks are done by the workers of a queue.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Queue, Results, Summary, Task, Watcher};
use crate::Error;

/// How often it is looked for results.
const NAP: Duration = Duration::from_secs(1);

impl Queue {
    /// Puts the tasks that have no result yet into the queue, and writes results as
    /// they come, until all are there or `stop` is cancelled. The tasks stay in the
    /// queue then, and the next such call goes on.
    ///
    /// # Errors
    /// When the queue cannot be used, or a result cannot be written.
    pub async fn run(
        &self,
        tasks: Vec<Task>,
        results: &mut Results,
        watcher: &dyn Watcher,
        stop: &CancellationToken,
    ) -> Result<Summary, Error> {
        let begun = Instant::now();
        let mut summary = results.summary(&tasks);
        let todo = tasks.into_iter().filter(|t| results.get(&t.id).is_none());
        let todo: Vec<Task> = todo.collect();
        let batch = results.batch().to_owned();
        self.add(&batch, &todo, results.is_anew()).await?;
        let awaited: HashSet<&str> = todo.iter().map(|task| task.id.as_str()).collect();
        while summary.left > 0 {
            let some = match self.results(&batch).await {
                Ok(some) => some,
                Err(error) => {
                    tracing::warn!("{error}");
                    Vec::new()
                }
            };
            for result in &some {
                // It may have been written before it could be removed from the queue.
                if results.get(&result.id).is_none() {
                    results.add(result)?;
                    // One of a task that has been taken out since is kept, and not counted.
                    if awaited.contains(result.id.as_str()) {
                        summary.add(result);
                        watcher.done(result);
                    }
                }
            }
            let ids: Vec<String> = some.into_iter().map(|result| result.id).collect();
            if !ids.is_empty() {
                match self.collected(&batch, &ids).await {
                    Ok(()) => continue,
                    Err(error) => tracing::warn!("{error}"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(NAP) => {}
                () = stop.cancelled() => break,
            }
        }
        summary.seconds = begun.elapsed().as_secs_f64();
        if summary.left == 0 {
            results.complete()?;
        }
        Ok(summary)
    }
}
