//! What a cell read of the world outside, so that it can be run again and come
//! out the same: the clocks and the random numbers.
//!
//! Random numbers are those of ChaCha20 from a seed that each cell gets; of the
//! clocks every reading is kept, up to a limit. With its files beside it and the
//! same variables, a cell has nothing else to tell two runs apart by.

use crate::Error;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20::{
    ChaCha20Rng,
    rand_core::{Infallible, SeedableRng, TryRng},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

const SEED_BYTES: usize = 32;

/// Bytes of readings that are kept of one cell: about 10 000 readings. A cell
/// that reads more sees the time go on from the last one kept when it is run
/// again.
const READINGS_BYTES: usize = 32 << 10;

/// The seed and the readings of one cell. As text, it is base64 of the seed's 32
/// bytes followed by the readings: each a LEB128 number whose lowest bit tells
/// the clock (0 monotonic, 1 wall) and whose other bits are the nanoseconds
/// since that clock's last reading, zigzag-coded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Tape {
    seed: [u8; SEED_BYTES],
    readings: Vec<u8>,
}

impl Tape {
    /// A tape to record on, with a seed of its own.
    pub(crate) fn blank() -> Result<Self, Error> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed).map_err(|error| Error::Random(error.into()))?;
        Ok(Self {
            seed,
            readings: Vec::new(),
        })
    }
}

impl From<Tape> for String {
    fn from(tape: Tape) -> Self {
        let mut bytes = tape.seed.to_vec();
        bytes.extend(tape.readings);
        STANDARD_NO_PAD.encode(bytes)
    }
}

impl TryFrom<String> for Tape {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| "a tape is base64 without padding")?;
        let (seed, readings) = bytes
            .split_first_chunk()
            .ok_or("a tape begins with 32 bytes of seed")?;
        if readings.len() > READINGS_BYTES + 16 {
            return Err("a tape's readings are too long");
        }
        Ok(Self {
            seed: *seed,
            readings: readings.into(),
        })
    }
}

/// What the guest is given for clocks and randomness. Its clones are one.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Playing>>);

struct Playing {
    random: ChaCha20Rng,
    seed: [u8; SEED_BYTES],
    readings: Vec<u8>,
    /// Where the next reading is; `None` while recording.
    position: Option<usize>,
    last: [Reading; 2],
    started: Instant,
}

/// A clock's last reading in nanoseconds, and when it was really made.
#[derive(Clone, Copy)]
struct Reading {
    time: i64,
    made: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Monotonic = 0,
    Wall = 1,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let playing = Playing {
            random: ChaCha20Rng::from_seed([0; SEED_BYTES]),
            seed: [0; SEED_BYTES],
            readings: Vec::new(),
            position: None,
            last: [Reading::UNREAD; 2],
            started: Instant::now(),
        };
        Self(Arc::new(Mutex::new(playing)))
    }

    /// Begins a cell: `replay` has it see again what `tape` holds, otherwise what
    /// it sees is recorded.
    pub(crate) fn start(&self, tape: Tape, replay: bool) {
        let mut playing = self.lock();
        playing.random = ChaCha20Rng::from_seed(tape.seed);
        playing.seed = tape.seed;
        playing.readings = tape.readings;
        playing.position = replay.then_some(0);
        playing.last = [Reading::UNREAD; 2];
    }

    /// The tape of the cell that has just run.
    pub(crate) fn take(&self) -> Tape {
        let mut playing = self.lock();
        Tape {
            seed: playing.seed,
            readings: std::mem::take(&mut playing.readings),
        }
    }

    /// Whether a recorded cell is being run again.
    pub(crate) fn replays(&self) -> bool {
        self.lock().position.is_some()
    }

    fn read(&self, clock: Clock) -> i64 {
        self.lock().read(clock)
    }

    fn lock(&self) -> MutexGuard<'_, Playing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    const UNREAD: Self = Self {
        time: 0,
        made: None,
    };
}

