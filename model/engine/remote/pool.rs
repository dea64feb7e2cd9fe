//! Several servers of one model: which is asked next.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Url;

/// How long a server rests that failed once; twice as long each further time.
const REST: Duration = Duration::from_secs(2);
/// The longest rest, and the longest that a server is given which asks for one.
const LONGEST_REST: Duration = Duration::from_secs(120);
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

/// The servers.
#[derive(Debug)]
pub struct Pool(Vec<Arc<Endpoint>>);

/// One server.
#[derive(Debug)]
pub struct Endpoint {
    /// What the paths of its API follow.
    pub base: Url,
    /// Requests under way.
    load: AtomicUsize,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// Failures since it last answered.
    failures: u32,
    rests_until: Option<Instant>,
}

/// A request under way at a server, until it is dropped.
#[derive(Debug)]
pub struct Turn(pub Arc<Endpoint>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pool {
    pub fn new(bases: impl IntoIterator<Item = Url>) -> Self {
        let endpoint = |base| {
            Arc::new(Endpoint {
                base,
                load: AtomicUsize::new(0),
                health: Mutex::default(),
            })
        };
        Self(bases.into_iter().map(endpoint).collect())
    }

    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.0
    }

    /// The server with the fewest requests of this process under way, of those that do
    /// not rest; if all rest, the one that does so for the shortest time. Of equals the
    /// one that `key` falls to: a conversation stays where its beginning is known.
    pub fn choose(&self, key: &impl Hash, now: Instant) -> Option<Turn> {
        let count = self.0.len().max(1);
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let first = usize::try_from(hasher.finish() % count as u64).unwrap_or(0);
        let in_order = self.0.iter().cycle().skip(first).take(self.0.len());
        let chosen = in_order.min_by_key(|endpoint| {
            let rest = endpoint.rest(now);
            (rest, endpoint.load.load(Ordering::Acquire))
        })?;
        chosen.load.fetch_add(1, Ordering::AcqRel);
        Some(Turn(Arc::clone(chosen)))
    }

    /// How long until some server does not rest.
    pub fn shortest_rest(&self, now: Instant) -> Duration {
        let rests = self.0.iter().map(|endpoint| endpoint.rest(now));
        rests.min().unwrap_or_default()
    }
}

impl Endpoint {
    /// How long it still rests.
    fn rest(&self, now: Instant) -> Duration {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let until = health.rests_until;
        until.map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }

    /// It failed, or asked to be left alone for a time.
    pub fn failed(&self, asked: Option<Duration>, now: Instant) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let doublings = health.failures.min(16);
        health.failures += 1;
        let rest = REST.saturating_mul(1 << doublings).min(LONGEST_REST);
        let asked = asked.map(|asked| asked.min(LONGEST_ASKED));
        health.rests_until = Some(now + asked.unwrap_or(rest));
    }

    /// It answered.
    pub fn answered(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = Health::default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn pool(count: usize) -> Pool {
        Pool::new((0..count).map(|n| Url::parse(&format!("http://s{n}/v1")).unwrap()))
    }

    fn host(turn: &Turn) -> String {
        turn.0.base.host_str().unwrap().to_owned()
    }

    #[test]
    fn the_least_busy_is_asked_and_a_conversation_stays() {
        let (pool, now) = (pool(3), Instant::now());
        let first = pool.choose(&"a", now).unwrap();
        let second = pool.choose(&"a", now).unwrap();
        let third = pool.choose(&"a", now).unwrap();
        let mut asked = [host(&first), host(&second), host(&third)];
        let home = asked[0].clone();
        asked.sort();
        assert_eq!(asked, ["s0", "s1", "s2"]);
        drop((second, third, first));
        assert_eq!(host(&pool.choose(&"a", now).unwrap()), home);
    }

    #[test]
    fn who_fails_rests_each_time_for_longer() {
        let (pool, mut now) = (pool(2), Instant::now());
        let failing = Arc::clone(&pool.choose(&"a", now).unwrap().0);
        let home = failing.base.host_str().unwrap().to_owned();
        for seconds in [2, 4, 8] {
            failing.failed(None, now);
            let almost = now + Duration::from_secs(seconds) - Duration::from_millis(1);
            assert_ne!(host(&pool.choose(&"a", almost).unwrap()), home);
            now += Duration::from_secs(seconds);
            assert_eq!(host(&pool.choose(&"a", now).unwrap()), home);
        }
        failing.answered();
        failing.failed(None, now);
        now += Duration::from_secs(2);
        assert_eq!(host(&pool.choose(&"a", now).unwrap()), home);
    }

    #[test]
    fn no_server_is_left_alone_for_ever() {
        let (pool, now) = (pool(1), Instant::now());
        pool.0[0].failed(Some(Duration::MAX), now);
        assert_eq!(pool.shortest_rest(now), LONGEST_ASKED);
    }

    #[test]
    fn if_all_rest_the_next_to_wake_is_asked() {
        let (pool, now) = (pool(2), Instant::now());
        pool.0[0].failed(Some(Duration::from_secs(9)), now);
        pool.0[1].failed(Some(Duration::from_secs(5)), now);
        assert_eq!(pool.shortest_rest(now), Duration::from_secs(5));
        assert_eq!(host(&pool.choose(&"b", now).unwrap()), "s1");
    }
}
