//! The way out: straight, or through a proxy.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use crate::Error;

/// Through what requests go out.
///
/// A proxy resolves names itself, out of reach of the guard's checks, so none is used
/// unless the user says so. With one, addresses and names are judged here all the
/// same: a name that resolves here is refused if any of its addresses may not be
/// reached, and only then handed to the proxy, which resolves it once more; a name
/// that does not resolve here is left to the proxy. So the proxy must itself keep
/// requests from what is private. This machine is reached without it.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// None, whatever the environment says.
    #[default]
    Off,
    /// Those of `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`, save for the hosts that
    /// `NO_PROXY` lists; capital or small letters.
    Env,
    /// This one, for everything. A user name and a password in it are for the proxy.
    At(Url),
}

impl FromStr for Proxy {
    type Err = Error;

    /// `off`, `env` or an address.
    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text.trim() {
            "off" => Self::Off,
            "env" => Self::Env,
            address => Self::At(parse(address)?),
        })
    }
}

impl fmt::Display for Proxy {
    /// As it is parsed, with what a proxy's address says of user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Env => f.write_str("env"),
            Self::At(url) => f.write_str(url.as_str()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(url) => f.write_str(&shown(url)),
            other => write!(f, "{other}"),
        }
    }
}

/// The proxies that there are, and who goes without them.
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    /// Takes every host but those of `NO_PROXY`.
    others: Matcher,
}

impl Proxies {
    /// `None` if everything goes straight.
    pub fn new(
        proxy: &Proxy,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let (http, https, none) = match proxy {
            Proxy::Off => return Ok(None),
            Proxy::At(url) => (Some(url.clone()), Some(url.clone()), String::new()),
            Proxy::Env => {
                let named = |scheme: &str| {
                    let found = variable(scheme, &environment);
                    found.map(|(_, address)| parse(&address)).transpose()
                };
                let either = |name: &str| value(name, &environment).map(|(_, value)| value);
                let none = either("NO_PROXY").unwrap_or_default();
                (named("http")?, named("https")?, none)
            }
        };
        let others = Matcher::builder().all("http://proxy").no(none).build();
        Ok(Some(Self {
            http,
            https,
            others,
        }))
    }

    /// The proxy for an address, if it goes through one.
    pub fn of(&self, url: &Url) -> Option<Url> {
        if is_this_machine(&url.host()?) {
            return None;
        }
        self.others.intercept(&url.as_str().parse().ok()?)?;
        match url.scheme() {
            "https" => self.https.clone(),
            _ => self.http.clone(),
        }
    }
}

/// A proxy's address without its user and password.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// The variable that names a proxy for a scheme, and what it says.
pub(super) fn variable(
    scheme: &str,
    environment: &impl Fn(&str) -> Option<String>,
) -> Option<(String, String)> {
    let own = match scheme {
        "https" => "HTTPS_PROXY",
        _ => "HTTP_PROXY",
    };
    value(own, environment).or_else(|| value("ALL_PROXY", environment))
}

/// A variable in capital or small letters, unless it is empty.
fn value(name: &str, environment: &impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
    // In a CGI program, a request's header `Proxy` comes as HTTP_PROXY.
    let is_header = name == "HTTP_PROXY" && environment("REQUEST_METHOD").is_some();
    let names = [name.to_owned(), name.to_lowercase()];
    let mut names = names.into_iter().skip(usize::from(is_header));
    names.find_map(|name| {
        let value = environment(&name).filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

fn parse(text: &str) -> Result<Url, Error> {
    let wrong = |reason: &str| Error::Proxy {
        proxy: match text.rsplit_once('@') {
            Some((_, host)) => host.to_owned(),
            None => text.to_owned(),
        },
        reason: reason.to_owned(),
    };
    let whole = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None => format!("http://{text}"),
    };
    let url = Url::parse(&whole).map_err(|reason| wrong(&reason.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only proxies by http and https are known"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has more parts than a host and a port"));
    }
    Ok(url)
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => *ip == Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }
    }

    fn proxy_of(proxies: &Proxies, url: &str) -> Option<String> {
        let proxy = proxies.of(&Url::parse(url).unwrap());
        proxy.map(String::from)
    }

    #[test]
    fn what_people_write_is_read() {
        for (text, proxy) in [
            ("off", Proxy::Off),
            (" env ", Proxy::Env),
            (
                "http://u:p@proxy.example:3128",
                Proxy::At(Url::parse("http://u:p@proxy.example:3128/").unwrap()),
            ),
            (
                "proxy.example:3128",
                Proxy::At(Url::parse("http://proxy.example:3128").unwrap()),
            ),
        ] {
            let parsed: Proxy = text.parse().unwrap();
            assert_eq!(parsed, proxy, "{text}");
            assert_eq!(parsed.to_string().parse::<Proxy>().unwrap(), proxy);
        }
        let secret: Proxy = "http://u:p4ss@proxy.example:3128".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "http://proxy.example:3128");
        for (text, message) in [
            ("", "`` is no proxy: empty host"),
            (
                "socks5://u:p4ss@proxy.example",
                "`proxy.example` is no proxy: only proxies by http and https are known",
            ),
            (
                "http://proxy.example/path",
                "`http://proxy.example/path` is no proxy: it has more parts than a host and a port",
            ),
        ] {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert_eq!(error.lines().next(), Some(message));
        }
    }

    #[test]
    fn the_environment_is_read_as_others_read_it() {
        let proxies = Proxies::new(
            &Proxy::Env,
            environment(&[
                ("http_proxy", "one.example:1080"),
                ("ALL_PROXY", "https://two.example"),
                ("NO_PROXY", "direct.example, 203.0.113.0/24"),
            ]),
        );
        let proxies = proxies.unwrap().unwrap();
        for (url, proxy) in [
            ("http://a.example/", Some("http://one.example:1080/")),
            ("https://a.example/", Some("https://two.example/")),
            ("https://a.direct.example/", None),
            ("http://203.0.113.7/", None),
            ("http://127.0.0.1/", None),
            ("http://localhost./", None),
            ("http://[::1]/", None),
        ] {
            assert_eq!(proxy_of(&proxies, url).as_deref(), proxy, "{url}");
        }
        let wrong = Proxies::new(&Proxy::Env, environment(&[("HTTPS_PROXY", "socks4://a")]));
        assert!(matches!(wrong, Err(Error::Proxy { .. })));
        let header = environment(&[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET")]);
        let proxies = Proxies::new(&Proxy::Env, header).unwrap().unwrap();
        assert_eq!(proxy_of(&proxies, "http://a.example/"), None);
    }

    #[test]
    fn a_proxy_by_its_address_is_for_everything_but_this_machine() {
        let one: Proxy = "http://one.example".parse().unwrap();
        let proxies = Proxies::new(&one, environment(&[("NO_PROXY", "*")]));
        let proxies = proxies.unwrap().unwrap();
        for (url, proxy) in [
            ("https://a.example/", Some("http://one.example/")),
            ("http://1.1.1.1/", Some("http://one.example/")),
            ("http://127.9.9.9/", None),
        ] {
            assert_eq!(proxy_of(&proxies, url).as_deref(), proxy, "{url}");
        }
        let off = Proxies::new(&Proxy::Off, environment(&[("ALL_PROXY", "a")]));
        assert!(off.unwrap().is_none());
    }
}
