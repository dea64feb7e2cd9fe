//! Finds what may be marks in a text that comes in pieces.

/// Longest mark that is waited for, in bytes: it may hold the title of a page.
const LONGEST: usize = 600;

/// Longest first line of a code block that is waited for, in bytes.
const INFO: usize = 200;

/// What a text consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Words(String),
    Code(String),
    /// Something in brackets, with them.
    Bracket(String),
}

/// Cuts a text into words, code and brackets, however it was cut before.
///
/// Code is told by its backticks as in Markdown, but that it ends with the line in
/// which it was not closed: whether it ever will be cannot be known while the text is
/// still being written.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    /// What cannot be told yet.
    held: String,
    code: Option<Code>,
    /// Nothing stands in the line yet but what may stand before a code block.
    at_line_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// A block, and the character and number of those that end it.
    Block(char, usize),
    /// In a line, and the number of backticks that end it.
    Span(usize),
}

/// What the text begins with: its kind and how many bytes it takes.
enum Next {
    Words(usize),
    Code(usize),
    Bracket(usize),
    /// That depends on what follows.
    Unclear,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            held: String::new(),
            code: None,
            at_line_start: true,
        }
    }
}

impl Scanner {
    /// What is clear now that this piece came.
    pub fn push(&mut self, piece: &str) -> Vec<Found> {
        self.held.push_str(piece);
        self.take(false)
    }

    /// What is left when nothing more comes, and what would end a block of code that
    /// is still open; then a new text may begin.
    pub fn finish(&mut self) -> (Vec<Found>, Option<String>) {
        let found = self.take(true);
        let open = match std::mem::take(self).code {
            Some(Code::Block(fence, count)) => Some(fence.to_string().repeat(count)),
            _ => None,
        };
        (found, open)
    }

    fn take(&mut self, is_end: bool) -> Vec<Found> {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        let mut found = Vec::new();
        while let Some(first) = rest.chars().next() {
            let next = match self.code {
                Some(Code::Block(fence, count)) => self.in_block(rest, fence, count, is_end),
                Some(Code::Span(count)) => self.in_span(rest, first, count, is_end),
                None => self.in_words(rest, first, is_end),
            };
            let (kind, length): (fn(String) -> Found, usize) = match next {
                Next::Words(length) => (Found::Words, length),
                Next::Code(length) => (Found::Code, length),
                Next::Bracket(length) => (Found::Bracket, length),
                Next::Unclear => break,
            };
            let (taken, left) = rest.split_at(length);
            found.push(kind(taken.to_owned()));
            rest = left;
        }
        self.held = rest.to_owned();
        found
    }

    fn in_block(&mut self, rest: &str, fence: char, count: usize, is_end: bool) -> Next {
        let line = rest.find('\n').map(|end| end + 1);
        if self.at_line_start {
            let ended = line.is_some() || is_end;
            let text = line.and_then(|end| rest.get(..end)).unwrap_or(rest);
            let text = text.trim_start_matches([' ', '\t', '>']);
            let after = text.trim_start_matches(fence);
            let may_close = text.is_empty()
                || after.trim().is_empty() && (text.len() - after.len() >= count || !ended);
            if may_close && !ended {
                return Next::Unclear;
            }
            if may_close && text.len() - after.len() >= count {
                self.code = None;
                self.at_line_start = line.is_some();
                return Next::Code(line.unwrap_or(rest.len()));
            }
        }
        self.at_line_start = line.is_some();
        Next::Code(line.unwrap_or(rest.len()))
    }

    fn in_span(&mut self, rest: &str, first: char, count: usize, is_end: bool) -> Next {
        match first {
            '`' => {
                let length = run(rest, '`');
                if length == rest.len() && !is_end {
                    return Next::Unclear;
                }
                if length == count {
                    self.code = None;
                }
                Next::Code(length)
            }
            '\n' => {
                self.code = None;
                self.at_line_start = true;
                Next::Words(1)
            }
            _ => Next::Code(rest.find(['`', '\n']).unwrap_or(rest.len())),
        }
    }

    fn in_words(&mut self, rest: &str, first: char, is_end: bool) -> Next {
        let next = match first {
            '\n' => {
                self.at_line_start = true;
                return Next::Words(1);
            }
            '`' => self.backticks(rest, is_end),
            '~' => self.tildes(rest, is_end),
            '\\' => match rest.chars().nth(1) {
                None if !is_end => Next::Unclear,
                Some('`' | '[') => Next::Words(2),
                _ => Next::Words(1),
            },
            '【' => bracket(rest, first, '】', is_end),
            '［' => bracket(rest, first, '］', is_end),
            '[' => bracket(rest, first, ']', is_end),
            _ => {
                let special = ['\n', '`', '~', '\\', '【', '［', '['];
                let length = rest.find(special).unwrap_or(rest.len());
                let words = rest.get(..length).unwrap_or(rest);
                let stays = |c: char| matches!(c, ' ' | '\t' | '>' | '-' | '*' | '+');
                self.at_line_start &= words.chars().all(stays);
                return Next::Words(length);
            }
        };
        if !matches!(next, Next::Unclear) {
            self.at_line_start = false;
        }
        next
    }

    fn backticks(&mut self, rest: &str, is_end: bool) -> Next {
        let length = run(rest, '`');
        let after = rest.get(length..).unwrap_or_default();
        if after.is_empty() && !is_end {
            return Next::Unclear;
        }
        if length >= 3 && self.at_line_start {
            // Backticks behind those of a code block make them code in a line.
            let (line, is_whole) = match after.split_once('\n') {
                Some((line, _)) => (line, true),
                None => (after, is_end || after.len() > INFO),
            };
            let line = line.get(..line.floor_char_boundary(INFO)).unwrap_or(line);
            if !line.contains('`') {
                if !is_whole {
                    return Next::Unclear;
                }
                self.code = Some(Code::Block('`', length));
                return Next::Code(length);
            }
        }
        self.code = Some(Code::Span(length));
        Next::Code(length)
    }

    fn tildes(&mut self, rest: &str, is_end: bool) -> Next {
        let length = run(rest, '~');
        if length == rest.len() && !is_end {
            return Next::Unclear;
        }
        if length >= 3 && self.at_line_start {
            self.code = Some(Code::Block('~', length));
            return Next::Code(length);
        }
        Next::Words(length)
    }
}

/// How many bytes of this character a text begins with.
fn run(text: &str, c: char) -> usize {
    text.len() - text.trim_start_matches(c).len()
}

/// Something in brackets, or a bracket that is none of a mark.
fn bracket(rest: &str, open: char, close: char, is_end: bool) -> Next {
    let inner = rest.get(open.len_utf8()..).unwrap_or_default();
    // Square brackets are common; those of a mark hold a number and a dagger.
    let number = inner.trim_start_matches(|c: char| c == ' ' || c.is_numeric());
    let is_mark = match number.chars().next() {
        _ if open == '【' => true,
        Some(next) => next == '†' && number.len() < inner.len(),
        None => inner.len() <= LONGEST,
    };
    if !is_mark {
        return Next::Words(open.len_utf8());
    }
    match inner.find([close, '\n', '【']) {
        Some(end)
            if end <= LONGEST && inner.get(end..).is_some_and(|end| end.starts_with(close)) =>
        {
            Next::Bracket(open.len_utf8() + end + close.len_utf8())
        }
        None if !is_end && inner.len() <= LONGEST => Next::Unclear,
        _ => Next::Words(open.len_utf8()),
    }
}
