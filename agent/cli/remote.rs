//! `[remote]` in glm.toml: how servers that run models are spoken to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow};
use glm_agent::engine::{Guided, Key, RemoteOptions, Template, Timeouts};
use serde::Deserialize;

use crate::{exit::Failure, settings::Place};

/// Where the key is unless the settings name another place.
const KEY: &str = "GLM_API_KEY";

/// The table. What it leaves out is as by default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteTable {
    template: Option<Template>,
    profile: Option<String>,
    context: Option<usize>,
    images: Option<bool>,
    guided: Option<Guided>,
    key_env: Option<String>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, Place>,
    #[serde(default)]
    body: serde_json::Map<String, serde_json::Value>,
    retries: Option<u32>,
    /// All three in seconds.
    timeout_connect: Option<f64>,
    timeout_first: Option<f64>,
    timeout_between: Option<f64>,
}

/// The addresses, if servers are named as the engine.
pub fn urls(engines: &[String]) -> Option<Vec<String>> {
    let is_url = |name: &str| name.starts_with("http://") || name.starts_with("https://");
    let names = engines.iter().flat_map(|names| match is_url(names) {
        true => names.split(',').map(str::trim).collect(),
        false => vec![names.as_str()],
    });
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let are_urls = !names.is_empty() && names.iter().all(|name| is_url(name));
    are_urls.then(|| names.into_iter().map(str::to_owned).collect())
}

impl RemoteTable {
    /// Takes what another file says before what this one does.
    pub fn take(&mut self, other: Self, folder: &Path) {
        let Self {
            template,
            profile,
            context,
            images,
            guided,
            key_env,
            key_file,
            headers,
            body,
            retries,
            timeout_connect,
            timeout_first,
            timeout_between,
        } = other;
        // A key is named in one way.
        if key_env.is_some() || key_file.is_some() {
            self.key_env = key_env;
            self.key_file = key_file.map(|path| folder.join(path));
        }
        fn set<T>(here: &mut Option<T>, there: Option<T>) {
            if there.is_some() {
                *here = there;
            }
        }
        set(&mut self.template, template);
        set(&mut self.profile, profile);
        set(&mut self.context, context);
        set(&mut self.images, images);
        set(&mut self.guided, guided);
        set(&mut self.retries, retries);
        set(&mut self.timeout_connect, timeout_connect);
        set(&mut self.timeout_first, timeout_first);
        set(&mut self.timeout_between, timeout_between);
        let headers = headers.into_iter();
        self.headers
            .extend(headers.map(|(name, place)| (name, place.below(folder))));
        self.body.extend(body);
    }

    /// How the model of this name at these addresses is spoken to.
    pub fn options(
        &self,
        urls: Vec<String>,
        model: Option<String>,
    ) -> Result<RemoteOptions, Failure> {
        let key = match (&self.key_env, &self.key_file) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage(anyhow!(
                    "`key_env` and `key_file` below [remote] name two keys\nhint: leave one out"
                )));
            }
            (Some(variable), None) => Some(read(&Place::Env(variable.clone()), "the key")?),
            (None, Some(path)) => Some(read(&Place::File(path.clone()), "the key")?),
            (None, None) => std::env::var(KEY).ok().filter(|key| !key.trim().is_empty()),
        };
        let header = |(name, place): (&String, &Place)| {
            let value = read(place, &format!("the header `{name}`"))?;
            Ok((name.clone(), Key::new(&value)))
        };
        let headers = self
            .headers
            .iter()
            .map(header)
            .collect::<Result<_, Failure>>()?;
        let usual = Timeouts::default();
        let options = RemoteOptions::new(urls);
        Ok(RemoteOptions {
            model,
            template: self.template.unwrap_or_default(),
            profile: self.profile.clone(),
            context: self.context,
            images: self.images,
            guided: self.guided.unwrap_or_default(),
            key: key.as_deref().map(Key::new),
            headers,
            body: self.body.clone(),
            retries: self.retries.unwrap_or(options.retries),
            timeouts: Timeouts {
                connect: seconds("timeout_connect", self.timeout_connect, usual.connect)?,
                first: seconds("timeout_first", self.timeout_first, usual.first)?,
                between: seconds("timeout_between", self.timeout_between, usual.between)?,
            },
            ..options
        })
    }
}

fn seconds(name: &str, given: Option<f64>, usual: Duration) -> Result<Duration, Failure> {
    let Some(given) = given else {
        return Ok(usual);
    };
    let duration = Duration::try_from_secs_f64(given).ok();
    duration.filter(|d| !d.is_zero()).ok_or_else(|| {
        Failure::usage(anyhow!(
            "`{name}` below [remote] must be more than 0 seconds"
        ))
    })
}

/// A secret, which must be there and hold something.
fn read(place: &Place, what: &str) -> Result<String, Failure> {
    let text = match place {
        Place::Env(variable) => std::env::var(variable)
            .with_context(|| format!("cannot take {what} from the variable {variable}")),
        Place::File(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {what} from `{}`", path.display())),
    };
    let text = text.map_err(Failure::usage)?;
    if text.trim().is_empty() {
        let from = match place {
            Place::Env(variable) => format!("the variable {variable}"),
            Place::File(path) => format!("`{}`", path.display()),
        };
        return Err(Failure::usage(anyhow!("{what} in {from} is empty")));
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_engines() {
        let urls = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            super::urls(&names)
        };
        assert_eq!(urls(&["local"]), None);
        assert_eq!(urls(&["scripted:a,http://b"]), None);
        assert_eq!(urls(&["local", "http://a"]), None);
        let both = Some(vec!["http://a".to_owned(), "https://b/v1".to_owned()]);
        assert_eq!(urls(&["http://a, https://b/v1,"]), both);
        assert_eq!(urls(&["http://a", "https://b/v1"]), both);
    }

    #[test]
    fn the_nearer_file_goes_before() {
        let table = |text: &str| toml::from_str::<RemoteTable>(text).unwrap();
        let mut all = RemoteTable::default();
        let far = "key_env = 'A'\ntemplate = 'ours'\nretries = 1\nbody = { a = 1, b = 2 }";
        all.take(table(far), Path::new("/far"));
        all.take(
            table("key_file = 'key'\nretries = 0\nbody = { b = 3 }"),
            Path::new("/near"),
        );
        assert_eq!(
            (all.key_env, all.key_file),
            (None, Some("/near/key".into()))
        );
        assert_eq!((all.template, all.retries), (Some(Template::Ours), Some(0)));
        assert_eq!(
            serde_json::Value::Object(all.body).to_string(),
            "{\"a\":1,\"b\":3}"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let options = |text: &str| {
            let mut all = RemoteTable::default();
            all.take(toml::from_str(text).unwrap(), Path::new("/nowhere"));
            format!(
                "{:?}",
                all.options(vec!["http://a".into()], None).unwrap_err()
            )
        };
        for (text, part) in [
            ("key_env = 'A'\nkey_file = 'b'", "name two keys"),
            (
                "key_file = 'key'",
                "cannot read the key from `/nowhere/key`",
            ),
            (
                "key_env = 'GLM_TEST_NO_SUCH'",
                "cannot take the key from the variable GLM_TEST_NO_SUCH",
            ),
            (
                "timeout_first = 0",
                "`timeout_first` below [remote] must be more",
            ),
        ] {
            assert!(options(text).contains(part), "{text}: {}", options(text));
        }
    }
}
