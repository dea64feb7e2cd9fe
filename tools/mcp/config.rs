//! Servers as people configure them, in the form that other programs have, too:
//!
//! ```json
//! {"mcpServers": {
//!   "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]},
//!   "search": {"url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${KEY}"}}
//! }}
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::connection::ENVIRONMENT;
use crate::{Error, Secrets, tool::DEFAULT_TIMEOUT};

#[allow(
    clippy::unwrap_used,
    reason = "a fixed pattern, which the tests compile"
)]
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}").unwrap());

/// One server. In its texts, `${NAME}` is a secret or a variable of the
/// environment, and `${NAME:-text}` has a default. Keys that are not known here are
/// left to the programs that know them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ServerConfig {
    /// The program of a server that is started here and spoken to over stdio.
    pub command: Option<String>,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables of its environment; of this program's it sees few.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The folder that it runs in.
    pub cwd: Option<PathBuf>,
    /// The address of a server that is spoken to over streamable HTTP.
    pub url: Option<String>,
    /// Headers of the requests to it.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How it is spoken to, where that is said: `stdio`, `http`.
    #[serde(rename = "type")]
    pub transport: Option<String>,
    /// It is left out.
    #[serde(default)]
    pub disabled: bool,
    /// Folders of the user's that the server is told of.
    #[serde(default)]
    pub roots: Vec<PathBuf>,
    /// How long one call may take, in seconds.
    pub timeout: Option<f64>,
    /// Only these of its tools, by its own names.
    pub tools: Option<Vec<String>>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reach {
    Program {
        command: String,
        args: Vec<String>,
        env: BTreeMap<String, String>,
        cwd: Option<PathBuf>,
    },
    Address {
        url: Url,
        headers: BTreeMap<String, String>,
    },
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "mcpServers", alias = "servers", alias = "mcp_servers")]
    servers: BTreeMap<String, ServerConfig>,
}

/// Reads a file with `mcpServers` in it, JSON or TOML.
///
/// # Errors
/// When it cannot be read or has another form.
pub fn load(path: &Path) -> Result<BTreeMap<String, ServerConfig>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::ManifestFile {
        path: path.to_owned(),
        source,
    })?;
    let parsed = if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        toml::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let File { mut servers } = parsed.map_err(|reason| Error::Manifest {
        path: path.to_owned(),
        reason: reason.trim_end().to_owned(),
    })?;
    // What is relative is meant from where the file lies.
    let folder = path.parent().unwrap_or(Path::new("."));
    for server in servers.values_mut() {
        server.cwd = server.cwd.take().map(|cwd| folder.join(cwd));
        for root in &mut server.roots {
            *root = folder.join(&root);
        }
    }
    Ok(servers)
}

/// One server of a table of settings.
///
/// # Errors
/// When it has another form.
pub fn from_value(name: &str, value: Value) -> Result<ServerConfig, Error> {
    serde_json::from_value(value).map_err(|error| wrong(name, error.to_string()))
}

/// A server from its address or its command line, with a name made from that.
///
/// # Errors
/// When it is neither.
pub fn from_argument(text: &str) -> Result<(String, ServerConfig), Error> {
    if text.starts_with("http://") || text.starts_with("https://") {
        let url = Url::parse(text).map_err(|error| wrong(text, error.to_string()))?;
        let name = url.host_str().unwrap_or("server").to_owned();
        let config = ServerConfig {
            url: Some(text.to_owned()),
            ..ServerConfig::default()
        };
        return Ok((name, config));
    }
    let words = shlex::split(text).unwrap_or_default();
    let [command, args @ ..] = words.as_slice() else {
        return Err(wrong(
            text,
            "expected a command line, an address or a file".to_owned(),
        ));
    };
    let config = ServerConfig {
        command: Some(command.clone()),
        args: args.to_vec(),
        ..ServerConfig::default()
    };
    Ok((name_of(&words), config))
}

/// What a command line is about: `files` of `npx -y @scope/server-files@1.2 DIR`.
fn name_of(words: &[String]) -> String {
    const RUN_OTHERS: [&str; 9] = [
        "npx", "bunx", "uvx", "uv", "node", "python", "python3", "docker", "run",
    ];
    const SAY_NOTHING: [&str; 8] = [
        "index", "main", "server", "cli", "dist", "build", "src", "bin",
    ];
    let is_about = |word: &&String| !word.starts_with('-') && !RUN_OTHERS.contains(&word.as_str());
    let word = words.iter().find(is_about).or(words.first());
    let parts = word.map_or("", String::as_str).rsplit(['/', '\\']);
    let names = parts.map(|part| {
        let name = part.split('@').find(|part| !part.is_empty());
        let name = name.and_then(|name| name.split('.').next());
        let name = name.unwrap_or_default().trim_start_matches("mcp-");
        name.trim_start_matches("server-")
    });
    let mut names = names.filter(|name| !name.is_empty());
    let telling = names.clone().find(|name| !SAY_NOTHING.contains(name));
    telling
        .or_else(|| names.next())
        .unwrap_or("server")
        .to_owned()
}

impl ServerConfig {
    /// How long one call may take.
    pub(super) fn time_limit(&self) -> Duration {
        let given = self
            .timeout
            .and_then(|s| Duration::try_from_secs_f64(s).ok());
        given
            .filter(|limit| !limit.is_zero())
            .unwrap_or(DEFAULT_TIMEOUT)
    }

