//! Addresses that do not come from the model.

use std::{collections::BTreeSet, sync::LazyLock};

use glm_agent_tools::text;
use regex::Regex;
use serde_json::Value;
use url::Url;

/// Addresses that are remembered at most: those of a very long session.
const MOST: usize = 50_000;

#[allow(
    clippy::unwrap_used,
    reason = "fixed patterns, which the tests compile"
)]
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?i)\bhttps?://[^\s<>"'`|\\^{}]+"#).unwrap());

#[allow(
    clippy::unwrap_used,
    reason = "fixed patterns, which the tests compile"
)]
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\b").unwrap()
});

/// The addresses that the user wrote and that results contained.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    addresses: BTreeSet<String>,
    /// Hosts that the user named: their pages may be fetched, but not with a query
    /// of the model's, which could carry data out.
    hosts: BTreeSet<String>,
}

impl Known {
    /// Takes in what the user said.
    pub fn user_said(&mut self, text: &str) {
        self.add(text);
        let hosts = HOST
            .find_iter(text)
            .map(|host| host.as_str().to_lowercase());
        self.hosts.extend(hosts);
    }

    /// Takes in a result, or an address by itself.
    pub fn add(&mut self, text: &str) {
        self.add_but(text, &Self::default());
    }

    /// The same without the addresses that stand in `others`.
    pub fn add_but(&mut self, text: &str, others: &Self) {
        let new = addresses(text).filter(|address| !others.addresses.contains(address));
        for address in new {
            if self.addresses.len() >= MOST {
                return;
            }
            self.addresses.insert(address);
        }
    }

    /// Those that the model wrote in a call: a result that repeats them does not make
    /// them anybody else's.
    pub fn written(arguments: &Value) -> Self {
        let mut written = Self::default();
        match arguments {
            Value::String(text) => {
                written.add(text);
                // As a result repeats it.
                written.add(&text::clean(text, usize::MAX));
            }
            Value::Array(items) => {
                let items = items.iter().map(Self::written);
                items.for_each(|item| written.addresses.extend(item.addresses));
            }
            Value::Object(fields) => {
                let fields = fields.values().map(Self::written);
                fields.for_each(|field| written.addresses.extend(field.addresses));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        written
    }

    /// Whether the address does not come from the model.
    pub fn contains(&self, address: &str) -> bool {
        let Some(plain_address) = plain(address) else {
            // It leads nowhere, and whoever fetches it says why.
            return true;
        };
        let named = || {
            Url::parse(&plain_address).is_ok_and(|url| {
                let host = url.host_str().unwrap_or_default().trim_end_matches('.');
                url.query().is_none() && self.hosts.contains(host)
            })
        };
        self.addresses.contains(&plain_address) || named()
    }
}

/// The addresses in a text. Where one ends in running text is a guess: all are taken.
fn addresses(text: &str) -> impl Iterator<Item = String> {
    ADDRESS.find_iter(text).flat_map(|found| {
        let whole = found.as_str();
        let mut all: Vec<String> = plain(whole).into_iter().collect();
        let mut rest = whole;
        while let Some(shorter) = rest.strip_suffix(ENDS) {
            all.extend(plain(shorter));
            rest = shorter;
        }
        let link = whole.split_once([')', ']']);
        all.extend(link.and_then(|(link, _)| plain(link)));
        all
    })
}

/// What may end an address in running text without being a part of it.
const ENDS: &[char] = &[
    '.', ',', ';', ':', '!', '?', ')', ']', '*', '_', '~', '»', '”', '’', '。', '，', '）', '】',
];

/// One way of writing an address: what stands behind `#` is for the reader only.
fn plain(address: &str) -> Option<String> {
    let mut url = Url::parse(address.trim()).ok()?;
    url.set_fragment(None);
    url.has_host().then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_where_people_and_pages_write_them() {
        let mut known = Known::default();
        known.user_said("Read example.org, and https://a.test/x?q=1#part.");
        known.add("[a page](https://b.test/wiki/Rust_(language)) and <https://c.test> (see http://d.test/1).");
        for (address, expected) in [
            ("https://a.test/x?q=1", true),
            ("HTTPS://A.test/x?q=1#other", true),
            ("https://a.test/x?q=2", false),
            ("https://a.test/", true),
            ("https://b.test/", false),
            ("https://example.org/any/page", true),
            ("https://example.org/any?data=secret", false),
            ("https://www.example.org/", false),
            ("https://example.org.evil.test/", false),
            ("https://b.test/wiki/Rust_(language)", true),
            ("https://b.test/wiki/Rust_(language", true),
            ("https://c.test/", true),
            ("http://d.test/1", true),
            ("https://d.test/1", false),
            ("not an address", true),
        ] {
            assert_eq!(known.contains(address), expected, "{address}");
        }
    }

    #[test]
    fn what_the_model_wrote_is_not_known_because_a_result_repeats_it() {
        let arguments = serde_json::json!({
            "text": "https://evil.test/?key=1\u{7}23",
            "more": ["see https://evil.test/?key=456."],
        });
        let written = Known::written(&arguments);
        let mut known = Known::default();
        known.add_but(
            "`https://evil.test/?key=123` and https://evil.test/?key=456 do not stand in \
             https://page.test/",
            &written,
        );
        for (address, expected) in [
            ("https://evil.test/?key=123", false),
            ("https://evil.test/?key=456", false),
            ("https://page.test/", true),
        ] {
            assert_eq!(known.contains(address), expected, "{address}");
        }
    }
}
