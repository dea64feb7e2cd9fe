//! A request as it goes out, and goes on after a redirect.

use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, PROXY_AUTHORIZATION},
};
use url::{Origin, Url};

use crate::ToolError;

/// A request.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What is to be done.
    pub method: Method,
    /// With what.
    pub url: Url,
    /// Those that are marked as sensitive, and those that are known to be, stay with
    /// the origin they are meant for.
    pub headers: HeaderMap,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

impl Outgoing {
    /// A request for what is at an address.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// The request that follows a redirect (RFC 9110, 15.4): what was posted is asked
    /// for afterwards, unless the server says that it must be sent again. That is done
    /// for the server it was meant for, and for nobody else.
    ///
    /// # Errors
    /// When what was posted would go to another origin.
    pub(super) fn redirect(&mut self, status: StatusCode, target: Url) -> Result<(), ToolError> {
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        let asks = match status {
            StatusCode::SEE_OTHER => !is_read,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if asks {
            self.method = Method::GET;
            self.body = None;
            for name in [CONTENT_TYPE, CONTENT_LENGTH] {
                self.headers.remove(name);
            }
        }
        if target.origin() != self.url.origin() {
            if self.body.is_some() && !is_made_secure(&self.url, &target) {
                return Err(ToolError::Model(format!(
                    "`{}` would have what was sent to it sent on to `{target}`, which was not \
                     done",
                    self.url
                )));
            }
            let known = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];
            let private = self
                .headers
                .iter()
                .filter(|(name, value)| value.is_sensitive() || known.contains(name))
                .map(|(name, _)| name.clone());
            for name in private.collect::<Vec<_>>() {
                self.headers.remove(name);
            }
        }
        self.url = target;
        Ok(())
    }
}

/// Whether one address is the other by https, at the usual ports.
fn is_made_secure(from: &Url, to: &Url) -> bool {
    let mut expected = from.clone();
    expected.set_scheme("https").is_ok()
        && from.scheme() == "http"
        && from.port().is_none()
        && matches!(to.origin(), Origin::Tuple(..))
        && expected.origin() == to.origin()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reqwest::header::{ACCEPT, HeaderName, HeaderValue};

    use super::*;

    fn posted() -> Outgoing {
        let mut key = HeaderValue::from_static("k3y");
        key.set_sensitive(true);
        Outgoing {
            method: Method::POST,
            url: Url::parse("https://a.test/x").unwrap(),
            headers: HeaderMap::from_iter([
                (ACCEPT, HeaderValue::from_static("*/*")),
                (AUTHORIZATION, HeaderValue::from_static("Bearer k3y")),
                (HeaderName::from_static("x-key"), key),
            ]),
            body: Some(b"{}".to_vec()),
        }
    }

    fn after(
        mut request: Outgoing,
        status: u16,
        target: &str,
    ) -> Result<(Method, bool, Vec<String>), ToolError> {
        request.redirect(
            StatusCode::from_u16(status).unwrap(),
            Url::parse(target).unwrap(),
        )?;
        let headers = request.headers.keys().map(ToString::to_string);
        Ok((request.method, request.body.is_some(), headers.collect()))
    }

    #[test]
    fn what_goes_on_depends_on_the_status_and_the_origin() {
        let all = ["accept", "authorization", "x-key"].map(str::to_owned);
        let public = ["accept"].map(str::to_owned);
        for (status, target, method, has_body, headers) in [
            (302, "https://a.test/y", Method::GET, false, &all[..]),
            (303, "https://a.test/y", Method::GET, false, &all),
            (307, "https://a.test/y", Method::POST, true, &all),
            (302, "https://b.test/y", Method::GET, false, &public),
            (301, "http://a.test/y", Method::GET, false, &public),
        ] {
            assert_eq!(
                after(posted(), status, target),
                Ok((method, has_body, headers.to_vec())),
                "{status} {target}"
            );
        }
        let mut plain = posted();
        plain.url = Url::parse("http://a.test/x").unwrap();
        assert_eq!(
            after(plain, 308, "https://a.test/x"),
            Ok((Method::POST, true, public.to_vec()))
        );
    }

    #[test]
    fn what_was_posted_goes_to_nobody_else() {
        for target in [
            "https://b.test/y",
            "https://a.test:8443/y",
            "http://a.test/y",
        ] {
            assert_eq!(
                after(posted(), 307, target),
                Err(ToolError::Model(format!(
                    "`https://a.test/x` would have what was sent to it sent on to `{target}`, \
                     which was not done"
                )))
            );
        }
    }
}
