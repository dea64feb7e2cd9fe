#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect},
    routing::{any, get},
};
use serde_json::{Value, json};

use crate::{Effects, Registry, Secrets, Tool, ToolContext, ToolError, ToolOutput, manifest::load};

/// Says what it was asked.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let header = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    let said = json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "type": header("content-type"),
        "key": header("x-key"),
        "authorization": header("authorization"),
        "body": String::from_utf8_lossy(&body),
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        said.to_string(),
    )
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The one tool of a manifest; in `http`, `HOST` stands for the server's.
fn tool(host: SocketAddr, parameters: &Value, http: &Value) -> Result<Tool, crate::Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.json");
    let entry = json!({"name": "t", "description": "d", "parameters": parameters, "http": http});
    let text = json!([entry])
        .to_string()
        .replace("HOST", &host.to_string());
    fs::write(&path, text).unwrap();
    Ok(load(&path)?.remove(0))
}

async fn call(tool: Tool, arguments: Value) -> Result<ToolOutput, ToolError> {
    let secrets = Secrets::from([("KEY", "s3cr3t/+"), ("ID", "me@x")]);
    let registry = Registry::new(vec![tool]).unwrap().with_secrets(secrets);
    registry.call("t", arguments, ToolContext::default()).await
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": {"type": "string"}, "n": {"type": "integer"}, "on": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["id"],
    })
}

#[tokio::test]
async fn arguments_and_secrets_go_where_the_manifest_says() {
    let host = serve(Router::new().fallback(any(echo))).await;
    let given = json!({"id": "a/b c", "n": 2, "tags": ["x", "y&z"]});
    for (http, expected) in [
        (
            json!({"url": "http://HOST/v1/{id}?fixed=1"}),
            json!([
                "GET",
                "/v1/a%2Fb%20c?fixed=1&n=2&tags=x&tags=y%26z",
                null,
                ""
            ]),
        ),
        (
            json!({"url": "http://HOST/{id}/é", "method": "delete", "query": {"q": "{n}-{on}", "m": "<{n}>", "t": "{tags}"}}),
            json!([
                "DELETE",
                "/a%2Fb%20c/%C3%A9?m=%3C2%3E&t=x&t=y%26z",
                null,
                ""
            ]),
        ),
        (
            json!({"url": "http://HOST", "method": "POST"}),
            json!([
                "POST",
                "/",
                "application/json",
                r#"{"id":"a/b c","n":2,"tags":["x","y&z"]}"#
            ]),
        ),
        (
            json!({"url": "http://HOST/", "method": "PUT", "body": {
                "who": "{id}", "count": "{n}", "on": "{on}", "list": ["{tags}", 1, "{{n}}"], "by": "${ID}",
            }}),
            json!([
                "PUT",
                "/",
                "application/json",
                r#"{"who":"a/b c","count":2,"list":[["x","y&z"],1,"{n}"],"by":"[secret ID]"}"#
            ]),
        ),
        (
            json!({"url": "http://HOST/{id}", "method": "PATCH", "body": {"n": 1}}),
            json!([
                "PATCH",
                "/a%2Fb%20c",
                "application/json",
                r#"{"n":2,"tags":["x","y&z"]}"#
            ]),
        ),
        (
            json!({"url": "http://HOST/", "method": "POST", "form": {"a": "{id}", "k": "${ID}"}}),
            json!([
                "POST",
                "/",
                "application/x-www-form-urlencoded",
                "a=a%2Fb+c&k=[secret ID]&n=2&tags=x&tags=y%26z"
            ]),
        ),
        (
            json!({"url": "http://HOST/", "method": "POST", "body": "<n>{n}</n>", "headers": {"Content-Type": "text/xml"}}),
            json!([
                "POST",
                "/?id=a%2Fb+c&tags=x&tags=y%26z",
                "text/xml",
                "<n>2</n>"
            ]),
        ),
    ] {
        let tool = tool(host, &parameters(), &http).unwrap();
        let said = call(tool, given.clone()).await.unwrap().json.unwrap();
        let said = json!([said["method"], said["uri"], said["type"], said["body"]]);
        assert_eq!(said, expected, "{http}");
    }
}