    /// What the server is, without secrets: as it stands in the configuration.
    pub(super) fn identity(&self) -> String {
        match &self.url {
            Some(url) => url.clone(),
            None => {
                let words = self.command.iter().chain(&self.args).map(String::as_str);
                words.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// The secrets that the server is given: the variables in its address, its headers
    /// and its environment, but for those that every server sees.
    pub(super) fn secrets(&self) -> BTreeSet<&str> {
        let texts = self.env.values().chain(self.headers.values());
        let texts = texts.chain(&self.url);
        let names = texts.flat_map(|text| VARIABLE.captures_iter(text));
        let names = names.filter_map(|found| found.get(1).map(|name| name.as_str()));
        names.filter(|name| !ENVIRONMENT.contains(name)).collect()
    }

    /// How it is reached, variables put in.
    pub(super) fn reach(&self, name: &str, secrets: &Secrets) -> Result<Reach, Error> {
        let put_in = |text: &String| expanded(text, secrets).map_err(|reason| wrong(name, reason));
        let all = |texts: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, Error> {
            let put_in = |(key, text): (&String, &String)| Ok((key.clone(), put_in(text)?));
            texts.iter().map(put_in).collect()
        };
        match (&self.command, &self.url, self.transport.as_deref()) {
            (_, Some(_), Some("sse")) => Err(wrong(
                name,
                "its transport `sse` is obsolete; use the server's address for streamable HTTP"
                    .to_owned(),
            )),
            (Some(command), None, None | Some("stdio")) => Ok(Reach::Program {
                command: put_in(command)?,
                args: self.args.iter().map(put_in).collect::<Result<_, _>>()?,
                env: all(&self.env)?,
                cwd: self.cwd.clone(),
            }),
            (None, Some(url), None | Some("http" | "streamable-http" | "streamableHttp")) => {
                let url = put_in(url)?;
                let url =
                    Url::parse(&url).map_err(|error| wrong(name, format!("`url`: {error}")))?;
                if !matches!(url.scheme(), "http" | "https") {
                    return Err(wrong(
                        name,
                        "`url` must begin with http or https".to_owned(),
                    ));
                }
                Ok(Reach::Address {
                    url,
                    headers: all(&self.headers)?,
                })
            }
            (None, None, _) => Err(wrong(name, "it has neither `command` nor `url`".to_owned())),
            (Some(_), Some(_), _) => Err(wrong(name, "it has both `command` and `url`".to_owned())),
            (_, _, Some(other)) => Err(wrong(name, format!("`type` cannot be `{other}` here"))),
        }
    }
}

fn wrong(server: &str, reason: String) -> Error {
    Error::McpConfig {
        server: server.to_owned(),
        reason,
    }
}

/// The text with its variables put in.
fn expanded(text: &str, secrets: &Secrets) -> Result<String, String> {
    let mut missing = None;
    let expanded = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str());
        let default = found.get(2).map(|default| default.as_str().to_owned());
        let value = secrets.get(name).map(|secret| secret.reveal().to_owned());
        value.or(default).unwrap_or_else(|| {
            missing = Some(name.to_owned());
            String::new()
        })
    });
    match missing {
        None => Ok(expanded.into_owned()),
        Some(name) => Err(format!(
            "it needs `{name}`, which is not set\nhint: set the environment variable {name}"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_line_or_an_address_is_a_server_with_a_name() {
        for (text, name) in [
            (
                "npx -y @modelcontextprotocol/server-everything@1.2 stdio",
                "everything",
            ),
            ("uvx mcp-server-git --repository .", "git"),
            ("./my-server.py", "my-server"),
            ("python3 -m weather", "weather"),
            ("docker run -i --rm mcp/fetch:1", "fetch:1"),
            (
                "node ./node_modules/@scope/server-files/dist/index.js stdio",
                "files",
            ),
            ("node index.js", "index"),
            ("https://example.com/mcp", "example.com"),
        ] {
            assert_eq!(from_argument(text).unwrap().0, name, "{text}");
        }
        assert!(from_argument("  ").is_err());
        assert!(from_argument("'open").is_err());
    }

    #[test]
    fn variables_are_put_in_and_missing_ones_named() {
        let secrets = Secrets::from([("KEY", "k3y")]);
        let config = |value: Value| from_value("s", value).unwrap().reach("s", &secrets);
        let reach = config(json!({
            "url": "https://${HOST:-example.com}/mcp",
            "headers": {"Authorization": "Bearer ${KEY}"},
            "other programs'": "settings",
        }));
        assert_eq!(
            reach.unwrap(),
            Reach::Address {
                url: Url::parse("https://example.com/mcp").unwrap(),
                headers: [("Authorization".into(), "Bearer k3y".into())].into(),
            }
        );
        for (value, reason) in [
            (
                json!({"command": "x", "args": ["${GONE}"]}),
                "it needs `GONE`, which is not set",
            ),
            (json!({}), "it has neither `command` nor `url`"),
            (json!({"command": "x", "url": "http://y"}), "it has both"),
            (
                json!({"url": "http://y", "type": "sse"}),
                "`sse` is obsolete",
            ),
            (json!({"url": "ftp://y"}), "must begin with http"),
            (
                json!({"command": "x", "type": "ws"}),
                "`type` cannot be `ws`",
            ),
        ] {
            let error = config(value).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
