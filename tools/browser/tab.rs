//! What a session's `simple_browser` shows.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::reader::{Page, Part};

/// The number of the first page that is opened from a list; GLM-4 was trained with it.
/// Results of a search are numbered from 0 and stay below.
pub(super) const FIRST_QUOTE: u32 = 7;

/// What numbers mean, until something else is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tab {
    /// How many calls led here.
    pub steps: u64,
    /// The number of the next page that is opened.
    next_quote: u32,
    /// What the numbers lead to that were shown last.
    links: Vec<Link>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Link {
    number: usize,
    url: Url,
}

impl Default for Tab {
    fn default() -> Self {
        Self {
            steps: 0,
            next_quote: FIRST_QUOTE,
            links: Vec::new(),
        }
    }
}

impl Tab {
    /// The number of a page that is opened from a list.
    pub fn quote(&mut self) -> u32 {
        let number = self.next_quote;
        self.next_quote = self.next_quote.saturating_add(1);
        number
    }

    /// Remembers what a search found.
    pub fn list<'u>(&mut self, found: impl Iterator<Item = &'u Url>) {
        let links = found.enumerate().map(|(number, url)| Link {
            number,
            url: url.clone(),
        });
        self.links = links.collect();
    }

    /// Remembers what was shown of a page: its links in this part, and no others, so
    /// that no number leads to where nobody has seen it lead.
    pub fn show(&mut self, page: &Page, part: &Part<'_>) {
        let mut numbers: Vec<usize> = part.links().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let links = numbers.into_iter().filter_map(|number| {
            Some(Link {
                number,
                url: page.links.get(number)?.clone(),
            })
        });
        self.links = links.collect();
    }

    /// Where a number leads that was shown last.
    ///
    /// # Errors
    /// In words for the model, if none was shown.
    pub fn link(&self, number: i64) -> Result<&Url, String> {
        let wanted = usize::try_from(number).ok();
        let link = self.links.iter().find(|link| Some(link.number) == wanted);
        let link = link.map(|link| &link.url);
        link.ok_or_else(|| match (self.links.first(), self.links.last()) {
            (Some(first), Some(last)) => format!(
                "there is no {number}: the numbers that were shown last are {} to {}",
                first.number, last.number
            ),
            _ if self.steps == 0 => {
                format!("there is no {number}: nothing was searched or opened yet")
            }
            _ => format!("there is no {number}: what was shown last has no numbers"),
        })
    }
}