#[tokio::test]
async fn secrets_reach_the_server_and_nobody_else() {
    let host = serve(Router::new().fallback(any(echo))).await;
    let http = json!({
        "url": "http://HOST/?k=${KEY}",
        "headers": {"Authorization": "Bearer ${KEY}", "X-Key": "{on}"},
    });
    let tool = tool(
        host,
        &json!({"properties": {"on": {"type": "boolean"}}}),
        &http,
    )
    .unwrap();
    assert_eq!(tool.secrets(), ["KEY"]);
    assert_eq!(tool.hosts(), [host.to_string()]);
    let output = call(tool, json!({})).await.unwrap();
    let said = output.json.unwrap();
    assert_eq!(said["authorization"], "Bearer [secret KEY]");
    assert_eq!(said["uri"], "/?k=[secret KEY]");
    assert_eq!(said["key"], Value::Null);
    assert!(!output.text.contains("s3cr3t"), "{}", output.text);
}

#[tokio::test]
async fn a_secret_does_not_follow_a_redirect_elsewhere() {
    let other = serve(Router::new().fallback(any(echo))).await;
    let to = format!("http://{other}/there");
    let router = Router::new()
        .route(
            "/away",
            get(move || async move { Redirect::temporary(&to) }),
        )
        .route("/near", get(|| async { Redirect::temporary("/here") }))
        .fallback(any(echo));
    let host = serve(router).await;
    let headers = json!({"X-Key": "${KEY}"});
    let near = json!({"url": "http://HOST/near", "headers": headers});
    let near = tool(host, &json!({}), &near).unwrap();
    let said = call(near, json!({})).await.unwrap().json.unwrap();
    assert_eq!(
        json!([said["uri"], said["key"]]),
        json!(["/here", "[secret KEY]"])
    );
    // That the manifest trusts one private host opens no other.
    let away = json!({"url": "http://HOST/away", "headers": headers});
    let away = tool(host, &json!({}), &away).unwrap();
    let refused = call(away, json!({})).await.unwrap_err();
    assert!(
        matches!(&refused, ToolError::User(reason) if reason.contains("refused to reach")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn arguments_do_not_lead_out_of_their_place() {
    let host = serve(Router::new().fallback(any(echo))).await;
    let http = json!({"url": "http://HOST/a/{id}/b", "headers": {"X-Key": "{n}"}});
    for id in ["", ".", "..", "%2e%2e"] {
        let tool = tool(host, &parameters(), &http).unwrap();
        let done = call(tool, json!({"id": id})).await;
        let (refused, sent) = (
            matches!(done, Err(ToolError::Model(_))),
            id.starts_with('%'),
        );
        assert_ne!(refused, sent, "{id}: {done:?}");
    }
    for (id, uri) in [
        ("../../x", "/a/..%2F..%2Fx/b"),
        ("x?y#z", "/a/x%3Fy%23z/b"),
        ("@evil.example", "/a/%40evil.example/b"),
        ("x\r\ny", "/a/x%0D%0Ay/b"),
        ("ü\\", "/a/%C3%BC%5C/b"),
    ] {
        let tool = tool(host, &parameters(), &http).unwrap();
        let said = call(tool, json!({"id": id})).await.unwrap().json.unwrap();
        assert_eq!(said["uri"], uri);
    }
    let split = json!({"url": "http://HOST/", "headers": {"X-Key": "{id}"}});
    let split = call(
        tool(host, &parameters(), &split).unwrap(),
        json!({"id": "a\r\nb: c"}),
    )
    .await;
    assert!(matches!(split, Err(ToolError::Model(_))), "{split:?}");
}

#[tokio::test]
async fn answers_are_read_by_what_they_are() {
    let png = || async { ([(header::CONTENT_TYPE, "image/png")], vec![7_u8; 2048]) };
    let router = Router::new()
        .route(
            "/html",
            get(|| async { Html("<h1>Hi</h1><a href=x>y</a>") }),
        )
        .route("/png", get(png))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }));
    let host = serve(router).await;
    let at = |path: &str| {
        tool(
            host,
            &json!({}),
            &json!({"url": format!("http://HOST{path}")}),
        )
        .unwrap()
    };
    let text = call(at("/html"), json!({})).await.unwrap().text;
    assert_eq!(text, format!("# Hi\n\n[y](http://{host}/x)"));
    let text = call(at("/none"), json!({})).await.unwrap().text;
    assert_eq!(text, "done: 204 No Content");

    let folder = tempfile::tempdir().unwrap();
    let cx = ToolContext {
        call: "c1".into(),
        directory: Some(folder.path().to_owned()),
        ..ToolContext::default()
    };
    let registry = Registry::new(vec![at("/png")]).unwrap();
    let output = registry.call("t", json!({}), cx).await.unwrap();
    let [artifact] = output.artifacts.as_slice() else {
        panic!("{output:?}")
    };
    assert_eq!(
        output.text,
        format!("[image/png, 2.0 KB: /mnt/data/{}]", artifact.name)
    );
    assert_eq!(
        fs::read(folder.path().join(&artifact.name)).unwrap(),
        [7; 2048]
    );
}

