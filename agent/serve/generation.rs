//! A reply under way, with all that it holds. Dropped, it lets go of everything: the
//! engine stops, and the next request has its turn.

use std::{future::Future, time::Instant};

use futures::{StreamExt, stream::BoxStream};
use glm_agent_model::{Delta, Error};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Service,
    admission::Slot,
    error::Refusal,
    stream::{Cut, Outlet},
};

/// The time that a request has, and what it is counted as.
#[derive(Debug)]
pub(super) struct Clock {
    service: Service,
    begun: Instant,
    /// `None` for what was not taken on: a request that is wrong is no generation.
    outcome: Option<&'static str>,
    has_begun_to_answer: bool,
}

impl Clock {
    /// The request has come.
    pub fn start(service: &Service) -> Self {
        Self {
            service: service.clone(),
            begun: Instant::now(),
            outcome: None,
            has_begun_to_answer: false,
        }
    }

    /// What `work` leads to, unless time is up before, or the server stops.
    pub async fn within<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        let limit = self.service.shared.options.limits.time;
        let left = limit.saturating_sub(self.begun.elapsed());
        let cut = tokio::select! {
            biased;
            () = self.service.shared.halt.cancelled() => Refusal::stopping(),
            () = tokio::time::sleep(left) => Refusal::timed_out(limit),
            done = work => return Ok(done),
        };
        Err(self.failed(cut))
    }

    /// A slot, once it is this request's turn.
    pub async fn enter(&mut self) -> Result<Slot, Refusal> {
        // Until it has an end, whoever drops it has left.
        self.outcome = Some("disconnected");
        let admission = std::sync::Arc::clone(&self.service.shared.admission);
        match self.within(admission.enter()).await? {
            Ok(slot) => Ok(slot),
            Err(full) => {
                self.service.shared.metrics.rejected();
                Err(self.failed(full.into()))
            }
        }
    }

    /// Something of the answer is there.
    pub fn answers(&mut self) {
        if !self.has_begun_to_answer {
            self.has_begun_to_answer = true;
            let metrics = &self.service.shared.metrics;
            metrics.first_token(self.begun.elapsed());
        }
    }

    /// The answer is complete.
    pub fn finished(&mut self) {
        self.outcome = Some("finished");
    }

    /// There is none, or no more of it, for this reason.
    pub fn failed(&mut self, refusal: Refusal) -> Refusal {
        self.outcome = Some(refusal.outcome());
        refusal
    }

    /// Sends a message of the answer, which takes of its time, too.
    pub async fn send(&mut self, outlet: &Outlet, message: &Value) -> Result<(), Cut> {
        Ok(self.within(outlet.send(message)).await??)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            let metrics = &self.service.shared.metrics;
            metrics.ended(outcome, self.begun.elapsed());
        }
    }
}

/// What an engine writes for a request.
pub(super) struct Generation {
    // Dropped first: the engine stops before the slot is free.
    deltas: BoxStream<'static, Result<Delta, Error>>,
    cancel: CancellationToken,
    _cancelled_when_dropped: DropGuard,
    _slot: Slot,
    pub clock: Clock,
}

type Started = Result<BoxStream<'static, Result<Delta, Error>>, Error>;

impl Generation {
    /// Waits for its turn and for the engine to begin. `cancel` is what `start` gives
    /// the engine.
    pub async fn start(
        mut clock: Clock,
        cancel: CancellationToken,
        start: impl Future<Output = Started>,
    ) -> Result<Self, Refusal> {
        let guard = cancel.clone().drop_guard();
        let slot = clock.enter().await?;
        let started = clock.within(start).await?;
        let deltas = started.map_err(|error| clock.failed(error.into()))?;
        Ok(Self {
            deltas,
            cancel,
            _cancelled_when_dropped: guard,
            _slot: slot,
            clock,
        })
    }

    /// The next step, and `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Delta>, Refusal> {
        let next = self.clock.within(self.deltas.next()).await?;
        let delta = next.transpose();
        let delta = delta.map_err(|error| self.clock.failed(error.into()))?;
        match &delta {
            None => {}
            Some(Delta::Finished(reply)) => {
                self.clock.service.shared.metrics.spent(&reply.usage);
                self.clock.answers();
                self.clock.finished();
            }
            Some(_) => self.clock.answers(),
        }
        Ok(delta)
    }

    /// Lets go of all but the time that is left to send the rest: the next request need
    /// not wait for this one to be read.
    pub fn end(self) -> Clock {
        self.clock
    }

    /// There is enough of it: what comes yet is the reply so far.
    pub fn enough(&self) {
        self.cancel.cancel();
    }

    /// The engine ended without a reply.
    pub fn broke_off(&mut self) -> Refusal {
        let message = "the model stopped in the middle of its reply";
        self.clock.failed(Refusal::broken(message))
    }
}
