//! Reading what is at an address: fetched within limits, decoded, and made text.
//!
//! The tools that read pages share one [`Reader`]: what one has read, another need not
//! fetch again.
//!
//! | module | concept |
//! |---|---|
//! | `robots` | what sites ask of programs |
//! | `kept` | pages in memory, for as long as HTTP lets them be used |
//! | `kind`, `charset` | what a body is, and what it is written in |
//! | `html`, `feed`, `pdf` | text from markup, news, documents |
//! | `page`, `tokens` | long pages, a part at a time |
//! | `apart` | all that on threads with limits |

mod apart;
pub(crate) mod charset;
mod feed;
mod html;
mod kept;
mod kind;
mod page;
mod pdf;
mod render;
mod robots;
mod source;
mod tokens;

use std::{fmt, sync::Arc, time::Duration};

use http::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use url::Url;

pub(crate) use html::{Extent, Form};
use kept::{Kept, Known};
pub(crate) use kind::{Kind, MediaType};
pub(crate) use page::{PART, Page, Part};
pub use render::{Render, Rendered};
use robots::Sites;
pub use robots::{PRODUCT, Robots};
use source::Source;

use crate::{
    ToolError,
    fetch::body::read,
    net_guard::{NetGuard, Outgoing},
    search::{Document, Search},
    text,
};

/// Longest excerpt of an error page, in bytes.
const EXCERPT: usize = 300;

/// What can be read, best first.
const ACCEPTED: &str = "text/html, application/xhtml+xml, text/markdown;q=0.9, \
    text/plain;q=0.9, application/pdf;q=0.8, */*;q=0.5";

/// What the reading of one page may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes read of a page, after decompression. The rest is left out; but a PDF, of
    /// which a part is worth nothing, may be longer. Default: 5 million.
    pub max_bytes: usize,
    /// Time from the first look-up to the last word. Default: 20 s.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 5_000_000,
            total: Duration::from_secs(20),
        }
    }
}

/// How fresh a page must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// As its server has it now.
    Now,
    /// As it was when its reader began with it.
    ReadOn,
}

