//! What a session's results showed that can be cited.

use glm_agent_tools::Citation;

use crate::event::{Event, EventKind, is_by_user};

/// The label of marks that stand for a whole page.
const SOURCE: &str = "source";

/// Numbers up to which brackets without a dagger are taken for marks: `【2024】` is a
/// year.
const BARE_DIGITS: usize = 3;

/// A mark as a model writes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark<'w> {
    /// What it cites: several for `【7, 8】`.
    pub ids: Vec<String>,
    /// What stands behind the dagger, but for a host.
    pub label: Option<&'w str>,
}

/// Reads what stands in brackets. `is_declared` says of what is no number whether it
/// is a mark all the same: Chinese text has headings and stress in such brackets.
pub(super) fn mark_of(written: &str, is_declared: impl Fn(&str) -> bool) -> Option<Mark<'_>> {
    let inner = written.trim_matches(['【', '】', '［', '］', '[', ']']);
    if let Some((id, rest)) = inner.split_once('†') {
        let id = normal(id);
        let label = rest.split('†').next().unwrap_or(rest).trim();
        return (!id.is_empty()).then_some(Mark {
            ids: vec![id],
            label: Some(label).filter(|label| !label.is_empty() && *label != SOURCE),
        });
    }
    let is_bare = |id: &String| {
        let digits = id.chars().all(|c| c.is_ascii_digit());
        (!id.is_empty() && digits && id.len() <= BARE_DIGITS) || is_declared(id)
    };
    let ids: Vec<String> = inner.split([',', '，', '、', ';']).map(normal).collect();
    ids.iter().all(is_bare).then_some(Mark { ids, label: None })
}

/// The id of a mark, without blanks and with plain digits.
fn normal(id: &str) -> String {
    let plain = |c: char| match c {
        '０'..='９' => {
            char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c)
        }
        c => c,
    };
    id.trim().chars().map(plain).collect()
}

/// The results that declared what they show, in the order in which the model was shown
/// them: that of their calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    results: Vec<Declared>,
}

#[derive(Debug, Clone)]
struct Declared {
    call: u64,
    /// What the model read.
    texts: Vec<String>,
    citations: Vec<Citation>,
}

impl Shown {
    /// Takes in a result; other events show nothing.
    pub fn add(&mut self, event: &Event) {
        let EventKind::ToolResult { id, output, .. } = &event.kind else {
            return;
        };
        if is_by_user(id) || output.citations.is_empty() {
            return;
        }
        let call = id.rsplit('_').next().and_then(|n| n.parse().ok());
        let call = call.unwrap_or(u64::MAX);
        let more = output.more.iter().map(|seen| seen.text.clone());
        let place = self.results.partition_point(|other| other.call <= call);
        self.results.insert(
            place,
            Declared {
                call,
                texts: std::iter::once(output.text.clone()).chain(more).collect(),
                citations: output.citations.clone(),
            },
        );
    }

    /// Whether a result declared this mark.
    pub fn declares(&self, id: &str) -> bool {
        self.results
            .iter()
            .any(|result| result.by_mark(id).is_some())
    }

    /// What a mark leads to: with a label, what was shown so last; else what the mark
    /// alone stood for last. A link on a page is no source of its own, and leads to the
    /// page that shows it.
    pub fn find(&self, id: &str, label: Option<&str>) -> Option<&Citation> {
        let latest = || self.results.iter().rev();
        let by_label = |label| latest().find_map(|result| result.by_label(id, label));
        let by_mark = || latest().find_map(|result| result.by_mark(id));
        label.and_then(by_label).or_else(by_mark)
    }
}

impl Declared {
    fn by_mark(&self, id: &str) -> Option<&Citation> {
        let mut latest = self.citations.iter().rev();
        latest.find(|citation| !id.is_empty() && citation.mark == id)
    }

    fn by_label(&self, id: &str, label: &str) -> Option<&Citation> {
        let of_label = |citation: &&Citation| {
            citation.mark == id && citation.title.split('†').next().map(str::trim) == Some(label)
        };
        let declared = self.citations.iter().rev().find(of_label);
        declared.or_else(|| {
            let shown = format!("【{id}†{label}");
            let is_link = self.by_mark(id).is_none();
            let page = || {
                self.page()
                    .filter(|_| self.texts.iter().any(|t| t.contains(&shown)))
            };
            is_link.then(page).flatten()
        })
    }

    /// The page that the result shows, if it shows one.
    fn page(&self) -> Option<&Citation> {
        let whole = self
            .citations
            .iter()
            .find(|citation| citation.mark.is_empty());
        match self.citations.as_slice() {
            [only] => Some(only),
            _ => whole,
        }
    }
}
