//! How many tokens a text takes, without the tokenizer of the model that reads it.
//!
//! An estimate from above: a part of a page must not be larger than was planned. It is
//! checked against real vocabularies of GLM-4's kind and size.

/// What a character is to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Newline,
    Mark,
    /// Of a script whose words are not written apart.
    Ideograph,
    /// Latin with a sign, where a word is cut.
    Accented,
    /// Of any other alphabet.
    Foreign,
    /// Pictures and rare signs, which are written byte by byte.
    Rare,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            '\n' | '\r' => Self::Newline,
            c if c.is_whitespace() => Self::Space,
            c if c.is_ascii() => Self::Mark,
            '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff00}'..='\u{ffef}' => {
                Self::Ideograph
            }
            '\u{c0}'..='\u{24f}' => Self::Accented,
            '\u{80}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' => Self::Foreign,
            _ => Self::Rare,
        }
    }
}

/// Counts as a text is read, character by character.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tokens {
    last: Option<Class>,
    /// How many characters of its class stand there, from the last of another.
    run: usize,
    twelfths: usize,
}

impl Tokens {
    pub fn add(&mut self, c: char) {
        let class = Class::of(c);
        let before = self.last;
        let follows = before == Some(class);
        self.run = if follows { self.run + 1 } else { 1 };
        self.last = Some(class);
        self.twelfths += match class {
            // A word is a token or two.
            Class::Letter if !follows => 9,
            Class::Letter if self.run <= 4 => 0,
            Class::Letter => 4,
            // A space before digits is a token of its own.
            Class::Digit if !follows && before == Some(Class::Space) => 24,
            Class::Digit if self.run % 3 == 1 => 12,
            Class::Digit => 0,
            // The space before a word is part of it, and so is indentation of a line.
            Class::Space if follows && !self.run.is_multiple_of(16) => 0,
            Class::Space => 1,
            Class::Newline if follows => 0,
            Class::Newline => 12,
            Class::Mark if follows => 7,
            Class::Mark => 11,
            Class::Ideograph => 12,
            Class::Accented => 14,
            Class::Foreign => 8,
            Class::Rare => 36,
        };
    }

    /// Tokens so far.
    pub fn count(self) -> usize {
        self.twelfths.div_ceil(12)
    }
}

#[cfg(test)]
pub(super) fn count(text: &str) -> usize {
    let mut tokens = Tokens::default();
    text.chars().for_each(|c| tokens.add(c));
    tokens.count()
}
