//! The tools on offer, which change when a server's do.

use std::sync::Arc;

use glm_agent_tools::{Error, Registry, Secrets, Source, Tool};

/// Tools that stay, and sources of tools that come and go.
pub(crate) struct Offer {
    tools: Vec<Tool>,
    sources: Vec<Arc<dyn Source>>,
    secrets: Secrets,
    current: Arc<Registry>,
    versions: Vec<u64>,
}

impl Offer {
    /// # Errors
    /// As [`Registry::new`], for the tools that stay.
    pub fn new(
        tools: Vec<Tool>,
        sources: Vec<Arc<dyn Source>>,
        secrets: Secrets,
    ) -> Result<Self, Error> {
        let current = Registry::new(tools.clone())?.with_secrets(secrets.clone());
        Ok(Self {
            tools,
            sources,
            secrets,
            current: Arc::new(current),
            versions: Vec::new(),
        })
    }

    /// The tools on offer now.
    pub fn registry(&mut self) -> Arc<Registry> {
        let versions: Vec<u64> = self.sources.iter().map(|source| source.version()).collect();
        if versions != self.versions {
            self.current = Arc::new(self.collected());
            self.versions = versions;
        }
        Arc::clone(&self.current)
    }

    /// All tools but those of sources that no registry takes, which are left out: a
    /// server must not keep the others from being called.
    fn collected(&self) -> Registry {
        let mut taken = self.tools.clone();
        for tool in self.sources.iter().flat_map(|source| source.tools()) {
            let is_taken = taken.iter().any(|other| other.name() == tool.name());
            match Registry::new(vec![tool.clone()]) {
                Ok(_) if !is_taken => taken.push(tool),
                Ok(_) => tracing::warn!("there is another tool `{}`; it is left out", tool.name()),
                Err(error) => tracing::warn!("a tool is left out: {error}"),
            }
        }
        // Each of them was taken by itself, and no two have one name.
        let registry = Registry::new(taken).unwrap_or_default();
        registry.with_secrets(self.secrets.clone())
    }
}
