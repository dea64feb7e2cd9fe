//! Pages of the kinds that the web has.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use super::{server::html, *};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    main: Vec<String>,
    around: Vec<String>,
    markdown: Vec<String>,
    numbered: Vec<String>,
    #[serde(default)]
    links: Vec<Url>,
}

#[tokio::test]
async fn every_page_is_read_for_what_it_is_there_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/pages");
    let expected = fs::read(folder.join("expected.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&expected).unwrap();
    let pages = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let pages = pages.filter(|name| name.to_string_lossy().ends_with(".html"));
    assert_eq!(pages.count(), expected.len());
    assert!(expected.len() >= 10);

    let served = folder.clone();
    let server = Server::new(move |path, _| html(fs::read(served.join(&path[1..])).unwrap())).await;
    let reader = reader(&server);
    let mut wrong = Vec::new();
    for (name, expected) in &expected {
        let url = server.at(&format!("/{name}"));
        for form in [Form::Markdown, Form::Numbered, Form::Quoted] {
            for extent in [Extent::Main, Extent::Whole] {
                let page = reader
                    .page(&url, extent, form, Fresh::ReadOn)
                    .await
                    .unwrap();
                let mut check = |text: &str, is_there: bool| {
                    if page.text.contains(text) != is_there {
                        let there = if is_there { "missing" } else { "there" };
                        wrong.push(format!("{name} {form:?} {extent:?}: {there}: {text:?}"));
                    }
                };
                expected.main.iter().for_each(|text| check(text, true));
                if extent == Extent::Main {
                    expected.around.iter().for_each(|text| check(text, false));
                }
                match form {
                    Form::Markdown => expected.markdown.iter().for_each(|text| check(text, true)),
                    Form::Numbered => {
                        expected.numbered.iter().for_each(|text| check(text, true));
                        for link in &expected.links {
                            assert!(page.links.contains(link), "{name}: {link}");
                        }
                    }
                    Form::Quoted => check("【", false),
                }
                if form != Form::Markdown {
                    check("**", false);
                    let numbers = page.part(1, PART).unwrap();
                    assert!(
                        numbers
                            .links()
                            .all(|number| number < page.links.len().max(1))
                    );
                }
                assert!(!page.title.is_empty(), "{name}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing was said about how long they may be kept, so each was asked for once only
    // because it was being read on.
    assert_eq!(server.paths().len(), expected.len());
}
