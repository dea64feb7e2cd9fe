//! Where an API is.

use std::net::IpAddr;

use reqwest::Url;

use crate::Error;

/// The address of an API as a user gives it: candidates for what its paths follow.
///
/// `http://host:8000` stands for `http://host:8000/v1`. An address that ends in a version
/// is taken as it is; of any other, both are tried.
///
/// # Errors
/// When it is no address of HTTP, or holds a name and password: those would be shown.
pub fn candidates(text: &str) -> Result<Vec<Url>, Error> {
    let bad = |reason: &str| Error::BadEndpoint {
        // What may be a password is not shown.
        url: match text.rsplit_once('@') {
            Some((_, after)) => format!("…@{after}"),
            None => text.to_owned(),
        },
        reason: reason.to_owned(),
    };
    let mut url = Url::parse(text.trim()).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("expected an address such as http://127.0.0.1:8000/v1"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            "it holds a name or password\nhint: name the key in glm.toml below [remote], as key_env or key_file",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    // What was copied with the path of a request.
    let path = ["/chat/completions", "/completions", "/models"]
        .iter()
        .find_map(|end| path.strip_suffix(end))
        .unwrap_or(&path);
    let at = |path: &str| {
        let mut url = url.clone();
        url.set_path(path);
        url
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_version = |name: &str| {
        let number = name.strip_prefix('v').unwrap_or_default();
        !number.is_empty() && number.starts_with(|c: char| c.is_ascii_digit())
    };
    let versioned = at(&format!("{path}/v1"));
    Ok(if is_version(last) {
        vec![at(path)]
    } else if path.is_empty() {
        vec![versioned]
    } else {
        vec![versioned, at(path)]
    })
}

/// The address of a path of the API.
pub fn within(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The address of a path beside the API: servers have some of their own there.
pub fn beside(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let root = base.path().trim_end_matches('/');
    let root = root.rsplit_once('/').map_or("", |(root, _)| root);
    url.set_path(&format!("{root}/{path}"));
    url
}

/// Whether the address is on this machine.
pub fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tried(text: &str) -> Vec<String> {
        let urls = candidates(text).unwrap();
        urls.iter().map(Url::to_string).collect()
    }

    #[test]
    fn the_version_may_be_left_out() {
        assert_eq!(tried("http://a:1"), ["http://a:1/v1"]);
        assert_eq!(tried("http://a:1/v1/"), ["http://a:1/v1"]);
        assert_eq!(tried("http://a/v1/chat/completions?x=1"), ["http://a/v1"]);
        assert_eq!(tried("https://a/api/paas/v4"), ["https://a/api/paas/v4"]);
        assert_eq!(
            tried("https://a/llm/"),
            ["https://a/llm/v1", "https://a/llm"]
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (text, shown) in [
            ("ftp://a", "`ftp://a`"),
            ("nonsense", "`nonsense`"),
            ("http://me:s3cret@a/v1", "`…@a/v1`"),
        ] {
            let error = candidates(text).unwrap_err().to_string();
            assert!(error.starts_with(shown), "{error}");
        }
    }

    #[test]
    fn paths_are_within_and_beside() {
        let base = candidates("http://a/llm/v1").unwrap().remove(0);
        assert_eq!(within(&base, "models").as_str(), "http://a/llm/v1/models");
        assert_eq!(beside(&base, "props").as_str(), "http://a/llm/props");
    }
}
