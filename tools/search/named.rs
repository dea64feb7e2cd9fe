//! Providers by what people write.

use std::{path::PathBuf, sync::Arc};

use url::Url;

use super::{DuckDuckGo, Local, Provider, Service, duckduckgo, services};
use crate::{Error, net_guard::NetGuard};

/// Makes the guard for the requests to one service: it is told the service's address,
/// and whether the user named it. Whoever names a service trusts it, also where it is
/// a private one.
pub type Reach<'r> = dyn Fn(&Url, bool) -> Result<NetGuard, Error> + 'r;

const EXPECTED: &str = "expected `local:FOLDER`, `searxng:URL`, `brave`, `tavily`, `zhipu`, \
                        `bing:URL` or `duckduckgo`";

/// The providers of these names, in their order.
pub(super) fn providers(
    names: &[String],
    reach: &Reach<'_>,
) -> Result<Vec<Arc<dyn Provider>>, Error> {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    let mut folders = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let provider: Arc<dyn Provider> = match name.split_once(':') {
            Some(("local", folder)) => Arc::new(local(name, folder, &mut folders)?),
            Some((kind, place)) => service(name, kind, Some(place), reach)?,
            None => service(name, name, None, reach)?,
        };
        providers.push(provider);
    }
    Ok(providers)
}

fn wrong(provider: &str, reason: impl Into<String>) -> Error {
    Error::Search {
        provider: provider.to_owned(),
        reason: reason.into(),
    }
}

/// The documents in a folder, under a name that no other of `folders` has.
fn local(name: &str, folder: &str, folders: &mut Vec<String>) -> Result<Local, Error> {
    if folder.is_empty() {
        return Err(wrong(name, EXPECTED));
    }
    let local = Local::open(&PathBuf::from(folder)).map_err(|reason| wrong(name, reason))?;
    let own = local.host().to_owned();
    let mut host = own.clone();
    let mut number = 2;
    while folders.contains(&host) {
        host = format!("{own}-{number}");
        number += 1;
    }
    folders.push(host.clone());
    Ok(local.named(host))
}

fn service(
    name: &str,
    kind: &str,
    place: Option<&str>,
    reach: &Reach<'_>,
) -> Result<Arc<dyn Provider>, Error> {
    let is_duckduckgo = kind == duckduckgo::NAME;
    let form = services::form(kind);
    let home = match (&form, is_duckduckgo) {
        (_, true) => Some(duckduckgo::PLACE),
        (Some(form), _) => form.home,
        (None, false) => return Err(wrong(name, EXPECTED)),
    };
    let text = place.or(home).ok_or_else(|| {
        let reason = format!("it has no address that all know: write `{kind}:URL`");
        wrong(name, reason)
    })?;
    let url = Url::parse(text);
    let url = url.map_err(|reason| wrong(name, format!("`{text}` is no address: {reason}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "leave the user name and the password out of its address";
        return Err(wrong(kind, reason));
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong(
            name,
            "its address must begin with https:// or http://",
        ));
    }
    let guard = reach(&url, place.is_some())?;
    Ok(match form {
        Some(form) => Arc::new(Service::new(form, url, guard)),
        None => Arc::new(DuckDuckGo::new(guard, url)),
    })
}
