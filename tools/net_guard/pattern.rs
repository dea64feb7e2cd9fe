//! Hosts that a user means, by name or by address.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::Host;

use crate::Error;

/// Hosts, at one port or at any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    hosts: Hosts,
    port: Option<u16>,
    /// As it was written.
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Hosts {
    Name(String),
    /// All names below one.
    Below(String),
    /// All addresses of a range, which may be a single one.
    Range(IpNet),
}

impl Pattern {
    /// Whether it means this host, as it is written, at this port.
    pub(super) fn means(&self, host: &Host<&str>, port: u16) -> bool {
        match host {
            Host::Domain(name) => self.is_at(port) && self.means_name(name),
            Host::Ipv4(ip) => self.holds(IpAddr::V4(*ip), port),
            Host::Ipv6(ip) => self.holds(IpAddr::V6(*ip), port),
        }
    }

    /// Whether it means this address at this port.
    pub(super) fn holds(&self, ip: IpAddr, port: u16) -> bool {
        self.is_at(port)
            && matches!(&self.hosts, Hosts::Range(range)
                if range.contains(&ip) || range.contains(&ip.to_canonical()))
    }

    /// Whether what a name resolves to decides at this port.
    pub(super) fn is_range_at(&self, port: u16) -> bool {
        self.is_at(port) && matches!(self.hosts, Hosts::Range(_))
    }

    /// Whether it names a port.
    pub(super) fn has_port(&self) -> bool {
        self.port.is_some()
    }

    fn is_at(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    fn means_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        match &self.hosts {
            Hosts::Name(own) => name == own,
            Hosts::Below(own) => name
                .strip_suffix(own.as_str())
                .is_some_and(|rest| rest.ends_with('.')),
            Hosts::Range(_) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self, Error> {
        let text = pattern.trim();
        let (hosts, port) = parse(text).map_err(|reason| Error::HostPattern {
            pattern: pattern.to_owned(),
            reason,
        })?;
        Ok(Self {
            hosts,
            port,
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Result<(Hosts, Option<u16>), String> {
    if text.contains(['@', '?', '#']) {
        return Err("it has more parts than a host and a port".to_owned());
    }
    if let Some((address, rest)) = text.split_once('/') {
        return range(address, rest);
    }
    let (below, text) = match text.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (host, port) = match text.rsplit_once(':') {
        // A colon of an IPv6 address: bare, or the last one in brackets.
        Some((before, _)) if !text.starts_with('[') && before.contains(':') => {
            (format!("[{text}]"), None)
        }
        Some((before, number)) if !text.ends_with(']') => (before.to_owned(), Some(port(number)?)),
        _ => (text.to_owned(), None),
    };
    let hosts = match Host::parse(&host).map_err(|reason| reason.to_string())? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_owned();
            if name.is_empty() || name.contains('*') {
                return Err("`*` stands at the start only, for all names below a host".to_owned());
            }
            if below {
                Hosts::Below(name)
            } else {
                Hosts::Name(name)
            }
        }
        _ if below => return Err("there are no names below an address".to_owned()),
        Host::Ipv4(ip) => Hosts::Range(IpNet::from(IpAddr::V4(ip))),
        Host::Ipv6(ip) => Hosts::Range(IpNet::from(IpAddr::V6(ip))),
    };
    Ok((hosts, port))
}

/// A range of addresses: what stands before the `/` and behind it.
fn range(address: &str, rest: &str) -> Result<(Hosts, Option<u16>), String> {
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    let address: IpAddr = bare
        .unwrap_or(address)
        .parse()
        .map_err(|_| "what stands before the `/` is no address".to_owned())?;
    let (length, port) = match rest.split_once(':') {
        Some((length, number)) => (length, Some(port(number)?)),
        None => (rest, None),
    };
    let length = length.parse().ok();
    let range = length.and_then(|length| IpNet::new(address, length).ok());
    let range = range.ok_or_else(|| "the range is no number of bits".to_owned())?;
    Ok((Hosts::Range(range), port))
}

fn port(number: &str) -> Result<u16, String> {
    let port = number.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "the port is not 1 to 65535".to_owned())
}