/// Reads pages. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct Reader {
    guard: NetGuard,
    limits: Limits,
    search: Option<Search>,
    render: Option<Arc<dyn Render>>,
    robots: Robots,
    sites: Sites,
    kept: Kept,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .field("search", &self.search)
            .field("renders", &self.render.is_some())
            .field("robots", &self.robots)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader of what `guard` lets it reach.
    pub fn new(guard: NetGuard, limits: Limits) -> Self {
        Self {
            guard,
            limits,
            search: None,
            render: None,
            robots: Robots::default(),
            sites: Sites::default(),
            kept: Kept::default(),
        }
    }

    /// Also reads the documents that providers of `search` hold themselves.
    #[must_use]
    pub fn documents(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }

    /// Has pages of HTML rendered before they are read, once the guard has let their
    /// address through.
    #[must_use]
    pub fn render_with(mut self, render: Arc<dyn Render>) -> Self {
        self.render = Some(render);
        self
    }

    /// Says what is done about robots.txt. Default: [`Robots::Ignore`].
    #[must_use]
    pub fn robots(mut self, robots: Robots) -> Self {
        self.robots = robots;
        self
    }

    /// What one page may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The page at an address.
    ///
    /// # Errors
    /// As [`NetGuard::send`]; [`ToolError::User`] if its site does not want it to be
    /// read; [`ToolError::Transient`] if its server says that it will have it later,
    /// [`ToolError::Model`] if it says anything else, if what is there cannot be read,
    /// and if all this takes too long.
    pub(crate) async fn page(
        &self,
        url: &Url,
        extent: Extent,
        form: Form,
        fresh: Fresh,
    ) -> Result<Arc<Page>, ToolError> {
        let mut url = url.clone();
        url.set_fragment(None);
        let reading = async {
            let source = self.source(&url, fresh).await?;
            let page = source.page(extent, form, self.limits.total).await;
            page.map_err(|reason| unreadable(&source.url, &reason))
        };
        let page = tokio::time::timeout(self.limits.total, reading).await;
        let page = page.map_err(|_| {
            let limit = self.limits.total.as_secs_f64();
            ToolError::Model(format!("`{url}` did not come within {limit} s"))
        })?;
        // The page itself counts, too.
        self.kept.fit();
        page
    }

    async fn source(&self, url: &Url, fresh: Fresh) -> Result<Arc<Source>, ToolError> {
        if let Some(search) = &self.search
            && let Some(document) = search.document(url).await
        {
            let Document { text, html } = document?;
            return Ok(Arc::new(if html {
                Source::html(url.clone(), text)
            } else {
                Source::plain(url.clone(), String::new(), text)
            }));
        }
        self.guard.check(url)?;
        self.ask_site(url).await?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let response = match self.kept.get(url, &headers, fresh == Fresh::ReadOn) {
            Known::Fresh(source) => return Ok(source),
            Known::Stale(source, conditional) => {
                let response = self.send(url, conditional).await?;
                if response.status() != StatusCode::NOT_MODIFIED {
                    response
                } else {
                    let is_same = *response.url() == source.url;
                    let renewed = self.kept.renew(url, &headers, response.headers());
                    match renewed.filter(|_| is_same) {
                        Some(source) => return Ok(source),
                        // It is about a page that is no longer kept.
                        None => self.send(url, headers.clone()).await?,
                    }
                }
            }
            Known::Unknown => self.send(url, headers.clone()).await?,
        };
        // A redirect may have led to another site.
        self.ask_site(response.url()).await?;
        let source = Arc::new(self.received(response).await?);
        self.kept.keep(url, &headers, &source);
        Ok(source)
    }

    async fn ask_site(&self, url: &Url) -> Result<(), ToolError> {
        match self.robots {
            Robots::Honour => self.sites.check(&self.guard, url).await,
            Robots::Ignore => Ok(()),
        }
    }

    async fn send(&self, url: &Url, headers: HeaderMap) -> Result<Response, ToolError> {
        let request = Outgoing {
            headers,
            ..Outgoing::get(url.clone())
        };
        self.guard.send(request).await
    }

    async fn received(&self, response: Response) -> Result<Source, ToolError> {
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response).await);
        }
        let media_type = MediaType::of(&response);
        let (url, headers) = (response.url().clone(), response.headers().clone());
        if let Some(render) = &self.render
            && media_type.kind(&[]) == Some(Kind::Html)
        {
            drop(response);
            let Rendered { url, html } = render.render(&url).await?;
            self.guard.check(&url)?;
            self.ask_site(&url).await?;
            let mut html = html;
            html.truncate(html.floor_char_boundary(self.limits.max_bytes));
            return Ok(Source::html(url, html).with_headers(headers));
        }
        if media_type.is_unreadable() {
            return Err(other(&url, &media_type.essence));
        }
        let max = match media_type.essence.as_str() {
            "application/pdf" | "application/octet-stream" => pdf::LARGEST,
            _ => self.limits.max_bytes,
        };
        let body = read(response, max).await?;
        let Some(kind) = media_type.kind(&body) else {
            return Err(other(&url, &media_type.essence));
        };
        let (address, limit) = (url.clone(), self.limits.total);
        let source = apart::apart(limit, move |deadline| {
            Source::new(url, headers, &body, &media_type, kind, deadline)
        });
        source.await.map_err(|reason| unreadable(&address, &reason))
    }

    /// What a server says that does not have the page.
    async fn refused(&self, response: Response) -> ToolError {
        let (status, url) = (response.status(), response.url().clone());
        let media_type = MediaType::of(&response);
        let said = match read(response, self.limits.max_bytes).await {
            Ok(body) => text_of(&url, media_type, body, self.limits).await,
            Err(error) => Err(error),
        };
        let said = said.map_or(String::new(), |said| text::clean(said.trim(), EXCERPT));
        let separator = if said.is_empty() { "" } else { ":\n" };
        let message = format!("`{url}` answered {status}{separator}{said}");
        match status {
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ToolError::Transient(message),
            _ => ToolError::Model(message),
        }
    }
}

/// A body as text whatever it is an answer to, such as a call of a service.
///
/// # Errors
/// [`ToolError::Model`] if it is none.
pub(crate) async fn text_of(
    url: &Url,
    media_type: MediaType,
    body: Vec<u8>,
    limits: Limits,
) -> Result<String, ToolError> {
    let Some(kind) = media_type.kind(&body) else {
        return Err(other(url, &media_type.essence));
    };
    let address = url.clone();
    let source = apart::apart(limits.total, move |deadline| {
        Source::new(
            address,
            HeaderMap::new(),
            &body,
            &media_type,
            kind,
            deadline,
        )
    });
    let page = match source.await {
        Ok(source) => {
            source
                .page(Extent::Whole, Form::Markdown, limits.total)
                .await
        }
        Err(reason) => Err(reason),
    };
    let page = page.map_err(|reason| unreadable(url, &reason))?;
    Ok(page.text.clone())
}

fn other(url: &Url, essence: &str) -> ToolError {
    let essence = match essence {
        "" => "something that is no text".to_owned(),
        named => format!("of type `{named}`"),
    };
    ToolError::Model(format!(
        "`{url}` is {essence}; only HTML, text, JSON, feeds and PDFs can be read"
    ))
}

fn unreadable(url: &Url, reason: &str) -> ToolError {
    ToolError::Model(format!("`{url}` cannot be read: {reason}"))
}

#[cfg(test)]
pub(crate) mod tests;
