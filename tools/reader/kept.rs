//! Pages that were read, in memory, for as long as HTTP lets them be used (RFC 9111).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use http::{Request, Response, header::HeaderMap, request::Parts};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use url::Url;

use super::source::Source;

/// Bytes of all pages that are kept.
const BYTES: usize = 64_000_000;

/// How long a page that is being read stays as it is, so that its parts fit together.
const READ_ON: Duration = Duration::from_secs(10 * 60);

/// What was read, by where it was asked for.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<HashMap<Url, Entry>>>);

#[derive(Clone)]
struct Entry {
    source: Arc<Source>,
    policy: CachePolicy,
    /// When its server last said that this is the page.
    checked: Instant,
    used: Instant,
}

/// What there is to do for a page.
pub(super) enum Known {
    /// Nothing: it is as it was.
    Fresh(Arc<Source>),
    /// Ask whether it is still this one, with these headers.
    Stale(Arc<Source>, HeaderMap),
    /// Ask for it.
    Unknown,
}

impl Kept {
    /// What is known of the page that a request asks for. If it is `read_on`, what was
    /// read a while ago is good enough.
    pub fn get(&self, url: &Url, headers: &HeaderMap, read_on: bool) -> Known {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(entry), Some(request)) = (entries.get_mut(url), request(url, headers)) else {
            return Known::Unknown;
        };
        entry.used = Instant::now();
        let source = Arc::clone(&entry.source);
        if read_on && entry.checked.elapsed() < READ_ON {
            return Known::Fresh(source);
        }
        match entry.policy.before_request(&request, SystemTime::now()) {
            // A redirect is not known to lead there for as long as the page is fresh.
            BeforeRequest::Fresh(_) if source.url == *url => Known::Fresh(source),
            BeforeRequest::Fresh(_) => {
                let mut headers = headers.clone();
                validators(&source.headers, &mut headers);
                Known::Stale(source, headers)
            }
            BeforeRequest::Stale { request, matches } if matches => {
                Known::Stale(source, request.headers)
            }
            BeforeRequest::Stale { .. } => Known::Unknown,
        }
    }

    /// Keeps a page, if its server lets it be kept.
    pub fn keep(&self, url: &Url, headers: &HeaderMap, source: &Arc<Source>) {
        let Some(request) = request(url, headers) else {
            return;
        };
        let options = CacheOptions {
            shared: false,
            ..CacheOptions::default()
        };
        let policy = CachePolicy::new_options(
            &request,
            &response(200, &source.headers),
            SystemTime::now(),
            options,
        );
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !policy.is_storable() {
            entries.remove(url);
            return;
        }
        let now = Instant::now();
        let entry = Entry {
            source: Arc::clone(source),
            policy,
            checked: now,
            used: now,
        };
        entries.insert(url.clone(), entry);
        drop(entries);
        self.fit();
    }

    /// Takes the server's word that a page is still the one that is kept; `None` if its
    /// word is about another one.
    pub fn renew(&self, url: &Url, headers: &HeaderMap, answer: &HeaderMap) -> Option<Arc<Source>> {
        let request = request(url, headers)?;
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get_mut(url)?;
        let now = SystemTime::now();
        match entry
            .policy
            .after_response(&request, &response(304, answer), now)
        {
            AfterResponse::NotModified(policy, _) => {
                entry.policy = policy;
                entry.checked = Instant::now();
                Some(Arc::clone(&entry.source))
            }
            AfterResponse::Modified(..) => None,
        }
    }

    /// Lets go of the pages that were not used for longest until the rest fits.
    pub fn fit(&self) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |entry: &Entry| entry.source.size();
        let mut all: usize = entries.values().map(size).sum();
        while all > BYTES {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(url, _)| url.clone()) else {
                break;
            };
            all -= entries.remove(&oldest).as_ref().map_or(0, size);
        }
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What makes a request conditional.
fn validators(page: &HeaderMap, headers: &mut HeaderMap) {
    for (from, to) in [
        (http::header::ETAG, http::header::IF_NONE_MATCH),
        (http::header::LAST_MODIFIED, http::header::IF_MODIFIED_SINCE),
    ] {
        if let Some(value) = page.get(from) {
            headers.insert(to, value.clone());
        }
    }
}

fn request(url: &Url, headers: &HeaderMap) -> Option<Parts> {
    let request = Request::get(url.as_str()).body(()).ok()?;
    let (mut parts, ()) = request.into_parts();
    parts.headers = headers.clone();
    Some(parts)
}

fn response(status: u16, headers: &HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    if let Ok(status) = http::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    *response.headers_mut() = headers.clone();
    response
}
