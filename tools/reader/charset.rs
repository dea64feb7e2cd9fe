//! Bytes of a page as text.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use dom_query::Document;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far into a page its `<meta charset>` must stand (HTML standard), in bytes.
const PRESCAN: usize = 1024;

/// How much of a text is looked at to guess its character set, in bytes.
const SAMPLE: usize = 1 << 20;

/// Where a text may say itself what it is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    /// In a `<meta>`.
    Html,
    /// In its declaration.
    Xml,
    /// Nowhere.
    None,
}

/// The text of a body: in the character set of its byte order mark, else of `label`
/// (the server's word), else of its own markup, else what it most likely is. `host`
/// hints at the language.
pub(crate) fn decoded(
    body: &[u8],
    label: Option<&str>,
    markup: Markup,
    host: Option<&str>,
) -> String {
    let named = |label: &str| Encoding::for_label(label.trim().as_bytes());
    let encoding = Encoding::for_bom(body).map(|(encoding, _)| encoding);
    let encoding = encoding.or_else(|| label.and_then(named));
    let encoding = encoding.or_else(|| match markup {
        Markup::Html => meta(body).map(|label| readable(&label)),
        Markup::Xml => declaration(body).map(|label| readable(&label)),
        Markup::None => None,
    }?);
    let encoding = encoding.unwrap_or_else(|| guess(body, host));
    encoding.decode(body).0.into_owned()
}

/// The character set of a label that could be read as ASCII, so that it is none of two
/// bytes a character (HTML standard, 13.2.3.2).
fn readable(label: &str) -> Option<&'static Encoding> {
    match label.trim() {
        utf16 if utf16.to_ascii_lowercase().starts_with("utf-16") => Some(UTF_8),
        user if user.eq_ignore_ascii_case("x-user-defined") => Some(WINDOWS_1252),
        label => Encoding::for_label(label.as_bytes()),
    }
}

/// The character set that a page names itself, near its start.
fn meta(body: &[u8]) -> Option<String> {
    let start = body.get(..PRESCAN).unwrap_or(body);
    let page = Document::from(WINDOWS_1252.decode(start).0.into_owned());
    page.select("meta").iter().find_map(|meta| {
        if let Some(charset) = meta.attr("charset") {
            return Some(charset.to_string());
        }
        let is_type = meta.attr("http-equiv")?;
        let content = meta.attr("content")?;
        let parameter = is_type.eq_ignore_ascii_case("content-type");
        parameter.then(|| charset_of(&content)).flatten()
    })
}

/// The `charset` of a media type.
pub(crate) fn charset_of(media_type: &str) -> Option<String> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.to_owned())
    })
}

/// The `encoding` of an XML declaration.
fn declaration(body: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(body.get(..PRESCAN).unwrap_or(body)).into_owned();
    let declaration = start.trim_start().strip_prefix("<?xml")?;
    let declaration = declaration.split_once("?>")?.0;
    let after = declaration.split_once("encoding")?.1.trim_start();
    let value = after.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = value.trim_start_matches(quote);
    Some(value.split(quote).next()?.to_owned())
}

