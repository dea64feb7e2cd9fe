//! Where spans go: OpenTelemetry's variables of the environment, and settings.

use std::{collections::HashMap, time::Duration};

use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator};
use serde::Deserialize;
use url::Url;

use crate::Error;

/// The path of traces below a collector's address.
const PATH: &str = "v1/traces";

/// How long one request may take, unless it is said otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Telemetry, as `[telemetry]` in `glm.toml` has it. Variables of the environment go
/// before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A collector's address, such as `http://localhost:4318`: traces go to `/v1/traces`
    /// below it.
    pub endpoint: Option<String>,
    /// Whether spans hold what was said, and what tools were given and returned.
    pub content: Option<bool>,
}

/// The environment.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable; one that is empty is none.
pub(super) fn from_env(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

impl Settings {
    /// Where traces are to go; `None` if nowhere.
    ///
    /// # Errors
    /// When what is said cannot be done.
    pub fn destination(&self) -> Result<Option<Url>, Error> {
        self.destination_in(&from_env)
    }

    /// The same, where someone asks for it: by name, or where traces go otherwise.
    ///
    /// # Errors
    /// When what is said cannot be done, or nothing is said.
    pub fn named(&self, endpoint: Option<&str>) -> Result<Url, Error> {
        check_protocol(&from_env)?;
        let url = match endpoint {
            Some(endpoint) => Some(below(endpoint)?),
            None => self.endpoint_in(&from_env)?,
        };
        url.ok_or_else(|| wrong("no collector is named; name one, such as http://localhost:4318"))
    }

    /// Whether spans hold what was said.
    pub fn captures_content(&self) -> bool {
        self.captures_content_in(&from_env)
    }

    fn destination_in(&self, env: Lookup<'_>) -> Result<Option<Url>, Error> {
        let says = |name: &str, word: &str| {
            env(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
        };
        if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let url = self.endpoint_in(env)?;
        if url.is_some() {
            check_protocol(env)?;
        }
        Ok(url)
    }

    fn endpoint_in(&self, env: Lookup<'_>) -> Result<Option<Url>, Error> {
        if let Some(whole) = env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            return parsed(&whole).map(Some);
        }
        let base = env("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| self.endpoint.clone());
        base.as_deref().map(below).transpose()
    }

    fn captures_content_in(&self, env: Lookup<'_>) -> bool {
        match env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") {
            Some(value) => ["true", "1", "span_only", "span_and_event"]
                .iter()
                .any(|word| value.trim().eq_ignore_ascii_case(word)),
            None => self.content.unwrap_or_default(),
        }
    }
}

/// The span that the environment's `TRACEPARENT` names.
pub fn parent() -> Option<SpanContext> {
    parent_in(&from_env)
}

fn parent_in(env: Lookup<'_>) -> Option<SpanContext> {
    let named = [("traceparent", "TRACEPARENT"), ("tracestate", "TRACESTATE")];
    let carrier: HashMap<String, String> = named
        .into_iter()
        .filter_map(|(header, variable)| Some((header.to_owned(), env(variable)?)))
        .collect();
    let context = TraceContextPropagator::new().extract(&carrier);
    let context = context.span().span_context().clone();
    if !context.is_valid() && carrier.contains_key("traceparent") {
        tracing::warn!("TRACEPARENT names no span, and is left out of account");
    }
    context.is_valid().then_some(context)
}

/// How long one request may take.
pub(super) fn timeout(env: Lookup<'_>) -> Result<Duration, Error> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    let Some((name, value)) = names.into_iter().find_map(|name| Some((name, env(name)?))) else {
        return Ok(TIMEOUT);
    };
    match value.trim().parse() {
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        Err(_) => Err(wrong(&format!("{name} is `{value}`, and no milliseconds"))),
    }
}

