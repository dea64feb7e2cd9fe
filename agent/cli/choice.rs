//! The tools that flags name.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::anyhow;
use glm_agent::{
    Tool, paths,
    tools::{manifest, python::Python},
};

use crate::{
    args::OwnTools,
    exit::Failure,
    progress::Progress,
    web::{Form, Web},
};

/// The tool that sees the session's files.
pub const PYTHON: &str = "python";

/// The browser, in the form that the model knows.
pub const BROWSER: &str = "browser";

/// Tools before it is known which model calls them, so that a mistyped name does not
/// wait for one to load.
pub struct Choice {
    parts: Vec<Part>,
    web: Web,
    /// The user said what searches.
    has_search: bool,
}

enum Part {
    Tool(Tool),
    Browser,
    /// What of the web a model is offered when the user names no tools. A small model
    /// does better with few.
    Default,
}

impl Choice {
    /// The tools that the flags name; in the sandbox, a call may take as long as
    /// `wall` says.
    pub fn new(
        args: &OwnTools,
        progress: &Arc<Progress>,
        wall: Option<Duration>,
    ) -> Result<Self, Failure> {
        let web = Web::new(&args.web)?;
        let has_search = !args.web.search.is_empty();
        let python = || -> Result<Part, Failure> {
            let progress = Arc::clone(progress);
            let say = move |line: &str| progress.step(line);
            let mut python = Python::new(paths::cache_dir()?).on_progress(say);
            if let Some(wall) = wall {
                python = python.wall(wall);
            }
            Ok(Part::Tool(python.tool()))
        };
        let mut parts = Vec::new();
        if args.tools.is_empty() {
            parts.extend([python()?, Part::Default]);
        }
        let names = args.tools.iter().map(|name| name.trim());
        for name in names.filter(|name| !name.is_empty()) {
            match name {
                "none" => {}
                PYTHON => parts.push(python()?),
                BROWSER => parts.push(Part::Browser),
                file if file.contains(['.', '/', '\\']) => {
                    let tools = manifest::load_with(Path::new(file), web.guard());
                    let tools = tools.map_err(glm_agent::Error::from)?;
                    parts.extend(tools.into_iter().map(Part::Tool));
                }
                name => parts.push(Part::Tool(web.tool(name).ok_or_else(|| unknown(name))?)),
            }
        }
        Ok(Self {
            parts,
            web,
            has_search,
        })
    }

    /// The tools for a model that calls the browser in this form.
    pub fn tools(self, form: Form) -> Vec<Tool> {
        let mut tools = Vec::new();
        for part in self.parts {
            match part {
                Part::Tool(tool) => tools.push(tool),
                Part::Browser => tools.extend(self.web.browser(form)),
                Part::Default => {
                    if form == Form::Functions {
                        tools.push(self.web.fetch());
                    }
                    if form == Form::Simple || self.has_search {
                        tools.extend(self.web.browser(form));
                    }
                }
            }
        }
        tools
    }
}

fn unknown(name: &str) -> Failure {
    Failure::usage(anyhow!(
        "there is no tool `{name}`\nhint: built in are {PYTHON}, web_fetch, {BROWSER}, \
         simple_browser, web_search, web_open and web_find; a manifest is named by its file, for \
         example ./tools.toml; `none` offers no tools"
    ))
}
