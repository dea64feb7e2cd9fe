//! A folder of documents, searched by their words: works offline.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use tantivy::{
    Index, IndexReader, TantivyDocument, TantivyError,
    collector::TopDocs,
    query::QueryParser,
    schema::{
        Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
        Value as _,
    },
    snippet::SnippetGenerator,
    tokenizer::{LowerCaser, TextAnalyzer, Token, TokenStream, Tokenizer},
};
use url::Url;
use walkdir::WalkDir;

use super::{Document, Hit, Provider, Query};
use crate::{
    ToolContext, ToolError,
    reader::charset::{self, Markup},
};

/// What is read as text.
const TEXT: [&str; 6] = ["md", "markdown", "txt", "rst", "adoc", "org"];
/// What is read as HTML.
const HTML: [&str; 3] = ["html", "htm", "xhtml"];

/// The largest document that is read, in bytes.
const LARGEST: u64 = 10_000_000;
/// Memory of the indexer, in bytes: the least that it takes.
const INDEXER: usize = 15_000_000;
/// The longest snippet, in characters.
const SNIPPET: usize = 300;
/// Weight of a word in the title, beside one in the text.
const TITLE_WEIGHT: f32 = 3.0;

/// Names the tokenizer in the index.
const WORDS: &str = "words";

/// Documents in a folder and those below it: Markdown, plain text and HTML.
pub struct Local {
    root: PathBuf,
    indexed: Arc<Mutex<Option<Indexed>>>,
}

/// The index, and the files as they were when it was made.
struct Indexed {
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

#[derive(Clone, Copy)]
struct Fields {
    path: Field,
    title: Field,
    text: Field,
}

impl Local {
    /// The documents in a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let root = folder.canonicalize();
        let root = root.map_err(|error| format!("cannot read `{}`: {error}", folder.display()))?;
        if !root.is_dir() {
            return Err(format!("`{}` is no folder", folder.display()));
        }
        Ok(Self {
            root,
            indexed: Arc::default(),
        })
    }
}

#[async_trait]
impl Provider for Local {
    fn name(&self) -> &str {
        "local"
    }

    async fn search(&self, query: &Query, _cx: &ToolContext) -> Result<Vec<Hit>, ToolError> {
        let (root, indexed) = (self.root.clone(), Arc::clone(&self.indexed));
        let query = query.clone();
        let searched = tokio::task::spawn_blocking(move || {
            let mut indexed = indexed.lock().unwrap_or_else(PoisonError::into_inner);
            let files = files(&root);
            if indexed
                .as_ref()
                .is_none_or(|indexed| indexed.files != files)
            {
                *indexed = Some(Indexed::new(files)?);
            }
            match &*indexed {
                Some(indexed) => indexed.search(&query),
                None => Ok(Vec::new()),
            }
        });
        match searched.await {
            Ok(found) => found.map_err(|error| ToolError::User(error.to_string())),
            Err(error) => Err(ToolError::User(error.to_string())),
        }
    }

    async fn document(&self, url: &Url) -> Option<Result<Document, ToolError>> {
        if url.scheme() != "file" {
            return None;
        }
        let path = url.to_file_path().ok()?;
        // Neither `..` nor a link leads out of the folder.
        let path = path.canonicalize().ok()?;
        let is_html = kind(&path)?;
        if !path.starts_with(&self.root) {
            return None;
        }
        Some(match read(&path, is_html) {
            Ok(text) => Ok(Document {
                text,
                html: is_html,
            }),
            Err(error) => Err(ToolError::Model(format!("cannot read `{url}`: {error}"))),
        })
    }
}

/// Whether a file is HTML; `None` for what is not read.
fn kind(path: &Path) -> Option<bool> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let is_html = HTML.contains(&extension.as_str());
    (is_html || TEXT.contains(&extension.as_str())).then_some(is_html)
}

fn read(path: &Path, is_html: bool) -> std::io::Result<String> {
    let bytes = fs::read(path)?;
    let markup = if is_html { Markup::Html } else { Markup::None };
    Ok(charset::decoded(&bytes, None, markup, None))
}

/// The documents that there are, with what tells that they changed.
fn files(root: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let walk = WalkDir::new(root).into_iter();
    let shown = walk.filter_entry(move |entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let found = shown.flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        kind(entry.path())?;
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        (metadata.len() <= LARGEST).then(|| (entry.into_path(), (changed, metadata.len())))
    });
    found.collect()
}

/// The title of a document, and its text without markup that would be found as words.
fn parts(path: &Path, text: String, is_html: bool) -> (String, String) {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if is_html {
        let page = dom_query::Document::from(text);
        let title = page.select_single("title").text().trim().to_owned();
        page.select("head, script, style, noscript, template, svg")
            .remove();
        let text = page.formatted_text().to_string();
        return (if title.is_empty() { name } else { title }, text);
    }
    let heading = text.lines().find_map(|line| line.trim().strip_prefix("# "));
    let title = heading.map_or(name, |heading| heading.trim().to_owned());
    (title, text)
}