/// What a text most likely is written in.
fn guess(body: &[u8], host: Option<&str>) -> &'static Encoding {
    match std::str::from_utf8(body) {
        Ok(_) => return UTF_8,
        // It was cut inside of a character.
        Err(error) if error.error_len().is_none() => return UTF_8,
        Err(_) => {}
    }
    // Text that is ASCII for long tells nothing.
    let start = Encoding::ascii_valid_up_to(body).saturating_sub(PRESCAN);
    let sample = body.get(start..).unwrap_or(body);
    let sample = sample.get(..SAMPLE).unwrap_or(sample);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, false);
    let top = host.and_then(|host| host.trim_end_matches('.').rsplit('.').next());
    let top = top.map(str::to_ascii_lowercase);
    let is_name = |top: &&String| !top.is_empty() && top.bytes().all(|b| b.is_ascii_lowercase());
    let top = top.as_ref().filter(is_name).map(|top| top.as_bytes());
    detector.guess(top, Utf8Detection::Allow)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GBK, SHIFT_JIS, UTF_16LE, WINDOWS_1251};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_that_says_what_it_is_is_believed() {
        let latin = b"<p>caf\xe9";
        for (body, label, markup, text) in [
            (&b"\xef\xbb\xbfcaf\xc3\xa9"[..], Some("latin1"), Markup::None, "café"),
            (b"\xff\xfec\0a\0f\0\xe9\0", None, Markup::Html, "café"),
            (latin, Some("ISO-8859-1"), Markup::Html, "<p>café"),
            (b"<meta charset=gbk>\xd6\xd0\xce\xc4", Some("utf8"), Markup::Html, "<meta charset=gbk>\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            (b"<meta charset='gbk'>\xd6\xd0\xce\xc4", None, Markup::Html, "<meta charset='gbk'>中文"),
            (
                b"<META content='text/html; charset=gb2312' HTTP-EQUIV=Content-Type>\xd6\xd0\xce\xc4",
                None,
                Markup::Html,
                "<META content='text/html; charset=gb2312' HTTP-EQUIV=Content-Type>中文",
            ),
            (
                b"<!-- <meta charset=utf-8> --><meta charset=gbk>\xd6\xd0",
                None,
                Markup::Html,
                "<!-- <meta charset=utf-8> --><meta charset=gbk>中",
            ),
            (b"<meta charset=utf-16>caf\xc3\xa9", None, Markup::Html, "<meta charset=utf-16>café"),
            (
                b"<?xml version='1.0' encoding='windows-1252'?><a>\xe9</a>",
                None,
                Markup::Xml,
                "<?xml version='1.0' encoding='windows-1252'?><a>é</a>",
            ),
            (b"<meta charset=gbk>caf\xc3\xa9", None, Markup::None, "<meta charset=gbk>café"),
            (b"cut in \xe4\xb8", None, Markup::None, "cut in \u{fffd}"),
            (b"", None, Markup::Html, ""),
        ] {
            assert_eq!(decoded(body, label, markup, None), text);
        }
        // Too far in to be looked for: a guess, which knows nothing of it.
        let far = [
            " ".repeat(PRESCAN).as_bytes(),
            b"<meta charset=gbk>caf\xc3\xa9",
        ]
        .concat();
        assert!(decoded(&far, None, Markup::Html, None).ends_with("café"));
    }

    #[test]
    fn text_that_names_no_character_set_is_read_all_the_same() {
        for (text, encoding, host) in [
            (
                "今天北京的天气晴朗，最高气温二十五度，适合外出游玩。",
                GBK,
                Some("news.cn"),
            ),
            (
                "今日の東京の天気は晴れで、最高気温は二十五度です。",
                SHIFT_JIS,
                None,
            ),
            (
                "오늘 서울의 날씨는 맑고 최고 기온은 이십오 도입니다.",
                EUC_KR,
                None,
            ),
            (
                "今天臺北的天氣晴朗，最高氣溫二十五度。歡迎光臨。",
                BIG5,
                Some("a.tw"),
            ),
            (
                "Сегодня в Москве ясно, до двадцати пяти градусов.",
                WINDOWS_1251,
                None,
            ),
        ] {
            let (body, _, _) = encoding.encode(text);
            assert_eq!(
                decoded(&body, None, Markup::None, host),
                text,
                "{}",
                encoding.name()
            );
        }
    }

    proptest! {
        #[test]
        fn anything_at_all_is_decoded(body in any::<Vec<u8>>(), label in "\\PC{0,12}", host in "\\PC{0,12}") {
            for markup in [Markup::Html, Markup::Xml, Markup::None] {
                decoded(&body, Some(&label), markup, Some(&host));
                decoded(&body, None, markup, Some(&host));
            }
        }

        #[test]
        fn unicode_comes_back(text in "[^\\x00\\u{feff}]*") {
            prop_assert_eq!(decoded(text.as_bytes(), None, Markup::None, None), text.as_str());
            let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
            prop_assert_eq!(decoded(&utf16, Some(UTF_16LE.name()), Markup::None, None), text);
        }
    }
}
