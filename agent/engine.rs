//! Engines by name.

use std::path::Path;

pub use glm_agent_model::engine::{
    recorded::Recorded,
    remote::{Guided, Key, Remote, RemoteOptions, Template, Timeouts},
    scripted::Scripted,
};

use crate::Error;
pub use crate::replay::recorded;

/// A model made of replies: one JSON string a line, each the raw text of one
/// model turn in GLM-4's syntax. Every session starts at the first.
///
/// # Errors
/// When the file cannot be read or is not of that form.
pub fn scripted(file: &Path) -> Result<Scripted, Error> {
    Ok(Scripted::from_file(file)?)
}

/// A model that OpenAI-compatible servers run, each of which is looked at first.
///
/// # Errors
/// When none answers, one is no such server, or what must be known of the model cannot be
/// told.
pub async fn remote(options: RemoteOptions) -> Result<Remote, Error> {
    Ok(Remote::connect(options).await?)
}

#[cfg(feature = "local")]
pub use local::{load, load_with};

#[cfg(feature = "local")]
mod local {
    use std::path::Path;

    use glm_agent_model::{
        catalog::{self, Progress},
        engine::local::{Local, LocalOptions},
    };

    use crate::{Error, paths};

    /// Loads a model into this process: one that was pulled or imported, by
    /// name, or the folder of a checkpoint. The default model, `smol-glm`, is
    /// fetched if it is not there yet.
    ///
    /// # Errors
    /// When there is no such model, or it cannot be fetched or loaded.
    pub async fn load(model: &str) -> Result<Local, Error> {
        let options = LocalOptions::default();
        load_with(model, options, &paths::cache_dir()?, &|_| {}).await
    }

    /// As [`load`], with options, with models in `cache_dir` and progress of the
    /// first use told to `progress`.
    ///
    /// # Errors
    /// As [`load`].
    pub async fn load_with(
        model: &str,
        options: LocalOptions,
        cache_dir: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Local, Error> {
        let checkpoint = if model == catalog::DEFAULT {
            catalog::pull(model, None, cache_dir, progress).await?
        } else {
            catalog::resolve(model, cache_dir)?
        };
        Ok(Local::load(&checkpoint, options).await?)
    }
}
