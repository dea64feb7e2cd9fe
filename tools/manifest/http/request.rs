//! The request that a manifest describes, and the one that a call makes of it.

use std::collections::BTreeSet;

use glm_agent_model::ToolSpec;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{
    super::{Wrong, take},
    template::{Filling, Template, texts},
};
use crate::{ToolContext, ToolError, net_guard::Outgoing, text::percent_encoded};

/// A request with places for arguments and secrets.
pub(in super::super) struct Request {
    pub(super) method: Method,
    address: Address,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Body>,
    /// The arguments that a template names.
    named: BTreeSet<String>,
}

/// What is sent.
enum Body {
    Json(Json),
    Text(Template),
    Form(Vec<(String, Template)>),
}

/// JSON whose strings are templates.
enum Json {
    Text(Template),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
    Other(Value),
}

impl Request {
    /// Reads what stands in a manifest under `http`.
    pub fn read(value: Value, spec: &ToolSpec) -> Result<Self, Wrong> {
        let wrong = |reason: String| Wrong::new("http", reason);
        let Value::Object(mut fields) = value else {
            return Err(wrong("expected a table with `url`".to_owned()));
        };
        let url: String =
            take(&mut fields, "url")?.ok_or_else(|| wrong("`url` is missing".to_owned()))?;
        let mut address = Address::parse(&url).map_err(|reason| Wrong::new("url", reason))?;
        address.query.extend(templates(&mut fields, "query")?);
        let method: Option<String> = take(&mut fields, "method")?;
        let method = match method.as_deref().unwrap_or("GET").to_uppercase().as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            other => {
                let reason =
                    format!("there is no `{other}`; there are GET, HEAD, POST, PUT, PATCH, DELETE");
                return Err(Wrong::new("method", reason));
            }
        };
        let mut request = Self {
            method,
            address,
            headers: Vec::new(),
            body: None,
            named: BTreeSet::new(),
        };
        for (name, template) in templates(&mut fields, "headers")? {
            let name = HeaderName::try_from(&name)
                .map_err(|_| Wrong::new("headers", format!("`{name}` is no name of a header")))?;
            request.headers.push((name, template));
        }
        request.body = match (fields.shift_remove("body"), fields.contains_key("form")) {
            (None, false) => None,
            (Some(_), true) => {
                return Err(wrong("give either `body` or `form`".to_owned()));
            }
            (Some(Value::String(text)), false) => {
                let template = Template::parse(&text);
                Some(Body::Text(template.map_err(|r| Wrong::new("body", r))?))
            }
            (Some(json), false) => {
                let json = Json::read(json).map_err(|reason| Wrong::new("body", reason))?;
                Some(Body::Json(json))
            }
            (None, true) => Some(Body::Form(templates(&mut fields, "form")?)),
        };
        if let Some(field) = fields.keys().next() {
            let reason =
                "there is no such field; there are method, url, query, headers, body, form";
            return Err(Wrong::new(field, reason));
        }
        request.look_at_places(spec)?;
        Ok(request)
    }

    /// Every place is for an argument that there is, and those of the path are for
    /// arguments that are always given.
    fn look_at_places(&mut self, spec: &ToolSpec) -> Result<(), Wrong> {
        let parameters = match spec {
            ToolSpec::Function { function } => function.parameters(),
            _ => None,
        };
        let of = |key: &str| parameters.and_then(|p| p.get(key));
        let mut named = BTreeSet::new();
        self.each(&mut |template| named.extend(template.arguments().map(str::to_owned)));
        let known = of("properties").and_then(Value::as_object);
        if let Some(name) = named
            .iter()
            .find(|name| known.is_none_or(|known| !known.contains_key(*name)))
        {
            let reason = format!("`{{{name}}}` is no argument of `parameters`");
            return Err(Wrong::new("http", reason));
        }
        let required = of("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        if let Some(name) = self
            .address
            .path
            .arguments()
            .find(|name| !is_required(name))
        {
            let reason = format!("`{{{name}}}` stands in the path, so it must be `required`");
            return Err(Wrong::new("url", reason));
        }
        self.named = named;
        Ok(())
    }

    /// The host and the port, as a pattern of the net guard.
    pub fn host(&self) -> String {
        let host = self.address.origin.host_str().unwrap_or_default();
        match self.address.origin.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The secrets that it needs.
    pub fn secrets(&self) -> BTreeSet<String> {
        let mut secrets = BTreeSet::new();
        self.each(&mut |template| secrets.extend(template.secrets().map(str::to_owned)));
        secrets
    }

    fn each(&self, see: &mut impl FnMut(&Template)) {
        see(&self.address.path);
        self.address
            .query
            .iter()
            .for_each(|(_, template)| see(template));
        self.headers.iter().for_each(|(_, template)| see(template));
        match &self.body {
            None => {}
            Some(Body::Text(template)) => see(template),
            Some(Body::Form(fields)) => fields.iter().for_each(|(_, template)| see(template)),
            Some(Body::Json(json)) => json.each(see),
        }
    }

    /// The request of a call.
    pub(super) fn outgoing(
        &self,
        arguments: &Map<String, Value>,
        cx: &ToolContext,
    ) -> Result<Outgoing, ToolError> {
        let with = Filling { arguments, cx };
        let rest = arguments
            .iter()
            .filter(|(name, _)| !self.named.contains(*name));
        let rest: Map<String, Value> = rest.map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut request = Outgoing::get(self.url(&with)?);
        request.method = self.method.clone();
        let mut query: Vec<(&str, String)> = Vec::new();
        for (name, template) in &self.address.query {
            query.extend(
                template
                    .texts(&with)?
                    .into_iter()
                    .map(|t| (name.as_str(), t)),
            );
        }
        let sends = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        let (content_type, body) = match &self.body {
            Some(Body::Text(template)) => {
                query.extend(flat(&rest));
                let text = template.filled(&with, str::to_owned)?;
                ("text/plain; charset=utf-8", text)
            }
            Some(Body::Form(fields)) => {
                let mut form: Vec<(&str, String)> = Vec::new();
                for (name, template) in fields {
                    form.extend(
                        template
                            .texts(&with)?
                            .into_iter()
                            .map(|t| (name.as_str(), t)),
                    );
                }
                form.extend(flat(&rest));
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(form)
                    .finish();
                ("application/x-www-form-urlencoded", Some(form))
            }
            Some(Body::Json(json)) => {
                let mut json = json.filled(&with)?.unwrap_or_default();
                match json.as_object_mut() {
                    Some(object) => object.extend(rest),
                    None => query.extend(flat(&rest)),
                }
                ("application/json", Some(json.to_string()))
            }
            None if sends => {
                let json = Value::Object(rest);
                ("application/json", Some(json.to_string()))
            }
            None => {
                query.extend(flat(&rest));
                ("", None)
            }
        };
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        request.headers = self.headers(&with)?;
        if body.is_some() && !request.headers.contains_key(CONTENT_TYPE) {
            let value = HeaderValue::from_static(content_type);
            request.headers.insert(CONTENT_TYPE, value);
        }
        request.body = body.map(String::into_bytes);
        Ok(request)
    }

    fn url(&self, with: &Filling<'_>) -> Result<Url, ToolError> {
        let path = self
            .address
            .path
            .filled(with, percent_encoded)?
            .unwrap_or_default();
        // `..` climbs, and an empty part makes one path of another.
        let is_empty = |name: &str| with.arguments.get(name) == Some(&Value::from(""));
        let url = at(&self.address.origin, &path);
        if url.path() != path || self.address.path.arguments().any(is_empty) {
            return Err(ToolError::Model(format!(
                "the arguments make the path `{path}`, which leads elsewhere: they must not be \
                 empty, `.` or `..`"
            )));
        }
        Ok(url)
    }

    fn headers(&self, with: &Filling<'_>) -> Result<HeaderMap, ToolError> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.headers {
            let Some(text) = template.filled(with, str::to_owned)? else {
                continue;
            };
            let mut value = HeaderValue::try_from(&text).map_err(|_| {
                let which = template.arguments().collect::<Vec<_>>().join("`, `");
                ToolError::Model(format!(
                    "the header `{name}` cannot hold what is given for `{which}`"
                ))
            })?;
            value.set_sensitive(template.secrets().next().is_some());
            headers.append(name, value);
        }
        Ok(headers)
    }
}

