//! Words of a text, in every script.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, Stemmer, StopWordFilter, TextAnalyzer, Token,
    TokenStream, Tokenizer,
};

/// What a document is found by: its words, in lower case, without accents and English
/// endings.
pub(super) fn of_documents() -> TextAnalyzer {
    let words = Words {
        has_singles: true,
        ..Words::default()
    };
    analyzer(words, &[])
}

/// The words of a question, each once, in the same form. Those that say nothing of
/// what it is about are left out, unless it has no others.
pub(super) fn of_question(text: &str) -> Vec<String> {
    let telling = analyzer(Words::default(), &EMPTY);
    let words = words(telling, text);
    if words.is_empty() {
        return self::words(analyzer(Words::default(), &[]), text);
    }
    words
}

/// English words that stand in every text.
const EMPTY: [&str; 44] = [
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "did", "do", "does", "for",
    "from", "had", "has", "have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on",
    "or", "should", "that", "the", "there", "this", "to", "was", "were", "what", "when", "where",
    "which", "who", "why", "with",
];

fn analyzer(words: Words, left_out: &[&str]) -> TextAnalyzer {
    let left_out = left_out.iter().map(|word| (*word).to_owned());
    TextAnalyzer::builder(words)
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(StopWordFilter::remove(left_out))
        .filter(Stemmer::new(Language::English))
        .build()
}

fn words(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut stream = analyzer.token_stream(text);
    while stream.advance() {
        let word = &stream.token().text;
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
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
                self.at = from;
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_to_an_end_and_its_words_stand_in_it(
            text in "([a-z ]|[茶天气。，]|[ก-๛]|\\PC){0,40}",
            has_singles: bool,
        ) {
            let mut words = Words { has_singles, ..Words::default() };
            let mut stream = words.token_stream(&text);
            let mut left = 2 * text.chars().count();
            while stream.advance() {
                let token = stream.token();
                let place = token.offset_from..token.offset_to;
                prop_assert_eq!(text.get(place), Some(token.text.as_str()));
                prop_assert!(left > 0);
                left -= 1;
            }
        }
    }

    #[test]
    fn words_of_every_script_are_found() {
        for (text, question, document) in [
            ("Hello, wide world!", "hello wide world", "hello wide world"),
            ("installing Cafés", "instal cafe", "instal cafe"),
            (
                "北京天气 today",
                "北京 京天 天气 today",
                "北 北京 京 京天 天 天气 气 today",
            ),
            ("茶", "茶", "茶"),
            ("茶。茶", "茶", "茶"),
            ("GLM模型9b", "glm 模型 9b", "glm 模 模型 型 9b"),
            ("ประเทศ", "ปร ระ ะเ เท ทศ", "ป ปร ร ระ ะ ะเ เ เท ท ทศ ศ"),
            ("서울에서", "서울 울에 에서", "서 서울 울 울에 에 에서"),
            ("How is the tea?", "tea", "how is the tea"),
            ("who is who", "who is", "who is"),
            ("", "", ""),
            ("…", "", ""),
        ] {
            assert_eq!(of_question(text).join(" "), question, "{text}");
            assert_eq!(words(of_documents(), text).join(" "), document, "{text}");
        }
    }
}
