//! Prompts of MCP servers, as commands of the REPL: `/SERVER:PROMPT NAME=TEXT ...`.

use std::{collections::BTreeMap, sync::Arc};

use glm_agent::{
    render::terminal::printable,
    tools::{
        Error,
        mcp::{PromptArgument, Server},
    },
};

/// All prompts, a line each.
pub async fn list(servers: &[Arc<Server>]) -> String {
    let mut text = String::new();
    for server in servers {
        match server.prompts().await {
            Ok(prompts) => {
                for prompt in prompts {
                    let arguments: String = prompt.arguments.iter().map(shown).collect();
                    let name = format!("/{}:{}{arguments}", server.name(), prompt.name);
                    let about = prompt.description.lines().next().unwrap_or_default();
                    text.push_str(&printable(&format!("{name}  {about}")));
                    text.push('\n');
                }
            }
            Err(error) => text.push_str(&printable(&format!("{error}\n"))),
        }
    }
    if text.is_empty() {
        text.push_str("there are none; `--mcp` connects to a server\n");
    }
    text
}

/// An argument that can be left out stands in brackets.
fn shown(argument: &PromptArgument) -> String {
    if argument.required {
        format!(" {}=...", argument.name)
    } else {
        format!(" [{}=...]", argument.name)
    }
}

/// Whether the command names a server.
pub fn is_one(command: &str, servers: &[Arc<Server>]) -> bool {
    parts(command).is_some_and(|(server, ..)| servers.iter().any(|s| s.name() == server))
}

/// What the server makes of it.
pub async fn text(command: &str, servers: &[Arc<Server>]) -> Result<String, Error> {
    let (server, prompt, arguments) = parts(command).unwrap_or_default();
    match servers.iter().find(|known| known.name() == server) {
        Some(server) => server.prompt(prompt, arguments).await,
        None => Ok(String::new()),
    }
}

/// Server, prompt and arguments; a word without `=` belongs to the argument before
/// it.
fn parts(command: &str) -> Option<(&str, &str, BTreeMap<String, String>)> {
    let mut words = command.strip_prefix('/')?.split_whitespace();
    let (server, prompt) = words.next()?.split_once(':')?;
    let mut arguments: Vec<(String, String)> = Vec::new();
    for word in words {
        match (word.split_once('='), arguments.last_mut()) {
            (Some((name, text)), _) => arguments.push((name.to_owned(), text.to_owned())),
            (None, Some((_, text))) => {
                text.push(' ');
                text.push_str(word);
            }
            (None, None) => return None,
        }
    }
    Some((server, prompt, arguments.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_apart() {
        let arguments = [("city", "New York"), ("state", "NY")];
        let arguments = arguments.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(
            parts("/s:args-prompt city=New York state=NY"),
            Some(("s", "args-prompt", arguments.into()))
        );
        assert_eq!(parts("/s:simple"), Some(("s", "simple", BTreeMap::new())));
        for other in ["/help", "s:simple", "/s:simple word"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
