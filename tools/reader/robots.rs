//! What sites ask of programs, in their robots.txt (RFC 9309).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use texting_robots::Robot;
use url::Url;

use crate::{ToolError, fetch::body, net_guard::NetGuard};

/// What rules for this program are headed by.
pub const PRODUCT: &str = "glm-agent";

/// How much of a robots.txt is read, in bytes: the least that the RFC asks for.
const SIZE: usize = 500 << 10;

/// How long one is believed; the RFC asks for a day at most.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How long a site is left alone whose robots.txt cannot be had.
const UNREACHABLE: Duration = Duration::from_secs(60);

/// How long is waited for one.
const WAIT: Duration = Duration::from_secs(10);

/// Sites that are remembered at most.
const SITES: usize = 500;

/// Whether pages are read that their site does not want programs to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Robots {
    /// They are not: for programs that run by themselves.
    Honour,
    /// They are: a page that a person asked for is read on that person's behalf.
    #[default]
    Ignore,
}

/// What sites asked, by their origins.
#[derive(Clone, Default)]
pub(super) struct Sites(Arc<Mutex<Known>>);

/// A site, and when it was asked.
type Known = HashMap<String, (Instant, Arc<Site>)>;

/// What a site asks.
enum Site {
    Anything,
    /// Its rules, as they were read and as they were written.
    Rules(Box<Robot>, String),
    /// It did not say, so nothing may be read.
    Unreachable(String),
}

impl Sites {
    /// Whether a page may be read by a program.
    ///
    /// # Errors
    /// [`ToolError::User`] with the rule that forbids it; what kept its robots.txt from
    /// being read.
    pub async fn check(&self, guard: &NetGuard, url: &Url) -> Result<(), ToolError> {
        let origin = url.origin().ascii_serialization();
        let site = match self.known(&origin) {
            Some(site) => site,
            None => {
                let site = Arc::new(ask(guard, url).await?);
                self.keep(origin.clone(), Arc::clone(&site));
                site
            }
        };
        let reason = match &*site {
            Site::Rules(robot, text) if !robot.allowed(url.as_str()) => {
                let rule = rule(text, url);
                let rule = rule.map_or(String::new(), |rule| format!(", by its rule `{rule}`"));
                format!("its site's robots.txt forbids it{rule}")
            }
            Site::Anything | Site::Rules(..) => return Ok(()),
            Site::Unreachable(reason) => {
                format!("its site's robots.txt cannot be read, {reason}, so it may not be")
            }
        };
        Err(ToolError::User(format!(
            "`{url}` was not read: {reason}\n\
             hint: ask the site's owner, or have robots.txt ignored if a person asked for this page"
        )))
    }

    fn known(&self, origin: &str) -> Option<Arc<Site>> {
        let sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, site) = sites.get(origin)?;
        let fresh = match **site {
            Site::Unreachable(_) => UNREACHABLE,
            _ => FRESH,
        };
        (since.elapsed() < fresh).then(|| Arc::clone(site))
    }

    fn keep(&self, origin: String, site: Arc<Site>) {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= SITES {
            let oldest = sites.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(origin, _)| origin.clone()) {
                sites.remove(&oldest);
            }
        }
        sites.insert(origin, (Instant::now(), site));
    }
}

/// Reads a site's robots.txt (RFC 9309, 2.3.1).
async fn ask(guard: &NetGuard, url: &Url) -> Result<Site, ToolError> {
    let Ok(address) = url.join("/robots.txt") else {
        return Ok(Site::Anything);
    };
    let answer = tokio::time::timeout(WAIT, async {
        let response = guard.get(address.as_str()).await?;
        let status = response.status();
        if !status.is_success() {
            return Ok((status, Vec::new()));
        }
        Ok((status, body::read(response, SIZE).await?))
    });
    let (status, text) = match answer.await {
        Err(_) => return Ok(Site::Unreachable("it does not come".to_owned())),
        // Where it may not be read, neither may the page, for the same reason.
        Ok(Err(error @ ToolError::User(_))) => return Err(error),
        Ok(Err(error)) => return Ok(Site::Unreachable(error.to_string())),
        Ok(Ok(answer)) => answer,
    };
    if status.is_server_error() || status.as_u16() == 429 {
        return Ok(Site::Unreachable(format!("it answered {status}")));
    }
    if !status.is_success() {
        return Ok(Site::Anything);
    }
    let robot = Robot::new(PRODUCT, &text);
    Ok(robot.map_or(Site::Anything, |robot| {
        Site::Rules(Box::new(robot), String::from_utf8_lossy(&text).into_owned())
    }))
}

/// The rule that forbids a page: the longest of those that would by themselves.
fn rule(text: &str, url: &Url) -> Option<String> {
    let forbids = |line: &&str| {
        let alone = format!("User-agent: *\n{line}");
        Robot::new(PRODUCT, alone.as_bytes()).is_ok_and(|robot| !robot.allowed(url.as_str()))
    };
    let rules = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let rules = rules.filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("disallow")
    });
    let longest = rules.filter(forbids).max_by_key(|line| line.len())?;
    Some(crate::text::clean(longest, 200))
}

#[cfg(test)]
mod tests;
