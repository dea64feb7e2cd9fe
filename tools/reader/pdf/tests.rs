//! PDFs that other programs made are read in `tests/it`; these are made to be odd.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{io::Write, time::Duration};

use flate2::{Compression, write::ZlibEncoder};
use lopdf::{Stream, dictionary};
use proptest::prelude::*;

use super::*;

fn read_now(body: &[u8]) -> Result<(String, String), String> {
    read(body, Deadline::after(Duration::from_secs(60)))
}

/// A PDF whose pages draw these, in Helvetica.
fn pdf(pages: &[&[u8]]) -> Document {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F" => font } });
    let kids = pages.iter().map(|content| {
        let content = document.add_object(Stream::new(dictionary! {}, content.to_vec()));
        let page = dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content };
        document.add_object(page).into()
    });
    let kids: Vec<Object> = kids.collect();
    let count = kids.len() as i64;
    let pages = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    document.objects.insert(tree, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    document
}

fn saved(mut document: Document) -> Vec<u8> {
    let mut body = Vec::new();
    document.save_to(&mut body).unwrap();
    body
}

const TWO_LINES: &[u8] = b"BT /F 12 Tf 14 TL 72 700 Td (First line of) Tj 100 0 Td (words,) Tj \
    -100 -14 Td [(second) -250 (li) 10 (ne.)] TJ 0 -40 Td (A new para-) Tj T* (graph.) Tj ET";

#[test]
fn words_lines_and_paragraphs_are_where_they_were_set() {
    let mut document = pdf(&[TWO_LINES, b"BT /F 9 Tf 72 700 Td (Caf\xe9) Tj ET"]);
    let info = document.add_object(dictionary! { "Title" => Object::string_literal("A  title") });
    document.trailer.set("Info", info);
    assert_eq!(
        read_now(&saved(document)),
        Ok((
            "A title".to_owned(),
            "[Page 1 of 2]\n\nFirst line of words,\nsecond line.\n\nA new paragraph.\n\n[Page 2 of 2]\n\nCafé".to_owned()
        ))
    );
}

#[test]
fn what_has_no_text_says_so() {
    let picture = saved(pdf(&[b"q 100 0 0 100 0 0 cm /I Do Q"]));
    for (body, reason) in [
        (
            picture.clone(),
            "it is a PDF without text, of pictures only, as scanned pages are",
        ),
        (saved(pdf(&[])), "it is a PDF without pages"),
        (b"%PDF-1.7\nnothing else".to_vec(), "it is a damaged PDF: "),
        (vec![0; LARGEST], "it is a PDF of more than 30 MB"),
    ] {
        let said = read_now(&body).unwrap_err();
        assert!(said.starts_with(reason), "{said}");
    }
    let over = read(&picture, Deadline::after(Duration::ZERO));
    assert_eq!(over, Err("it takes too long to read".to_owned()));
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let pack = |body: &[u8], times: usize| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..times {
            encoder.write_all(body).unwrap();
        }
        encoder.finish().unwrap()
    };
    let once = pack(&vec![0; 1_000_000], 600);
    for packed in [pack(&once, 1), once] {
        let filters = vec![Object::from("FlateDecode"), Object::from("FlateDecode")];
        let mut document = pdf(&[TWO_LINES]);
        document.add_object(Stream::new(dictionary! { "Filter" => filters }, packed));
        let said = read_now(&saved(document));
        assert_eq!(
            said,
            Err("it is a PDF that unpacks to more than 500 MB".to_owned())
        );
    }
}

#[test]
fn what_leads_back_to_itself_ends() {
    // A tree of pages that is its own parent and child, and a drawing that draws itself.
    let mut document = pdf(&[b"/X Do BT /F 12 Tf 72 700 Td (still here) Tj ET"]);
    let drawing = document.new_object_id();
    let form = dictionary! {
        "Subtype" => "Form",
        "Resources" => dictionary! { "XObject" => dictionary! { "X" => drawing } },
    };
    document
        .objects
        .insert(drawing, Stream::new(form, b"/X Do /X Do".to_vec()).into());
    let page = *document.get_pages().values().next().unwrap();
    let font = document
        .get_page_fonts(page)
        .unwrap()
        .values()
        .next()
        .map(|font| (*font).clone())
        .unwrap();
    let resources = dictionary! {
        "XObject" => dictionary! { "X" => drawing }, "Font" => dictionary! { "F" => font },
    };
    let dictionary = document
        .get_object_mut(page)
        .unwrap()
        .as_dict_mut()
        .unwrap();
    dictionary.set("Resources", resources);
    let parent = dictionary.get(b"Parent").unwrap().as_reference().unwrap();
    let text = read_now(&saved(document.clone())).unwrap().1;
    assert_eq!(text, "[Page 1 of 1]\n\nstill here");
    document
        .get_object_mut(parent)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set("Parent", parent);
    let _ = read_now(&saved(document.clone()));
    let kids = vec![Object::Reference(parent), Object::Reference(parent)];
    document
        .get_object_mut(parent)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set("Kids", kids);
    let _ = read_now(&saved(document));
}

#[test]
fn an_encrypted_one_asks_for_its_password() {
    use lopdf::{EncryptionState, EncryptionVersion, Permissions};
    for (password, is_read) in [("", true), ("secret", false)] {
        let mut document = pdf(&[TWO_LINES]);
        let id = Object::string_literal("0123456789abcdef");
        document
            .trailer
            .set("ID", Object::Array(vec![id.clone(), id]));
        let version = EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        let read = read_now(&saved(document));
        if is_read {
            assert!(read.unwrap().1.contains("second line."));
        } else {
            assert_eq!(read, Err(PASSWORD.to_owned()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_damaged_one_is_an_error_or_text(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut body = saved(pdf(&[TWO_LINES, TWO_LINES]));
        for (at, byte) in at {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if is_cut {
            body.truncate(end.index(body.len()));
        }
        let _ = read_now(&body);
    }
}
