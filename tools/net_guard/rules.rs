//! What a guard lets through: names, addresses and ports, as written and as
//! resolved.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use url::Host;

use super::{address, pattern::Pattern, port};

/// What may be reached. Denying wins over allowing.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// Reached though it is not public.
    pub allow: Vec<Pattern>,
    /// Not reached though it is public or allowed.
    pub deny: Vec<Pattern>,
    /// If there are any, nothing else is reached.
    pub only: Vec<Pattern>,
    /// Addresses that count as public.
    pub public: Vec<IpNet>,
}

impl Rules {
    /// Judges what can be told before a name is resolved.
    pub fn judge(&self, host: &Host<&str>, port: u16) -> Result<(), Refusal> {
        let refusal = |reason| Refusal {
            host: host.to_string(),
            port,
            resolved: None,
            reason,
        };
        let means = |pattern: &&Pattern| pattern.means(host, port);
        if let Some(pattern) = self.deny.iter().find(means) {
            return Err(refusal(Reason::Denied(pattern.to_string())));
        }
        let is_name = matches!(host, Host::Domain(_));
        // A range tells of a name once it is resolved.
        let may_be_meant =
            |pattern: &Pattern| pattern.means(host, port) || (is_name && pattern.is_range_at(port));
        if !self.only.is_empty() && !self.only.iter().any(may_be_meant) {
            return Err(refusal(Reason::Unlisted));
        }
        let allowed = self.allow.iter().filter(means);
        if port::is_of_another_service(port) && !allowed.clone().any(Pattern::has_port) {
            return Err(refusal(Reason::Port));
        }
        if allowed.count() > 0 {
            return Ok(());
        }
        let what = match host {
            Host::Domain(name) => address::refusal_of_name(name),
            Host::Ipv4(ip) => self.not_public(IpAddr::V4(*ip)),
            Host::Ipv6(ip) => self.not_public(IpAddr::V6(*ip)),
        };
        what.map_or(Ok(()), |what| Err(refusal(Reason::NotPublic(what))))
    }

    /// Judges an address to which a name was resolved.
    pub fn judge_resolved(&self, name: &str, port: u16, ip: IpAddr) -> Result<(), Refusal> {
        let refusal = |reason| Refusal {
            host: name.to_owned(),
            port,
            resolved: Some(ip),
            reason,
        };
        let host = Host::Domain(name);
        let means = |pattern: &Pattern| pattern.means(&host, port) || pattern.holds(ip, port);
        if let Some(pattern) = self.deny.iter().find(|pattern| means(pattern)) {
            return Err(refusal(Reason::Denied(pattern.to_string())));
        }
        if !self.only.is_empty() && !self.only.iter().any(means) {
            return Err(refusal(Reason::Unlisted));
        }
        if self.allow.iter().any(means) {
            return Ok(());
        }
        let what = self.not_public(ip);
        what.map_or(Ok(()), |what| Err(refusal(Reason::NotPublic(what))))
    }

    /// Whether a name may be reached that does not resolve here: not if its address
    /// would decide.
    pub fn judge_unresolved(&self, name: &str, port: u16) -> Result<(), Refusal> {
        let means = |pattern: &Pattern| pattern.means(&Host::Domain(name), port);
        if self.only.is_empty() || self.only.iter().any(means) {
            return Ok(());
        }
        Err(Refusal {
            host: name.to_owned(),
            port,
            resolved: None,
            reason: Reason::Unlisted,
        })
    }

    fn not_public(&self, ip: IpAddr) -> Option<&'static str> {
        let is_public = self.public.iter().any(|range| range.contains(&ip));
        address::refusal(ip).filter(|_| !is_public)
    }
}

/// Why something is not reached, in words for whoever can change it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) struct Refusal {
    host: String,
    port: u16,
    /// The address that a name led to.
    resolved: Option<IpAddr>,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    /// The pattern that denies it.
    Denied(String),
    /// It is not among the only hosts to be reached.
    Unlisted,
    /// The port is another service's.
    Port,
    /// What it is instead of public.
    NotPublic(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        write!(f, "refused to reach `{host}`: ")?;
        let leads = self.resolved.is_some();
        if let Some(ip) = self.resolved {
            write!(f, "it resolves to {ip}, ")?;
        }
        match &self.reason {
            Reason::Denied(pattern) if leads => write!(f, "which `{pattern}` denies"),
            Reason::Denied(pattern) => write!(f, "`{pattern}` denies it"),
            Reason::Unlisted => write!(
                f,
                "{} not among the only hosts that may be reached\n\
                 hint: pass --only-host {host}:{port} as well if it should be",
                if leads { "which is" } else { "it is" }
            ),
            Reason::Port => write!(
                f,
                "port {port} is that of another service than the web's\n\
                 hint: pass --allow-host {host}:{port} if you trust it"
            ),
            Reason::NotPublic(what) => write!(
                f,
                "{what}\nhint: pass --allow-host {host}:{port} if you trust it"
            ),
        }
    }
}
