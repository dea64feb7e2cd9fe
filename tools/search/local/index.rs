//! Which words stand in which document. The documents themselves stay where they are:
//! memory grows with their different words, not with their length.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tantivy::{
    Index as Words, IndexReader, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
    collector::TopDocs,
    query::{BooleanQuery, BoostQuery, Occur, Query as Condition, RangeQuery, TermQuery},
    schema::{
        FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
        Value as _,
    },
    snippet::SnippetGenerator,
};

use super::{
    super::Query,
    folder::{Folder, Listing, Stamp, parts},
    words,
};

/// Memory of the indexer, in bytes: the least that it takes.
const INDEXER: usize = 15_000_000;

/// The longest snippet, in bytes.
const SNIPPET: usize = 300;

/// Weight of a word in the title, beside one in the text.
const TITLE_WEIGHT: f32 = 3.0;

/// Names the tokenizer in the index.
const WORDS: &str = "words";

/// The index of a folder's documents.
pub(super) struct Index {
    words: Words,
    reader: IndexReader,
    fields: Fields,
    /// The documents as they were when they were read.
    documents: BTreeMap<PathBuf, Stamp>,
    /// What could not be read, so that it is told once.
    failures: BTreeMap<PathBuf, String>,
}

#[derive(Clone, Copy)]
struct Fields {
    path: Field,
    title: Field,
    text: Field,
    /// In seconds since 1970.
    changed: Field,
}

/// The index as it is at one time.
pub(super) struct View {
    searcher: Searcher,
    fields: Fields,
}

/// A document that answers a question.
pub(super) struct Found {
    pub path: PathBuf,
    pub title: String,
    pub snippet: String,
}

impl Index {
    pub fn new() -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let fields = Fields {
            path: schema.add_text_field("path", STRING | STORED),
            title: schema.add_text_field("title", text.clone()),
            text: schema.add_text_field("text", text),
            changed: schema.add_u64_field("changed", FAST),
        };
        let index = Words::create_in_ram(schema.build());
        index.tokenizers().register(WORDS, words::of_documents());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        Ok(Self {
            reader: reader.try_into()?,
            words: index,
            fields,
            documents: BTreeMap::new(),
            failures: BTreeMap::new(),
        })
    }

    /// Takes in what changed in the folder since it was last looked at. Returns how
    /// many documents were read for it.
    pub fn update(&mut self, folder: &Folder) -> Result<usize, TantivyError> {
        let Listing {
            documents,
            failures,
        } = folder.list();
        let stale: Vec<&PathBuf> = self
            .documents
            .iter()
            .filter(|(path, stamp)| documents.get(*path) != Some(*stamp))
            .map(|(path, _)| path)
            .collect();
        let new: Vec<(&PathBuf, &Stamp)> = documents
            .iter()
            .filter(|(path, stamp)| self.documents.get(*path) != Some(*stamp))
            .collect();
        for (path, reason) in &failures {
            if self.failures.get(path) != Some(reason) {
                tracing::warn!("`{}` is not searched: {reason}", path.display());
            }
        }
        let read = new.len();
        if !stale.is_empty() || !new.is_empty() {
            let mut writer = self.words.writer_with_num_threads(1, INDEXER)?;
            for path in stale {
                writer.delete_term(Term::from_field_text(self.fields.path, &id(path)));
            }
            for (path, (changed, _)) in new {
                match folder.read(path) {
                    Some(Ok(document)) => {
                        let (title, text) = parts(path, &document);
                        let mut document = TantivyDocument::new();
                        document.add_text(self.fields.path, id(path));
                        document.add_text(self.fields.title, title);
                        document.add_text(self.fields.text, text);
                        document.add_u64(self.fields.changed, seconds(*changed));
                        writer.add_document(document)?;
                    }
                    Some(Err(error)) => {
                        let path = folder.path().join(path);
                        tracing::warn!("`{}` is not searched: {error}", path.display());
                    }
                    // It is gone again.
                    None => {}
                }
            }
            writer.commit()?;
            writer.wait_merging_threads()?;
            self.reader.reload()?;
        }
        self.documents = documents;
        self.failures = failures;
        Ok(read)
    }

    pub fn view(&self) -> View {
        View {
            searcher: self.reader.searcher(),
            fields: self.fields,
        }
    }
}

impl View {
    /// The documents that answer a question, best first.
    pub fn search(&self, query: &Query, folder: &Folder) -> Result<Vec<Found>, TantivyError> {
        let words = self.words_of(&query.text);
        let mut snippets = SnippetGenerator::create(&self.searcher, &words, self.fields.text)?;
        snippets.set_max_num_chars(SNIPPET);
        let mut wanted: Vec<(Occur, Box<dyn Condition>)> = vec![(Occur::Must, Box::new(words))];
        if let Some(days) = query.recency_days {
            let span = Duration::from_secs(u64::from(days).saturating_mul(86_400));
            let since = SystemTime::now().checked_sub(span);
            let since = since.unwrap_or(SystemTime::UNIX_EPOCH);
            let since = Term::from_field_u64(self.fields.changed, seconds(since));
            let recent = RangeQuery::new(Bound::Included(since), Bound::Unbounded);
            wanted.push((Occur::Must, Box::new(recent)));
        }
        let wanted = BooleanQuery::new(wanted);
        let best = TopDocs::with_limit(query.count.max(1));
        let mut found = Vec::new();
        for (_, address) in self.searcher.search(&wanted, &best)? {
            let stored: TantivyDocument = self.searcher.doc(address)?;
            let path = stored.get_first(self.fields.path).and_then(|v| v.as_str());
            let path = PathBuf::from(path.unwrap_or_default());
            // One that is gone meanwhile is not found.
            let Some(Ok(document)) = folder.read(&path) else {
                continue;
            };
            let (title, text) = parts(&path, &document);
            let snippet = snippets.snippet(&text);
            let snippet = match snippet.fragment() {
                // The words stand in the title only.
                "" => text.split_at(text.floor_char_boundary(SNIPPET)).0,
                fragment => with_ending(fragment, &text),
            };
            found.push(Found {
                snippet: snippet.split_whitespace().collect::<Vec<_>>().join(" "),
                path,
                title,
            });
        }
        Ok(found)
    }

    /// Documents with any of the words; those with more of them, and with rarer ones,
    /// come first.
    fn words_of(&self, text: &str) -> BooleanQuery {
        let words = words::of_question(text);
        let conditions = words.iter().flat_map(|word| {
            let stands_in = |field| {
                let term = Term::from_field_text(field, word);
                TermQuery::new(term, IndexRecordOption::WithFreqs)
            };
            let title = BoostQuery::new(Box::new(stands_in(self.fields.title)), TITLE_WEIGHT);
            let text: Box<dyn Condition> = Box::new(stands_in(self.fields.text));
            [(Occur::Should, Box::new(title) as _), (Occur::Should, text)]
        });
        BooleanQuery::new(conditions.collect())
    }
}

/// A part of a text that ends with a word, with the full stop or the like behind it.
fn with_ending<'t>(part: &'t str, text: &'t str) -> &'t str {
    let Some(start) = text.find(part) else {
        return part;
    };
    let rest = text.split_at(start + part.len()).1;
    let is_ending = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
    let ending = rest.find(|c| !is_ending(c)).unwrap_or(rest.len());
    text.get(start..start + part.len() + ending).unwrap_or(part)
}

/// A document's name in the index.
fn id(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
