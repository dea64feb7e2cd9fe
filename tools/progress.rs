//! What a tool says while it runs.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Granted, secret::Redactor, text::Cleaner};

/// How much of what one call says is passed on, in bytes.
const CAP: usize = 64 << 10;

type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// By which a tool says what it prints, as it prints it. Cheap to clone; without
/// a listener it does nothing.
///
/// What is said is for people who wait. The model reads the result only, so that
/// holds the same text again.
#[derive(Clone, Default)]
pub struct Progress(Option<Listener>);

impl Progress {
    /// Calls `listener` with each piece of text.
    pub fn new(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Says a piece of text: lines, or parts of one.
    pub fn say(&self, text: &str) {
        if let Some(listener) = &self.0
            && !text.is_empty()
        {
            listener(text);
        }
    }

    /// The same for one call: what passes is fit to be shown, holds none of its
    /// secrets and is not too much, and nothing does any more when the other value is
    /// dropped.
    pub(crate) fn for_one_call(self, secrets: Granted) -> (Self, Ending) {
        if self.0.is_none() {
            return (self, Ending::default());
        }
        let call = Arc::new(Mutex::new(Some(Call {
            to: self,
            cleaner: Cleaner::default(),
            redactor: Redactor::new(secrets),
            room: CAP,
        })));
        let ending = Ending(Some(Arc::clone(&call)));
        let say = move |text: &str| {
            let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(call) = &mut *call {
                let text = call.cleaner.push(text);
                let text = call.redactor.push(&text);
                call.pass_on(&text);
            }
        };
        (Self::new(say), ending)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

struct Call {
    to: Progress,
    cleaner: Cleaner,
    redactor: Redactor,
    room: usize,
}

impl Call {
    fn pass_on(&mut self, text: &str) {
        let (passed, _) = text.split_at(text.floor_char_boundary(self.room));
        self.room -= passed.len();
        self.to.say(passed);
        if passed.len() < text.len() {
            // Text after a gap would be misread.
            self.room = 0;
        }
    }
}

/// Dropped when the call is over.
#[derive(Default)]
pub(crate) struct Ending(Option<Arc<Mutex<Option<Call>>>>);

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(call) = &self.0 else { return };
        let call = call.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut call) = call {
            let rest = std::mem::take(&mut call.cleaner).finish();
            let rest = call.redactor.push(&rest);
            call.pass_on(&rest);
            let held = std::mem::take(&mut call.redactor).finish();
            call.pass_on(&held);
        }
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

    fn listening() -> (Progress, impl Fn() -> String) {
        let heard = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&heard);
        let progress = Progress::new(move |text| into.lock().unwrap().push_str(text));
        (progress, move || heard.lock().unwrap().clone())
    }

    #[test]
    fn what_a_call_says_is_cleaned_across_pieces_and_ends_with_the_call() {
        let (progress, heard) = listening();
        let (call, ending) = progress.for_one_call(Granted::default());
        for piece in ["one\u{1b}[3", "1m two\u{7}\n", "\u{1b}]open"] {
            call.say(piece);
        }
        assert_eq!(heard(), "one two\n");
        drop(ending);
        call.say("too late");
        assert_eq!(heard(), "one two\nopen");
    }

    #[test]
    fn a_flood_is_cut_once() {
        let (progress, heard) = listening();
        let (call, _ending) = progress.for_one_call(Granted::default());
        call.say(&"x".repeat(CAP - 1));
        call.say("ü");
        call.say("y");
        assert_eq!(heard().len(), CAP - 1);
    }
}