impl Playing {
    fn read(&mut self, clock: Clock) -> i64 {
        let [monotonic, wall] = self.last;
        let last = match clock {
            Clock::Monotonic => monotonic,
            Clock::Wall => wall,
        };
        let time = match self.replayed(clock) {
            Some(delta) => last.time.wrapping_add(delta),
            // Past the tape's end: time goes on from where it stood.
            None => match (self.position, last.made) {
                (Some(_), Some(made)) => last.time.saturating_add(nanoseconds(made.elapsed())),
                _ => self.now(clock),
            },
        };
        if self.position.is_none() && self.readings.len() < READINGS_BYTES {
            let delta = time.wrapping_sub(last.time);
            let zigzag = (delta << 1) ^ (delta >> 63);
            write_leb128(
                &mut self.readings,
                (u128::from(zigzag.cast_unsigned()) << 1) | clock as u128,
            );
        }
        let reading = Reading {
            time,
            made: Some(Instant::now()),
        };
        match clock {
            Clock::Monotonic => self.last[0] = reading,
            Clock::Wall => self.last[1] = reading,
        }
        time
    }

    fn now(&self, clock: Clock) -> i64 {
        match clock {
            Clock::Monotonic => nanoseconds(self.started.elapsed()),
            Clock::Wall => nanoseconds(SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO)),
        }
    }

    /// The next step of this clock on the tape.
    fn replayed(&mut self, clock: Clock) -> Option<i64> {
        let mut position = self.position?;
        let number = read_leb128(&self.readings, &mut position)?;
        if number & 1 != clock as u128 {
            // The cell took another course: the rest says nothing about it.
            self.position = Some(self.readings.len());
            return None;
        }
        self.position = Some(position);
        let zigzag = (number >> 1) as u64;
        Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn write_leb128(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_leb128(bytes: &[u8], position: &mut usize) -> Option<u128> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*position)?;
        *position += 1;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

impl HostMonotonicClock for Recorder {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.read(Clock::Monotonic).cast_unsigned()
    }
}

impl HostWallClock for Recorder {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read(Clock::Wall).cast_unsigned())
    }
}

impl TryRng for Recorder {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.lock().random.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.lock().random.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.lock().random.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use chacha20::rand_core::Rng;

    fn readings(recorder: &Recorder, count: usize) -> Vec<(u64, Duration, u64)> {
        let mut random = recorder.clone();
        (0..count)
            .map(|_| {
                (
                    HostMonotonicClock::now(recorder),
                    HostWallClock::now(recorder),
                    random.next_u64(),
                )
            })
            .collect()
    }

    #[test]
    fn a_cell_that_is_run_again_sees_what_it_saw() {
        let recorder = Recorder::new();
        recorder.start(Tape::blank().unwrap(), false);
        let seen = readings(&recorder, 100);
        let text = String::from(recorder.take());

        let other = Recorder::new();
        other.start(Tape::try_from(text).unwrap(), true);
        assert_eq!(readings(&other, 100), seen);
    }

    #[test]
    fn cells_differ_in_their_randomness() {
        let recorder = Recorder::new();
        let mut draws = Vec::new();
        for _ in 0..2 {
            recorder.start(Tape::blank().unwrap(), false);
            draws.push(recorder.clone().next_u64());
        }
        assert_ne!(draws[0], draws[1]);
    }

    #[test]
    fn time_goes_on_where_the_tape_ends() {
        let recorder = Recorder::new();
        recorder.start(Tape::blank().unwrap(), false);
        let (first, ..) = readings(&recorder, 1)[0];
        let tape = recorder.take();

        recorder.start(tape, true);
        let again = readings(&recorder, 3);
        assert_eq!(again[0].0, first);
        assert!(again[0] < again[1] && again[1] < again[2], "{again:?}");
    }

    #[test]
    fn a_tape_is_bounded_however_often_a_cell_asks() {
        let recorder = Recorder::new();
        recorder.start(Tape::blank().unwrap(), false);
        readings(&recorder, 50_000);
        let tape = recorder.take();
        assert!(tape.readings.len() >= READINGS_BYTES);
        assert_eq!(Tape::try_from(String::from(tape.clone())), Ok(tape));
    }

    #[test]
    fn what_is_no_tape_is_refused() {
        for text in ["", "AAAA", "not base64!"] {
            Tape::try_from(text.to_owned()).unwrap_err();
        }
    }
}
