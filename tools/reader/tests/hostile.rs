//! Pages that were made to do harm. That these tests end is what they are about.

use super::{server::html, *};

/// As much as is read of a page.
const SIZE: usize = 5_000_000;

#[tokio::test]
async fn no_page_takes_all_time_or_memory() {
    let fill = |text: &str| text.repeat(SIZE / text.len());
    let pages: Vec<(&str, String)> = vec![
        ("links", fill("<a href=/x>y</a> ")),
        (
            "other links",
            (0..200_000)
                .map(|n| format!("<a href=/{n}>y</a>"))
                .collect(),
        ),
        (
            "a long attribute",
            format!("<p title=\"{}\">text", "x".repeat(SIZE)),
        ),
        (
            "a long address",
            format!("<a href=\"/{}\">text</a>", "x".repeat(SIZE)),
        ),
        (
            "many attributes",
            format!(
                "<p {}>text",
                (0..100_000).map(|n| format!("a{n}=1 ")).collect::<String>()
            ),
        ),
        ("stress", fill("<b>x</b>")),
        ("stress apart", fill("<i>x</i><b>x</b>")),
        ("lists", fill("<li>x")),
        ("paragraphs", fill("<p>some words, and then, some more")),
        ("boxes", fill("<div>x</div>")),
        ("cells", format!("<table><tr>{}", fill("<td>x"))),
        (
            "wide cells",
            format!(
                "<table><tr><th>a<th>b{}",
                fill("<tr><td colspan=1000 rowspan=65000>x")
            ),
        ),
        ("tables", fill("<table><tr><th>a<td>b</table>")),
        (
            "tables in tables",
            format!("{}x", "<table><tr><th>a<td>".repeat(400)),
        ),
        ("lines", fill("<br>")),
        ("marks", fill("\\*_`[]<>&|")),
        ("ticks", format!("<pre>{}</pre>", "`".repeat(SIZE))),
        ("comments", fill("<!-- -->")),
        ("a comment", format!("<!--{}", fill("-!>"))),
        ("entities", fill("&amp;&lt;&notit;")),
        ("tags of nothing", fill("<x>")),
        ("ends of nothing", fill("</p>")),
        ("quotes", format!("{}x", "<blockquote>".repeat(900))),
        ("forms", fill("<form><input><select><option>x")),
        ("no spaces", "x".repeat(SIZE)),
        ("spaces", " ".repeat(SIZE)),
    ];
    let served: std::collections::HashMap<String, String> = pages
        .iter()
        .map(|(name, page)| (format!("/{}", name.replace(' ', "-")), page.clone()))
        .collect();
    let served = Arc::new(served);
    let server = Server::new(move |path, _| html(served[path].clone())).await;
    let reader = reader(&server);
    for (name, _) in &pages {
        for (extent, form) in [
            (Extent::Main, Form::Markdown),
            (Extent::Whole, Form::Numbered),
        ] {
            let begun = std::time::Instant::now();
            let url = server.at(&format!("/{}", name.replace(' ', "-")));
            let page = reader.page(&url, extent, form, Fresh::ReadOn).await;
            let said = match &page {
                Ok(page) => {
                    // A part of it is a part, however it is made.
                    let part = page.part(1, PART).unwrap();
                    assert!(part.text.len() <= text::CAP, "{name}");
                    format!("{} bytes, {} links", page.text.len(), page.links.len())
                }
                Err(error) => text::clean(&error.to_string(), 150),
            };
            println!("{name} {extent:?} {:.1?}: {said}", begun.elapsed());
        }
    }
}
