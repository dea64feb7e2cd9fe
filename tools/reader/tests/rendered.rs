//! Pages that a browser shows before they are read.

use std::sync::Mutex;

use async_trait::async_trait;

use super::{
    server::{answer, html},
    *,
};

/// Stands for a browser: says what it was asked to show.
#[derive(Default)]
struct Shown {
    asked: Mutex<Vec<Url>>,
    leads_to: Option<Url>,
}

#[async_trait]
impl Render for Shown {
    async fn render(&self, url: &Url) -> Result<Rendered, ToolError> {
        self.asked.lock().unwrap().push(url.clone());
        Ok(Rendered {
            url: self.leads_to.clone().unwrap_or_else(|| url.clone()),
            html: "<title>T</title><p>made by a script <a href=b>on</a>".to_owned(),
        })
    }
}

#[tokio::test]
async fn html_is_rendered_and_nothing_else() {
    let server = Server::new(|path, _| match path {
        "/text" => answer(200, &[("content-type", "text/plain")], "as it is"),
        "/gone" => answer(404, &[("content-type", "text/html")], "gone"),
        "/there" => answer(302, &[("location", "/app/")], ""),
        _ => html("<div id=root></div>"),
    })
    .await;
    let shown = Arc::new(Shown::default());
    let reader = reader(&server).render_with(Arc::clone(&shown) as _);
    let page = read(&reader, &server, "/there", Form::Markdown)
        .await
        .unwrap();
    let link = server.at("/app/b");
    assert_eq!(page.text, format!("# T\n\nmade by a script [on]({link})"));
    assert_eq!(
        read(&reader, &server, "/text", Form::Markdown)
            .await
            .unwrap()
            .text,
        "as it is"
    );
    assert!(
        read(&reader, &server, "/gone", Form::Markdown)
            .await
            .is_err()
    );
    assert_eq!(*shown.asked.lock().unwrap(), [server.at("/app/")]);
}

#[tokio::test]
async fn where_a_browser_ends_is_checked() {
    let server = Server::new(|_, _| html("x")).await;
    let inside = Url::parse("http://169.254.169.254/").unwrap();
    let shown = Arc::new(Shown {
        leads_to: Some(inside),
        ..Shown::default()
    });
    let reader = reader(&server).render_with(shown as _);
    let refused = read(&reader, &server, "/", Form::Markdown).await;
    assert!(matches!(refused, Err(ToolError::User(_))), "{refused:?}");
    // An address that the guard refuses does not get as far.
    let closed = Url::parse("http://127.0.0.1:1/").unwrap();
    let refused = reader.page(&closed, Extent::Main, Form::Markdown, Fresh::Now);
    assert!(matches!(refused.await, Err(ToolError::User(_))));
}
