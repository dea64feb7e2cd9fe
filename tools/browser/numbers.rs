//! The numbers by which functions name pages.
//!
//! Each address that is shown gets the next number once, and keeps it for the whole
//! session: a result, a link, and the page that it leads to are one number. So calls of
//! one reply, which run at the same time, cannot change what another's number means.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::reader::Page;

/// What a session was shown.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    addresses: BTreeMap<usize, Url>,
    numbers: HashMap<Url, usize>,
    /// The page that was opened last.
    opened: Option<Url>,
}

/// What one call added, for another process to go on with.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Added {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    addresses: BTreeMap<usize, Url>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened: Option<Url>,
}

impl Numbers {
    /// The number of an address, the next one if it has none yet.
    pub fn number(&mut self, url: &Url, added: &mut Added) -> usize {
        if let Some(number) = self.numbers.get(url) {
            return *number;
        }
        let next = self
            .addresses
            .last_key_value()
            .map_or(0, |(last, _)| last + 1);
        self.addresses.insert(next, url.clone());
        self.numbers.insert(url.clone(), next);
        added.addresses.insert(next, url.clone());
        next
    }

    /// Text of a page, in which links have this session's numbers instead
    /// of the page's own. What only looks like a link keeps no number.
    pub fn renumbered(&mut self, page: &Page, text: &str, added: &mut Added) -> String {
        let mut pieces = text.split('【');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            text.push('【');
            let mark = piece.split_once('†').and_then(|(number, rest)| {
                let own: usize = number.parse().ok()?;
                Some((page.links.get(own), rest))
            });
            match mark {
                Some((Some(url), rest)) => {
                    let number = self.number(url, added);
                    text.push_str(&format!("{number}†{rest}"));
                }
                Some((None, rest)) => text.push_str(&format!("†{rest}")),
                None => text.push_str(piece),
            }
        }
        text
    }

    /// Where a number leads.
    ///
    /// # Errors
    /// In words for the model, if it was not shown.
    pub fn address(&self, number: usize) -> Result<&Url, String> {
        let last = self.addresses.last_key_value();
        self.addresses.get(&number).ok_or_else(|| match last {
            Some((last, _)) => format!("there is no {number}: the numbers shown are 0 to {last}"),
            None => format!("there is no {number}: nothing was searched or opened yet"),
        })
    }

    /// Remembers the page that was opened last.
    pub fn open(&mut self, url: &Url, added: &mut Added) {
        self.opened = Some(url.clone());
        added.opened = Some(url.clone());
    }

    /// The page that was opened last.
    ///
    /// # Errors
    /// In words for the model, if there is none.
    pub fn opened(&self) -> Result<&Url, String> {
        let opened = self.opened.as_ref();
        opened.ok_or_else(|| "no page was opened yet".to_owned())
    }

    /// Takes in what a call of an earlier process added; may be told it again.
    pub fn resume(&mut self, added: Added) {
        for (number, url) in added.addresses {
            self.numbers.entry(url.clone()).or_insert(number);
            self.addresses.entry(number).or_insert(url);
        }
        self.opened = added.opened.or(self.opened.take());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("https://a.test/").unwrap().join(path).unwrap()
    }

    #[test]
    fn an_address_keeps_its_number_in_every_process() {
        let (mut numbers, mut search, mut open) = Default::default();
        let numbers: &mut Numbers = &mut numbers;
        assert_eq!(numbers.number(&url("x"), &mut search), 0);
        assert_eq!(numbers.number(&url("y"), &mut search), 1);
        let text = "see 【0†the x】, 【1†z】 and 【7†no link】 【5 of 6】".to_owned();
        let page = Page::new(url("y"), "Y", text, vec![url("x"), url("z")]);
        assert_eq!(
            numbers.renumbered(&page, &page.text, &mut open),
            "see 【0†the x】, 【2†z】 and 【†no link】 【5 of 6】"
        );
        numbers.open(&url("y"), &mut open);

        let mut other = Numbers::default();
        for added in [&open, &search, &open] {
            let kept = serde_json::to_value(added).unwrap();
            other.resume(serde_json::from_value(kept).unwrap());
        }
        assert_eq!(other.opened().cloned(), Ok(url("y")));
        assert_eq!(other.address(2).cloned(), Ok(url("z")));
        assert_eq!(
            other.address(3).cloned(),
            Err("there is no 3: the numbers shown are 0 to 2".to_owned())
        );
        assert_eq!(other.number(&url("w"), &mut Added::default()), 3);
    }
}
