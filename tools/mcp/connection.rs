//! One connection to a server: its process or its address, and what it tells us.

use std::{
    collections::{HashMap, VecDeque},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    header::{HeaderName, HeaderValue},
    redirect,
};
use rmcp::{
    Peer, RoleClient, ServiceExt,
    service::RunningService,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
};
use url::Url;

use super::{config::Reach, identity::Client};
use crate::text;

/// The variables of this program's environment that a server sees.
pub(super) const ENVIRONMENT: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "SYSTEMROOT",
    "APPDATA",
    "TEMP",
];
/// How long a server has to begin: its first start may download it.
const START: Duration = Duration::from_secs(60);
/// How long it has to end by itself.
const END: Duration = Duration::from_secs(2);
/// Lines of what it said on stderr that are kept.
const LINES: usize = 20;

/// A connection. Dropped, the server's process is killed with everything it
/// started.
pub(super) struct Connection {
    service: RunningService<RoleClient, Client>,
    process: Option<Process>,
}

impl Connection {
    /// Starts or reaches a server and greets it.
    pub async fn open(reach: Reach, client: Client) -> Result<Self, String> {
        let started = match reach {
            Reach::Program { .. } => Self::start(reach, client).await,
            Reach::Address { url, headers } => {
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .custom_headers(parsed(headers)?);
                let transport = StreamableHttpClientTransport::with_client(http(&url)?, config);
                let greeted = tokio::time::timeout(START, client.serve(transport)).await;
                greeted
                    .map_err(|_| unanswered())?
                    .map(|service| Self {
                        service,
                        process: None,
                    })
                    .map_err(|error| explained(&error))
            }
        };
        started.map_err(|reason| text::clean(&reason, text::CAP))
    }

    async fn start(reach: Reach, client: Client) -> Result<Self, String> {
        let mut process = Process::start(reach)?;
        let streams = process.child.stdout.take().zip(process.child.stdin.take());
        let streams = streams.ok_or("its streams cannot be used")?;
        let greeted = tokio::time::timeout(START, client.serve(streams)).await;
        match greeted {
            Ok(Ok(service)) => Ok(Self {
                service,
                process: Some(process),
            }),
            Ok(Err(error)) => Err(process.last_words(&explained(&error)).await),
            Err(_) => Err(process.last_words(&unanswered()).await),
        }
    }

    pub fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub fn is_open(&self) -> bool {
        !self.service.is_closed() && !self.service.peer().is_transport_closed()
    }

    /// Why it is over, as far as the server said.
    pub async fn last_words(&mut self, reason: &str) -> String {
        match &mut self.process {
            Some(process) => process.last_words(reason).await,
            None => reason.to_owned(),
        }
    }

    /// Ends it in an orderly way.
    pub async fn close(mut self) {
        // Both have their own limits; what is left after them is killed.
        let _ = self.service.close_with_timeout(END).await;
        if let Some(process) = &mut self.process {
            let _ = tokio::time::timeout(END, process.child.wait()).await;
        }
    }
}

/// A server's process, and what it said last.
struct Process {
    child: Child,
    /// Of the group, which outlives its first process.
    id: Option<u32>,
    said: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    fn start(reach: Reach) -> Result<Self, String> {
        let Reach::Program {
            command,
            args,
            env,
            cwd,
        } = reach
        else {
            return Err("it is not started here".to_owned());
        };
        let mut process = Command::new(&command);
        process
            .args(args)
            .env_clear()
            .envs(
                ENVIRONMENT
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(cwd) = cwd {
            process.current_dir(cwd);
        }
        #[cfg(unix)]
        process.process_group(0);
        let mut child = process
            .spawn()
            .map_err(|error| format!("cannot run `{command}`: {error}"))?;
        let said = Arc::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, Arc::clone(&said)));
        }
        Ok(Self {
            id: child.id(),
            child,
            said,
        })
    }

    async fn last_words(&mut self, reason: &str) -> String {
        let ended = tokio::time::timeout(Duration::from_millis(500), self.child.wait()).await;
        let mut words = match ended {
            Ok(Ok(status)) => format!("its process ended ({status})"),
            _ => reason.to_owned(),
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        for line in said.iter() {
            words.push_str("\n  ");
            words.push_str(line);
        }
        words
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.id.and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(group)
        {
            // There is nothing left to kill if all of it has ended.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn listen(stderr: ChildStderr, said: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

fn unanswered() -> String {
    format!("it did not answer within {} s", START.as_secs())
}

/// An error with what caused it.
fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = error.source();
    }
    text
}

/// A client whose headers, which may hold keys, go nowhere but to the server. The user
/// has said where that is, so it may be a private address, and the way there goes
/// through the environment's proxies.
fn http(server: &Url) -> Result<reqwest::Client, String> {
    let origin = server.origin();
    let same_origin = redirect::Policy::custom(move |attempt| {
        if attempt.url().origin() == origin && attempt.previous().len() < 10 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    reqwest::Client::builder()
        .redirect(same_origin)
        .build()
        .map_err(|error| error.to_string())
}

fn parsed(
    headers: std::collections::BTreeMap<String, String>,
) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let parse = |(name, value): (String, String)| {
        let parsed = name.parse().ok().zip(HeaderValue::from_str(&value).ok());
        parsed
            .map(|(name, mut value): (HeaderName, HeaderValue)| {
                value.set_sensitive(true);
                (name, value)
            })
            .ok_or_else(|| format!("the header `{name}` cannot be sent"))
    };
    headers.into_iter().map(parse).collect()
}