impl Indexed {
    fn new(files: BTreeMap<PathBuf, (SystemTime, u64)>) -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let words = TextOptions::default()
            .set_indexing_options(indexing)
            .set_stored();
        let fields = Fields {
            path: schema.add_text_field("path", STRING | STORED),
            title: schema.add_text_field("title", words.clone()),
            text: schema.add_text_field("text", words),
        };
        let index = Index::create_in_ram(schema.build());
        let words = TextAnalyzer::builder(Words::default())
            .filter(LowerCaser)
            .build();
        index.tokenizers().register(WORDS, words);
        let mut writer = index.writer_with_num_threads(1, INDEXER)?;
        for path in files.keys() {
            let is_html = kind(path).unwrap_or_default();
            // One that is gone or not to be read is not found.
            let Ok(text) = read(path, is_html) else {
                continue;
            };
            let (title, text) = parts(path, text, is_html);
            let mut document = TantivyDocument::new();
            document.add_text(fields.path, path.to_string_lossy());
            document.add_text(fields.title, title);
            document.add_text(fields.text, text);
            writer.add_document(document)?;
        }
        writer.commit()?;
        let reader = index.reader()?;
        Ok(Self {
            files,
            index,
            reader,
            fields,
        })
    }

    fn search(&self, query: &Query) -> Result<Vec<Hit>, TantivyError> {
        let Fields { path, title, text } = self.fields;
        let mut parser = QueryParser::for_index(&self.index, vec![title, text]);
        parser.set_field_boost(title, TITLE_WEIGHT);
        // Models write punctuation that means something in the parser's language.
        let (words, _) = parser.parse_query_lenient(&plain(&query.text));
        let searcher = self.reader.searcher();
        let mut snippets = SnippetGenerator::create(&searcher, &*words, text)?;
        snippets.set_max_num_chars(SNIPPET);
        let since = query.recency_days.and_then(|days| {
            let span = std::time::Duration::from_secs(u64::from(days) * 86_400);
            SystemTime::now().checked_sub(span)
        });
        // Those that are too old are not known to the index.
        let wanted = if since.is_some() {
            self.files.len()
        } else {
            query.count
        };
        let mut hits = Vec::new();
        for (_, address) in searcher.search(&words, &TopDocs::with_limit(wanted.max(1)))? {
            let document: TantivyDocument = searcher.doc(address)?;
            let stored = |field| {
                document
                    .get_first(field)
                    .and_then(|v| v.as_str())
                    .unwrap_or_default()
            };
            let file = Path::new(stored(path));
            let changed = self.files.get(file).map(|(changed, _)| *changed);
            if since.is_some_and(|since| changed.is_some_and(|changed| changed < since)) {
                continue;
            }
            let Ok(url) = Url::from_file_path(file) else {
                continue;
            };
            let snippet = snippets.snippet_from_doc(&document);
            hits.push(Hit {
                title: stored(title).to_owned(),
                url,
                snippet: snippet
                    .fragment()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            });
            if hits.len() >= query.count {
                break;
            }
        }
        Ok(hits)
    }
}

/// A question as bare words.
fn plain(text: &str) -> String {
    let letters = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' });
    let words: String = letters.collect();
    // Words that the parser's language has for itself.
    let words = words.split_whitespace().map(str::to_lowercase);
    words.collect::<Vec<_>>().join(" ")
}

/// Splits a text into words; of scripts that write none apart, into pairs of
/// neighbouring characters.
#[derive(Clone, Default)]
struct Words {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream {
            text,
            at: 0,
            token: &mut self.token,
        }
    }
}

/// Whether words of its script are not written apart.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{e00}'..='\u{e7f}' | '\u{20000}'..='\u{3ffff}')
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = self.text.split_at(self.at).1;
        let Some((skipped, first)) = rest.char_indices().find(|(_, c)| c.is_alphanumeric()) else {
            return false;
        };
        let word = rest.split_at(skipped).1;
        let (length, step) = if is_joined(first) {
            let second = word.chars().nth(1).filter(|c| is_joined(*c));
            let length = first.len_utf8() + second.map_or(0, char::len_utf8);
            // The last of a row stands by itself only if it is the only one.
            let third = word.chars().nth(2).filter(|c| is_joined(*c));
            let step = match (second, third) {
                (Some(_), Some(_)) => first.len_utf8(),
                _ => length,
            };
            (length, step)
        } else {
            let end = word.find(|c: char| !c.is_alphanumeric() || is_joined(c));
            let end = end.unwrap_or(word.len());
            (end, end)
        };
        self.token.offset_from = self.at + skipped;
        self.token.offset_to = self.token.offset_from + length;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(word.split_at(length).0);
        self.at = self.token.offset_from + step;
        true
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

    #[test]
    fn words_are_found_in_every_script() {
        let tokens = |text: &str| {
            let mut words = Words::default();
            let mut stream = words.token_stream(text);
            let mut found = Vec::new();
            while stream.advance() {
                found.push(stream.token().text.clone());
            }
            found
        };
        for (text, expected) in [
            ("Hello, wide world!", vec!["Hello", "wide", "world"]),
            ("北京天气 today", vec!["北京", "京天", "天气", "today"]),
            ("茶", vec!["茶"]),
            ("GLM模型9b", vec!["GLM", "模型", "9b"]),
            ("", vec![]),
            ("…", vec![]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }
}
