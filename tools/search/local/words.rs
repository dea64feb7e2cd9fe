//! Words of a text, in every script.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
};

/// What a document is found by: its words, in lower case, without accents and English
/// endings.
pub(super) fn of_documents() -> TextAnalyzer {
    analyzer(Words {
        has_singles: true,
        ..Words::default()
    })
}

/// The same for a question.
pub(super) fn of_questions() -> TextAnalyzer {
    analyzer(Words::default())
}

fn analyzer(words: Words) -> TextAnalyzer {
    TextAnalyzer::builder(words)
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// Splits a text into words; of scripts that do not part them, into pairs of
/// neighbouring characters.
#[derive(Clone, Default)]
struct Words {
    /// Whether each character of such a script is also a word, so that a question of
    /// one character finds it.
    has_singles: bool,
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    /// The character before belongs to the same row of a script that parts no words.
    in_row: bool,
    /// The character that comes next was a word by itself already.
    was_single: bool,
    has_singles: bool,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream {
            text,
            at: 0,
            in_row: false,
            was_single: false,
            has_singles: self.has_singles,
            token: &mut self.token,
        }
    }
}

/// Whether words of its script are not parted, or end in particles that are: Chinese,
/// Japanese, Thai, Korean.
fn is_joined(c: char) -> bool {
    let is_one = matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    is_one && c.is_alphanumeric()
}

impl WordStream<'_> {
    fn found(&mut self, from: usize, length: usize) {
        let word = self.text.get(from..from + length).unwrap_or_default();
        self.token.offset_from = from;
        self.token.offset_to = from + length;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(word);
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            let rest = self.text.split_at(self.at).1;
            let first = rest.char_indices().find(|(_, c)| c.is_alphanumeric());
            let Some((skipped, first)) = first else {
                return false;
            };
            let (from, length) = (self.at + skipped, first.len_utf8());
            self.in_row &= skipped == 0;
            self.was_single &= skipped == 0;
            let word = rest.split_at(skipped).1;
            if !is_joined(first) {
                let end = word.find(|c: char| !c.is_alphanumeric() || is_joined(c));
                let end = end.unwrap_or(word.len());
                self.found(from, end);
                self.at = from + end;
                self.in_row = false;
                return true;
            }
            let second = word.chars().nth(1).filter(|c| is_joined(*c));
            let is_alone = second.is_none() && !self.in_row;
            if !self.was_single && (self.has_singles || is_alone) {
                self.found(from, length);
                self.was_single = true;
                return true;
            }
            // It was a word by itself; now it begins a pair, if it does.
            self.was_single = false;
            self.in_row = second.is_some();
            self.at = from + length;
            if let Some(second) = second {
                self.found(from, length + second.len_utf8());
                return true;
            }
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            words.push(stream.token().text.clone());
        }
        words
    }

    #[test]
    fn words_of_every_script_are_found() {
        for (text, question, document) in [
            ("Hello, wide world!", "hello wide world", "hello wide world"),
            ("installing Cafés", "instal cafe", "instal cafe"),
            (
                "北京天气 today",
                "北京 京天 天气 todai",
                "北 北京 京 京天 天 天气 气 todai",
            ),
            ("茶", "茶", "茶"),
            ("茶。茶", "茶 茶", "茶 茶"),
            ("GLM模型9b", "glm 模型 9b", "glm 模 模型 型 9b"),
            ("ประเทศ", "ปร ระ ะเ เท ทศ", "ป ปร ร ระ ะ ะเ เ เท ท ทศ ศ"),
            ("서울에서", "서울 울에 에서", "서 서울 울 울에 에 에서 서"),
            ("", "", ""),
            ("…", "", ""),
        ] {
            assert_eq!(words(of_questions(), text).join(" "), question, "{text}");
            assert_eq!(words(of_documents(), text).join(" "), document, "{text}");
        }
    }
}