#[tokio::test]
async fn what_a_server_refuses_is_sorted_by_who_can_mend_it() {
    let tries = Arc::new(AtomicUsize::new(0));
    let busy = {
        let tries = Arc::clone(&tries);
        move || async move {
            match tries.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
                _ => (StatusCode::OK, "at last"),
            }
        }
    };
    let router = Router::new()
        .route("/busy", any(busy))
        .route("/key", any(|| async { (StatusCode::UNAUTHORIZED, "who?") }))
        .route(
            "/wrong",
            any(|| async { (StatusCode::UNPROCESSABLE_ENTITY, "no such city") }),
        );
    let host = serve(router).await;
    let at = |path: &str, method: &str| {
        let http = json!({
            "url": format!("http://HOST{path}"), "method": method, "headers": {"X-Key": "${KEY}"},
        });
        tool(host, &json!({}), &http).unwrap()
    };
    assert_eq!(
        call(at("/key", "GET"), json!({})).await,
        Err(ToolError::User(format!(
            "`{host}` answered 401 Unauthorized:\nwho?\nhint: check KEY"
        )))
    );
    assert_eq!(
        call(at("/wrong", "GET"), json!({})).await,
        Err(ToolError::Model(format!(
            "`{host}` answered 422 Unprocessable Entity:\nno such city"
        )))
    );
    // What may have been done is not done again.
    assert_eq!(
        call(at("/busy", "POST"), json!({})).await,
        Err(ToolError::Transient(format!(
            "`{host}` answered 503 Service Unavailable:\nbusy"
        )))
    );
    assert_eq!(
        call(at("/busy", "PUT"), json!({})).await,
        Ok("at last".into())
    );
    let of = |method: &str| at("/", method).declared_effects();
    let network = Effects {
        network: true,
        ..Effects::default()
    };
    assert_eq!(of("GET"), network);
    assert_eq!(
        of("DELETE"),
        Effects {
            writes: true,
            ..network
        }
    );
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let host: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (http, reason) in [
        (json!("http://x/"), "expected a table"),
        (json!({}), "`url` is missing"),
        (json!({"url": "x"}), "field `url`"),
        (json!({"url": "ftp://x/"}), "expected http or https"),
        (json!({"url": "http://{id}/"}), "stand fast"),
        (json!({"url": "http://u:p@x/"}), "Authorization"),
        (json!({"url": "http://x/a/../b"}), "no `.` and `..`"),
        (
            json!({"url": "http://x/{id"}),
            "a brace that belongs to no place",
        ),
        (json!({"url": "http://x/{city}"}), "`{city}` is no argument"),
        (json!({"url": "http://x/{n}"}), "must be `required`"),
        (
            json!({"url": "http://x/", "method": "LOOK"}),
            "field `method`",
        ),
        (
            json!({"url": "http://x/", "headers": {"a b": "c"}}),
            "no name of a header",
        ),
        (
            json!({"url": "http://x/", "headers": {"a": ["c"]}}),
            "to be a text",
        ),
        (
            json!({"url": "http://x/", "body": {"a": "{"}}),
            "field `body`",
        ),
        (
            json!({"url": "http://x/", "body": {}, "form": {}}),
            "either `body` or `form`",
        ),
        (json!({"url": "http://x/", "data": {}}), "field `data`"),
    ] {
        let error = tool(host, &parameters(), &http).unwrap_err().to_string();
        assert!(error.contains(reason), "{http}: {error}");
    }
}
