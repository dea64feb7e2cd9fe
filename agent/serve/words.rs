//! Words on their way to a client: none behind a text that ends them.

/// The words of one answer.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Texts that end them.
    stops: Vec<String>,
    /// They go without the whitespace around them.
    trims: bool,
    /// What may still be whitespace at the end, or the beginning of a stop.
    held: String,
    begun: bool,
    /// Others follow those before.
    gap: bool,
    stopped: bool,
}

impl Words {
    /// The words of an answer, without the whitespace around them.
    pub fn of_answer(stops: Vec<String>) -> Self {
        Self {
            stops,
            trims: true,
            ..Self::default()
        }
    }

    /// A text as it is.
    pub fn of_text(stops: Vec<String>) -> Self {
        Self {
            stops,
            ..Self::default()
        }
    }

    /// Whether a text was met that ends them.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes more words: what of them can go out.
    pub fn push(&mut self, text: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.held.push_str(text);
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop));
        if let Some(at) = first.min() {
            self.held.truncate(at);
            let rest = self.finish();
            self.stopped = true;
            return rest;
        }
        let open = self.stops.iter().map(|stop| beginning(&self.held, stop));
        let mut settled = self.held.len() - open.max().unwrap_or(0);
        if self.trims {
            let words = self.held.get(..settled).unwrap_or_default();
            settled = words.trim_end().len();
        }
        let rest = self.held.split_off(settled);
        let out = std::mem::replace(&mut self.held, rest);
        self.out(out)
    }

    /// The end of them, or of a part of them: what is left.
    pub fn finish(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.held);
        if self.trims {
            rest.truncate(rest.trim_end().len());
        }
        let out = self.out(rest);
        self.gap = self.trims && self.begun;
        out
    }

    fn out(&mut self, mut text: String) -> String {
        if self.trims && (self.gap || !self.begun) {
            text = text.trim_start().to_owned();
        }
        if text.is_empty() {
            return text;
        }
        if self.gap {
            text.insert_str(0, "\n\n");
            self.gap = false;
        }
        self.begun = true;
        text
    }
}

/// How many bytes at a text's end are the beginning of `stop`.
fn beginning(text: &str, stop: &str) -> usize {
    let longest = stop.len().saturating_sub(1).min(text.len());
    let is_beginning = |length: &usize| {
        let beginning = stop.get(..*length);
        beginning.is_some_and(|beginning| text.ends_with(beginning))
    };
    (1..=longest).rev().find(is_beginning).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mut words: Words, text: &[&str]) -> Vec<String> {
        let mut pieces: Vec<_> = text.iter().map(|piece| words.push(piece)).collect();
        pieces.push(words.finish());
        pieces
    }

    #[test]
    fn nothing_comes_behind_a_stop_wherever_it_is_cut() {
        let stops = vec!["END".to_owned(), "\n\n".to_owned()];
        let words = || Words::of_text(stops.clone());
        assert_eq!(pieces(words(), &["a ENDb"]), ["a ", ""]);
        assert_eq!(pieces(words(), &["a E", "N", "D"]), ["a ", "", "", ""]);
        assert_eq!(pieces(words(), &["a E", "NO"]), ["a ", "ENO", ""]);
        assert_eq!(pieces(words(), &["a\n", "b E"]), ["a", "\nb ", "E"]);
        assert_eq!(pieces(words(), &["é\n", "\nEND"]), ["é", "", ""]);
    }

    #[test]
    fn an_answer_goes_without_the_whitespace_around_it() {
        let words = || Words::of_answer(Vec::new());
        assert_eq!(
            pieces(words(), &["\n ", " a", " ", "b\n"]),
            ["", "a", "", " b", ""]
        );
        let mut words = words();
        assert_eq!(words.push("Let me see. "), "Let me see.");
        assert_eq!(words.finish(), "");
        assert_eq!(words.push("\n"), "");
        assert_eq!(words.push("\nIt is 5.\n"), "\n\nIt is 5.");
    }
}
