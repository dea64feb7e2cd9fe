//! How often a service is asked: never more often than it allows, and not at all for
//! a while after it said that it is busy.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a question waits for its turn; behind a longer queue, another service is
/// asked instead.
const QUEUE: Duration = Duration::from_secs(10);

/// How long a service is left alone after its first failure in a row, if it does not
/// say so itself. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause of that kind.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The longest pause that a service can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(86_400);

/// Keeps the questions to one service apart, those of all sessions.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time between two of them at least.
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next question may be asked.
    next: Option<Instant>,
    pause: Option<Pause>,
    /// Failures since the last answer.
    failures: u32,
}

/// Why a service is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pause {
    /// Until when.
    pub until: Instant,
    /// What it said.
    pub reason: String,
}

impl Pace {
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            state: Mutex::default(),
        }
    }

    /// Waits until one more question may be asked.
    ///
    /// # Errors
    /// When the service is to be left alone, or too many questions wait already.
    pub async fn turn(&self) -> Result<(), Pause> {
        let at = self.lock().reserve(Instant::now(), self.every)?;
        tokio::time::sleep_until(at.into()).await;
        // It may have said so to another question meanwhile.
        match self.lock().paused(Instant::now()) {
            Some(pause) => Err(pause),
            None => Ok(()),
        }
    }

    /// It answered.
    pub fn answered(&self) {
        let mut state = self.lock();
        state.failures = 0;
        state.pause = None;
    }

    /// It is to be left alone: for as long as it said, or longer each time. Returns
    /// how long that is.
    pub fn pause(&self, reason: &str, asked: Option<Duration>) -> Duration {
        self.lock().pause(Instant::now(), reason, asked)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn paused(&self, now: Instant) -> Option<Pause> {
        self.pause.clone().filter(|pause| now < pause.until)
    }

    /// The time of one more question.
    fn reserve(&mut self, now: Instant, every: Duration) -> Result<Instant, Pause> {
        if let Some(pause) = self.paused(now) {
            return Err(pause);
        }
        let at = self.next.map_or(now, |next| next.max(now));
        if at > now + QUEUE {
            return Err(Pause {
                until: at,
                reason: "as many questions wait for it as it takes".to_owned(),
            });
        }
        self.next = Some(at + every);
        Ok(at)
    }

    fn pause(&mut self, now: Instant, reason: &str, asked: Option<Duration>) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let pause = match asked {
            Some(asked) => asked.min(LONGEST_ASKED),
            None => doubled.min(LONGEST_PAUSE),
        };
        let until = now + pause;
        // Of several failures at the same time, the longest pause holds.
        if self.pause.as_ref().is_none_or(|other| other.until < until) {
            self.pause = Some(Pause {
                until,
                reason: reason.to_owned(),
            });
        }
        pause
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn questions_are_kept_apart_and_a_long_queue_is_not_joined() {
        let (mut state, now) = (State::default(), Instant::now());
        let turns: Vec<_> = (0..11)
            .map(|_| state.reserve(now, SECOND).unwrap() - now)
            .collect();
        assert_eq!(turns, (0..11).map(|n| n * SECOND).collect::<Vec<_>>());
        let full = state.reserve(now, SECOND).unwrap_err();
        assert_eq!(full.until, now + 11 * SECOND);
        // Later there is room again, and nothing is made up for.
        let later = now + 60 * SECOND;
        assert_eq!(state.reserve(later, SECOND), Ok(later));
        assert_eq!(state.reserve(later, SECOND), Ok(later + SECOND));
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_end_with_an_answer() {
        let (pace, now) = (Pace::new(SECOND), Instant::now());
        let pauses: Vec<u64> = (0..10)
            .map(|_| pace.lock().pause(now, "busy", None).as_secs())
            .collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        let paused = pace.lock().reserve(now + 599 * SECOND, SECOND).unwrap_err();
        assert_eq!(
            paused,
            Pause {
                until: now + 600 * SECOND,
                reason: "busy".into(),
            }
        );
        assert!(pace.lock().reserve(now + 600 * SECOND, SECOND).is_ok());
        pace.answered();
        assert_eq!(pace.lock().pause(now, "busy", None), 2 * SECOND);
    }

    #[test]
    fn a_service_says_itself_how_long_it_is_left_alone() {
        let (mut state, now) = (State::default(), Instant::now());
        assert_eq!(state.pause(now, "a", Some(30 * SECOND)), 30 * SECOND);
        // A shorter pause does not end a longer one.
        assert_eq!(state.pause(now, "b", Some(SECOND)), SECOND);
        assert_eq!(state.paused(now).unwrap().reason, "a");
        assert_eq!(
            state.pause(now, "c", Some(Duration::from_secs(u64::MAX))),
            LONGEST_ASKED
        );
    }
}
