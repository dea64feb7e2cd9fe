//! What was found at an address, and the pages that it makes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::header::HeaderMap;
use url::Url;

use super::{
    apart::{Deadline, apart},
    charset, feed,
    html::{self, Converted, Extent, Form},
    kind::{Kind, MediaType},
    page::Page,
    pdf,
};

/// What was found, decoded.
pub(super) struct Source {
    /// Where it was found in the end.
    pub url: Url,
    /// What its server said with it.
    pub headers: HeaderMap,
    /// As it names itself; empty if it does not, or if it is HTML that does.
    title: String,
    text: Arc<str>,
    is_html: bool,
    /// Whether it is what it is there for and nothing else.
    is_bare: bool,
    pages: Mutex<HashMap<(Extent, Form), Arc<Page>>>,
}

impl Source {
    /// What a body of some kind is; takes a while for a long one.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn new(
        url: Url,
        headers: HeaderMap,
        body: &[u8],
        media_type: &MediaType,
        kind: Kind,
        deadline: Deadline,
    ) -> Result<Self, String> {
        let (title, text) = match kind {
            Kind::Pdf => pdf::read(body, deadline)?,
            Kind::Html | Kind::Feed | Kind::Text => {
                let label = media_type.charset.as_deref();
                let markup = media_type.markup(kind);
                (
                    String::new(),
                    charset::decoded(body, label, markup, url.host_str()),
                )
            }
        };
        let is_feed = kind == Kind::Feed;
        let text = if is_feed {
            feed::page(&text, url.as_str())?
        } else {
            text
        };
        let source = match kind {
            Kind::Html | Kind::Feed => Self::html(url, text),
            Kind::Pdf | Kind::Text => Self::plain(url, title, text),
        };
        Ok(Self {
            headers,
            is_bare: is_feed,
            ..source
        })
    }

    /// A page.
    pub fn html(url: Url, text: String) -> Self {
        Self {
            is_html: true,
            ..Self::plain(url, String::new(), text)
        }
    }

    /// Text that is read as it is.
    pub fn plain(url: Url, title: String, text: String) -> Self {
        Self {
            url,
            headers: HeaderMap::new(),
            title,
            text: text.into(),
            is_html: false,
            is_bare: false,
            pages: Mutex::default(),
        }
    }

    /// With what its server said.
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// It as a page.
    ///
    /// # Errors
    /// Why it cannot be read, within `limit`.
    pub async fn page(
        &self,
        extent: Extent,
        form: Form,
        limit: Duration,
    ) -> Result<Arc<Page>, String> {
        let extent = if self.is_bare { Extent::Whole } else { extent };
        if let Some(page) = self.pages().get(&(extent, form)) {
            return Ok(Arc::clone(page));
        }
        let page = if self.is_html {
            let (text, url) = (Arc::clone(&self.text), self.url.clone());
            let converted = apart(limit, move |deadline| {
                html::convert(&text, &url, extent, form, deadline)
            });
            let Converted { title, text, links } = converted.await?;
            Page::new(self.url.clone(), &title, text, links)
        } else {
            Page::new(
                self.url.clone(),
                &self.title,
                self.text.to_string(),
                Vec::new(),
            )
        };
        let page = Arc::new(page);
        self.pages().insert((extent, form), Arc::clone(&page));
        Ok(page)
    }

    /// How much memory it takes, in bytes, about.
    pub fn size(&self) -> usize {
        /// A link, and what belongs to each page whatever its length.
        const LINK: usize = 200;
        let pages = self.pages();
        let pages = pages
            .values()
            .map(|page| page.text.len() + LINK * (page.links.len() + 10));
        self.text.len() + pages.sum::<usize>()
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<(Extent, Form), Arc<Page>>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
