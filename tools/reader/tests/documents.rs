//! PDFs that other programs made.

use std::fs;

use super::{server::answer, *};

#[tokio::test]
async fn pdfs_of_many_makers_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/pdf");
    let server = Server::new(move |path, _| {
        let body = fs::read(format!("{folder}{path}.pdf")).unwrap();
        answer(200, &[("content-type", "application/pdf")], body)
    })
    .await;
    let reader = reader(&server);
    let story = "The ferry crosses the sound eleven times a day. In winter, when the ice is thick, it \
        follows a channel that is broken anew each morning, and whoever stands at the bow hears the \
        plates grind along the hull.";
    for (path, title, texts) in [
        (
            "/reportlab",
            "The ferry",
            vec![
                story,
                "Fares are the same in both directions.",
                "Adult 4.50 Child 2.25",
            ],
        ),
        ("/owner", "The ferry", vec![story]),
        (
            "/fpdf2",
            "Überfahrt",
            vec![
                "Die Fähre überquert den Sund. Паром пересекает пролив. Το πλοίο περνά τον πορθμό.",
                "[Page 2 of 2]",
                story,
            ],
        ),
        (
            "/weasyprint",
            "Timetable",
            vec![story, "The steamer crosses the sound eleven times a day."],
        ),
    ] {
        let page = read(&reader, &server, path, Form::Markdown).await.unwrap();
        assert_eq!(page.title, title, "{path}");
        let words = page.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(words.contains(text), "{path}: {text}\n{}", page.text);
        }
    }
    let error = read(&reader, &server, "/password", Form::Markdown)
        .await
        .unwrap_err();
    let url = server.at("/password");
    let said = format!("`{url}` cannot be read: it is a PDF that only opens with a password");
    assert_eq!(error, ToolError::Model(said));
}