impl Json {
    fn read(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text)?),
            Value::Array(items) => {
                let items = items.into_iter().map(Self::read);
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.into_iter().map(|(k, v)| Ok((k, Self::read(v)?)));
                Self::Object(members.collect::<Result<_, String>>()?)
            }
            other => Self::Other(other),
        })
    }

    fn each(&self, see: &mut impl FnMut(&Template)) {
        match self {
            Self::Text(template) => see(template),
            Self::List(items) => items.iter().for_each(|item| item.each(see)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.each(see)),
            Self::Other(_) => {}
        }
    }

    fn filled(&self, with: &Filling<'_>) -> Result<Option<Value>, ToolError> {
        Ok(match self {
            Self::Text(template) => template.json(with)?,
            Self::Other(value) => Some(value.clone()),
            Self::List(items) => {
                let items = items
                    .iter()
                    .filter_map(|item| item.filled(with).transpose());
                Some(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Self::Object(members) => {
                let members = members.iter().filter_map(|(name, member)| {
                    let member = member.filled(with).transpose()?;
                    Some(member.map(|member| (name.clone(), member)))
                });
                Some(Value::Object(members.collect::<Result<_, _>>()?))
            }
        })
    }
}

/// An address with places.
struct Address {
    /// Scheme, host and port.
    origin: Url,
    path: Template,
    query: Vec<(String, Template)>,
}

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, _) = text.split_once('#').unwrap_or((text, ""));
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let start = address.find("://").map_or(0, |at| at + "://".len());
        let (scheme, rest) = address.split_at(start);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.contains('{') {
            return Err("scheme, host and port stand fast: no `{` there".to_owned());
        }
        let origin = format!("{scheme}{host}");
        let origin = Url::parse(&origin).map_err(|reason| format!("`{origin}`: {reason}"))?;
        if !matches!(origin.scheme(), "http" | "https") {
            return Err("expected http or https".to_owned());
        }
        if !origin.username().is_empty() || origin.password().is_some() {
            return Err("a user name and a password go into a header `Authorization`".to_owned());
        }
        let path = Template::parse(if path.is_empty() { "/" } else { path })?.map_text(|text| {
            let kept = |c: char| c.is_ascii_graphic() && !"\"<>`^|{}".contains(c);
            let mut path = String::new();
            for c in text.chars() {
                if kept(c) {
                    path.push(c);
                } else {
                    path.push_str(&percent_encoded(c.encode_utf8(&mut [0; 4])));
                }
            }
            path
        });
        let plain = path.shape();
        if at(&origin, &plain).path() != plain {
            return Err("its path is not what it seems to be: no `.` and `..` there".to_owned());
        }
        let pairs = form_urlencoded::parse(query.as_bytes());
        let query = pairs.map(|(name, text)| Ok((name.into_owned(), Template::parse(&text)?)));
        Ok(Self {
            origin,
            path,
            query: query.collect::<Result<_, String>>()?,
        })
    }
}

fn at(origin: &Url, path: &str) -> Url {
    let mut url = origin.clone();
    url.set_path(path);
    url
}

/// A table of templates.
fn templates(
    fields: &mut Map<String, Value>,
    field: &'static str,
) -> Result<Vec<(String, Template)>, Wrong> {
    let table: Map<String, Value> = take(fields, field)?.unwrap_or_default();
    let entries = table.into_iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            other => {
                return Err(Wrong::new(
                    field,
                    format!("`{name}` is to be a text, not {other}"),
                ));
            }
        };
        let template = Template::parse(&text).map_err(|reason| Wrong::new(field, reason))?;
        Ok((name, template))
    });
    entries.collect()
}

/// Arguments as pairs of a query or a form.
fn flat(arguments: &Map<String, Value>) -> Vec<(&str, String)> {
    let pairs = arguments
        .iter()
        .flat_map(|(name, value)| texts(value).into_iter().map(|text| (name.as_str(), text)));
    pairs.collect()
}
