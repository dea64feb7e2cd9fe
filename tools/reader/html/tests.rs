#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn converted(page: &str, form: Form) -> Converted {
    let address = Url::parse("https://a.test/b/").unwrap();
    let deadline = Deadline::after(Duration::from_secs(60));
    convert(page, &address, Extent::Whole, form, deadline).unwrap()
}

#[test]
fn pages_become_markdown() {
    for (page, text) in [
        (
            "<h1>News</h1><p>It is <b>sunny</b>.</p>",
            "# News\n\nIt is **sunny**.",
        ),
        (
            "<title> A &amp;\n b </title><p>Text<script>x</script><style>y</style>",
            "# A & b\n\nText",
        ),
        ("<title>T</title><h1>H</h1><p>x", "# H\n\nx"),
        (
            "<svg><title>icon</title></svg><noscript>no</noscript>x",
            "x",
        ),
        (
            "<h2>a</h2><ul><li>b<li><a href=/c>d</a></ul>",
            "## a\n\n*   b\n*   [d](https://a.test/c)",
        ),
        (
            "<base href=/x/><a href=y?z#1>d</a> <a href=#1>e</a> <img src=//b.test/f alt=f>",
            "[d](https://a.test/x/y?z#1) e ![f](https://b.test/f)",
        ),
        ("<a href='/a(b)'>c\n d</a>", "[c d](<https://a.test/a(b)>)"),
        ("<a href='javascript:x()'>y</a> <a href=/z></a>", "y"),
        (
            "<img src='data:image/png;base64,x' alt='a chart'>",
            "[Image: a chart]",
        ),
        ("<p hidden>x</p><p style='Display : none'>y</p>z", "z"),
        ("", ""),
    ] {
        assert_eq!(converted(page, Form::Markdown).text, text, "{page}");
    }
}

#[test]
fn links_are_numbered_by_where_they_lead() {
    let page = "<title>T</title><h1>A <a href=#b>b</a></h1><a href=/c><b>c</b>\nd</a> <a href=//o.test/>o</a> \
        <a href=c>e</a> <a href=/c>f</a> <img alt='a cat' src=g><img src=h>";
    let Converted { title, text, links } = converted(page, Form::Numbered);
    assert_eq!(title, "T");
    assert_eq!(
        text,
        "# A b\n\n【0†c d】 【1†o†o.test】 【2†e】 【0†f】 [Image 0: a cat][Image 1]"
    );
    let links: Vec<_> = links.iter().map(Url::as_str).collect();
    assert_eq!(
        links,
        ["https://a.test/c", "https://o.test/", "https://a.test/b/c"]
    );
    let quoted = converted(page, Form::Quoted);
    assert_eq!(quoted.text, "# A b\n\nc d o e f [Image 0: a cat][Image 1]");
    assert!(quoted.links.is_empty());
}

#[test]
fn tables_are_tables() {
    for (page, text) in [
        (
            "<table><tr><th>a<th>b<tr><td>1|2<td>x<br>y</table>",
            "| a | b |\n| --- | --- |\n| 1\\|2 | x y |",
        ),
        (
            "<table><tr><td>a<td>b<tr><td>1<td>2</table>",
            "|  |  |\n| --- | --- |\n| a | b |\n| 1 | 2 |",
        ),
        (
            "<table><thead><tr><td>a<td>b</thead><tbody><tr><th>1<td>2</tbody></table>",
            "| a | b |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            "<table><tr><th>k<td>v<tr><th>l<td>w</table>",
            "|  |  |\n| --- | --- |\n| k | v |\n| l | w |",
        ),
        (
            "<table><tr><th colspan=2>a<th>b<tr><td rowspan=2>1<td>2<td>3<tr><td>4<td>5</table>",
            "| a |  | b |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n|  | 4 | 5 |",
        ),
        (
            "<table><tr><td><h2>Left</h2><td><p>Right</table>",
            "## Left\n\nRight",
        ),
        ("<table role=presentation><tr><td>a<td>b</table>", "a\n\nb"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
        (
            "<table><tr><th>a<th>b<tr><td>x<td><table><tr><th>c<th>d<tr><td>1<td>2</table></table>",
            "| a | b |\n| --- | --- |\n| x | \\| c \\| d \\| \\| --- \\| --- \\| \\| 1 \\| 2 \\| |",
        ),
        ("<table></table>x", "x"),
    ] {
        assert_eq!(converted(page, Form::Markdown).text, text, "{page}");
    }
}

#[test]
fn code_is_as_it_was_written() {
    for (page, text) in [
        (
            "<pre><code class='hljs language-rust'>fn a() {\n\n    b();\n}\n</code></pre>",
            "```rust\nfn a() {\n\n    b();\n}\n```",
        ),
        ("<pre>  a\n\tb_c *d*\n</pre>", "```\n  a\n\tb_c *d*\n```"),
        (
            "<div class='highlight highlight-source-shell'><pre>ls <span>-l</span></pre></div>",
            "```shell\nls -l\n```",
        ),
        ("<pre class='brush: js;'>a<br>b</pre>", "```js\na\nb\n```"),
        ("<pre data-lang=toml>a</pre>", "```toml\na\n```"),
        (
            "<pre class='language-'><code>a ``` b</code></pre>",
            "````\na ``` b\n````",
        ),
        ("<p>Run <code>a|b</code> now", "Run `a|b` now"),
        ("<pre> </pre>x", "x"),
        ("<pre class='language-\n```\nx'>a</pre>", "```\na\n```"),
    ] {
        assert_eq!(converted(page, Form::Markdown).text, text, "{page}");
        assert_eq!(converted(page, Form::Numbered).text, text, "{page}");
    }
}

#[test]
fn what_takes_too_long_is_given_up() {
    let address = Url::parse("https://a.test/").unwrap();
    let over = Deadline::after(Duration::ZERO);
    let page = "<p>x".repeat(1_000);
    for extent in [Extent::Main, Extent::Whole] {
        let given_up = convert(&page, &address, extent, Form::Numbered, over);
        assert_eq!(given_up, Err("it takes too long to read".to_owned()));
    }
}

proptest! {
    #[test]
    fn anything_at_all_is_converted(
        pieces in prop::collection::vec(
            prop_oneof![
                "\\PC{0,8}",
                prop::sample::select(vec![
                    "<p>", "</p>", "<b>", "</b>", "<a href=x>", "<a href=//b.test/>", "</a>", "<table>",
                    "<tr>", "<th>", "<td rowspan=2>", "<td colspan=3>", "</table>", "<pre>", "</pre>",
                    "<code class=language-c>", "</code>", "<ul>", "<li>", "<ol start=x>", "</ul>", "<h1>",
                    "<img alt=y src=z>", "<br>", "<blockquote>", "<!--", "-->", "<script>", "<svg>",
                    "<math>", "<template>", "<caption>", "<select>", "<title>", "<frameset>", "<?x?>",
                    "<![CDATA[", "&#0;", "【9†", "】", "|", "```",
                ]).prop_map(str::to_owned),
            ],
            0..40,
        ),
    ) {
        let page = pieces.concat();
        for form in [Form::Markdown, Form::Numbered, Form::Quoted] {
            let whole = converted(&page, form);
            if form == Form::Quoted {
                prop_assert!(whole.links.is_empty());
            }
        }
        let address = Url::parse("https://a.test/b/").unwrap();
        let deadline = Deadline::after(Duration::from_secs(60));
        prop_assert!(convert(&page, &address, Extent::Main, Form::Numbered, deadline).is_ok());
    }
}