/// What the spans' producer says of itself.
pub(super) fn resource(env: Lookup<'_>) -> Resource {
    let attributes = env("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named = env("OTEL_SERVICE_NAME").is_some()
        || attributes
            .split(',')
            .any(|pair| pair.trim().starts_with("service.name="));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder();
    if is_named {
        builder.build()
    } else {
        builder
            .with_service_name(super::AGENT)
            .with_attribute(version)
            .build()
    }
}

fn check_protocol(env: Lookup<'_>) -> Result<(), Error> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ];
    let said = names.into_iter().find_map(|name| Some((name, env(name)?)));
    match said {
        Some((name, protocol)) if protocol.trim() != "http/protobuf" => Err(wrong(&format!(
            "{name} is `{protocol}`, and only `http/protobuf` is spoken here\n\
             hint: most collectors take it at port 4318"
        ))),
        _ => Ok(()),
    }
}

/// The address of traces below a collector's, unless it is that already.
fn below(base: &str) -> Result<Url, Error> {
    let mut url = parsed(base)?;
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}/{PATH}"));
    }
    Ok(url)
}

fn parsed(address: &str) -> Result<Url, Error> {
    let url = Url::parse(address.trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| wrong(&format!("`{address}` is no http or https address")))
}

pub(super) fn wrong(reason: &str) -> Error {
    Error::Telemetry {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn env(pairs: &[(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        let pairs: HashMap<_, _> = pairs.iter().copied().collect();
        move |name| pairs.get(name).map(|value| (*value).to_owned())
    }

    fn destination(pairs: &[(&'static str, &'static str)], file: Option<&str>) -> Option<String> {
        let settings = Settings {
            endpoint: file.map(str::to_owned),
            content: None,
        };
        let url = settings.destination_in(&env(pairs)).unwrap();
        url.map(|url| url.to_string())
    }

    #[test]
    fn the_more_particular_goes_before_the_general() {
        let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a/x");
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/y/");
        let file = Some("http://c");
        let found = |pairs: &[_], file| destination(pairs, file);
        assert_eq!(found(&[whole, base], file).unwrap(), "http://a/x");
        assert_eq!(found(&[base], file).unwrap(), "http://b:4318/y/v1/traces");
        assert_eq!(found(&[], file).unwrap(), "http://c/v1/traces");
        assert_eq!(
            found(&[], Some("http://c/v1/traces")).unwrap(),
            "http://c/v1/traces"
        );
        assert_eq!(found(&[], None), None);
        for off in [
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            assert_eq!(found(&[off, base], file), None);
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (pair, part) in [
            (
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
                "`localhost:4317` is no http",
            ),
            (
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`",
            ),
        ] {
            let settings = Settings {
                endpoint: Some("http://c".into()),
                content: None,
            };
            let error = settings
                .destination_in(&env(&[pair]))
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{error}");
        }
        let bad = env(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]);
        assert!(timeout(&bad).unwrap_err().to_string().contains("`10s`"));
    }

    #[test]
    fn content_is_asked_for() {
        const NAME: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
        let captures = |value: Option<&'static str>, content| {
            let pairs: Vec<_> = value.map(|value| (NAME, value)).into_iter().collect();
            let settings = Settings {
                endpoint: None,
                content,
            };
            settings.captures_content_in(&env(&pairs))
        };
        assert!(!captures(None, None));
        assert!(captures(None, Some(true)));
        assert!(captures(Some("True"), None));
        assert!(captures(Some("SPAN_ONLY"), None));
        for off in ["false", "NO_CONTENT", "event_only", "perhaps"] {
            assert!(!captures(Some(off), Some(true)), "{off}");
        }
    }

    #[test]
    fn a_parent_is_read_with_its_flags_and_state() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let context = parent_in(&env(&[("TRACEPARENT", parent), ("TRACESTATE", "a=b")])).unwrap();
        assert_eq!(
            context.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(context.span_id().to_string(), "b7ad6b7169203331");
        assert!(context.is_remote() && !context.is_sampled());
        assert_eq!(context.trace_state().get("a"), Some("b"));
        assert_eq!(parent_in(&env(&[("TRACEPARENT", "00-0-0-01")])), None);
        assert_eq!(parent_in(&env(&[])), None);
    }
}
