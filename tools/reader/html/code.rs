//! Preformatted text, as it was written.

use std::rc::Rc;

use htmd::{
    Element, Node,
    element_handler::{HandlerResult, Handlers},
};

use super::tree;

/// Beginnings of class names that are followed by a language.
const LANGUAGE: [&str; 6] = [
    "language-",
    "lang-",
    "highlight-source-",
    "highlight-text-",
    "highlight-",
    "brush:",
];

/// Attributes that name one.
const ATTRIBUTES: [&str; 2] = ["data-lang", "data-language"];

/// How far around a `<pre>` its language is looked for.
const AROUND: usize = 3;

pub(super) fn handle(_: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    let text = tree::text(element.node);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if text.trim().is_empty() {
        return None;
    }
    let longest = text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
    let language = language(element.node).unwrap_or_default();
    Some(format!("\n\n{fence}{language}\n{text}\n{fence}\n\n").into())
}

/// The language of a block, as it names it itself, its `<code>` or what it stands in.
fn language(pre: &Rc<Node>) -> Option<String> {
    let code = pre.children.borrow();
    let code = code.iter().find(|child| tree::name(child) == Some("code"));
    if let Some(found) = code.and_then(|code| of(code)) {
        return Some(found);
    }
    let mut around = Some(Rc::clone(pre));
    for _ in 0..AROUND {
        let node = around?;
        if let Some(found) = of(&node) {
            return Some(found);
        }
        around = tree::parent(&node);
    }
    None
}

fn of(node: &Node) -> Option<String> {
    let named = ATTRIBUTES
        .iter()
        .find_map(|name| tree::attribute(node, name));
    let named = named.or_else(|| {
        let class = tree::attribute(node, "class")?
            .to_ascii_lowercase()
            .replace("brush: ", "brush:");
        let mut names = class.split_whitespace();
        let found = names.find_map(|class| LANGUAGE.iter().find_map(|p| class.strip_prefix(p)));
        found.map(str::to_owned)
    });
    let named = named?.trim_matches([';', ' ']).to_owned();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-#_.".contains(c);
    (!named.is_empty() && named.len() <= 20 && named.chars().all(is_name)).then_some(named)
}
