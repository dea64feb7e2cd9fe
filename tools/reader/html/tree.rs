//! The tree of a page, before it is converted.

use std::rc::Rc;

use htmd::Node;
use markup5ever_rcdom::NodeData;
use url::Url;

/// Makes addresses whole, since a model may only fetch those that it has seen, and
/// takes out what readers of the page do not see: nobody but models would read it.
pub(super) fn prepare(tree: &Rc<Node>, address: &Url) {
    let base = base(tree).and_then(|base| address.join(&base).ok());
    let base = base.as_ref().unwrap_or(address);
    let mut nodes = vec![Rc::clone(tree)];
    while let Some(node) = nodes.pop() {
        resolve(&node, base);
        let mut children = node.children.borrow_mut();
        children.retain(|child| !is_hidden(child));
        nodes.extend(children.iter().cloned());
    }
}

/// What the page's `<base>` says that its links are relative to.
fn base(tree: &Rc<Node>) -> Option<String> {
    let mut nodes = vec![Rc::clone(tree)];
    while let Some(node) = nodes.pop() {
        if name(&node) == Some("base")
            && let Some(href) = attribute(&node, "href")
        {
            return Some(href);
        }
        // The first one in the document counts.
        nodes.extend(node.children.borrow().iter().rev().cloned());
    }
    None
}

fn resolve(node: &Node, base: &Url) {
    let NodeData::Element { attrs, .. } = &node.data else {
        return;
    };
    for attr in attrs.borrow_mut().iter_mut() {
        let leads_somewhere = matches!(&*attr.name.local, "href" | "src");
        // What stays on the page needs no address.
        if leads_somewhere
            && !attr.value.starts_with('#')
            && let Ok(whole) = base.join(&attr.value)
        {
            attr.value = String::from(whole).into();
        }
    }
}

fn is_hidden(node: &Node) -> bool {
    let NodeData::Element { name, attrs, .. } = &node.data else {
        return false;
    };
    // Scripts show a page that hides itself until it is complete.
    if matches!(&*name.local, "html" | "body") {
        return false;
    }
    attrs.borrow().iter().any(|attr| match &*attr.name.local {
        "hidden" => true,
        "style" => {
            let style: String = attr.value.split_whitespace().collect();
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        _ => false,
    })
}

/// The name of an element.
pub(super) fn name(node: &Node) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(&name.local),
        _ => None,
    }
}

/// An attribute of an element.
pub(super) fn attribute(node: &Node, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else {
        return None;
    };
    let attrs = attrs.borrow();
    let found = attrs.iter().find(|attr| &*attr.name.local == wanted);
    found.map(|attr| attr.value.to_string())
}

/// The element that an element is in.
pub(super) fn parent(node: &Node) -> Option<Rc<Node>> {
    let parent = node.parent.take();
    let found = parent.as_ref().and_then(std::rc::Weak::upgrade);
    node.parent.set(parent);
    found
}

/// All text below a node as it was written, `<br>` as the end of a line.
pub(super) fn text(node: &Rc<Node>) -> String {
    let mut text = String::new();
    let mut nodes = vec![Rc::clone(node)];
    while let Some(node) = nodes.pop() {
        match &node.data {
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            NodeData::Element { name, .. } if &*name.local == "br" => text.push('\n'),
            _ => {}
        }
        nodes.extend(node.children.borrow().iter().rev().cloned());
    }
    text
}

/// Whether one of these elements is below a node.
pub(super) fn has(node: &Rc<Node>, names: &[&str]) -> bool {
    let mut nodes: Vec<_> = node.children.borrow().iter().cloned().collect();
    while let Some(node) = nodes.pop() {
        if name(&node).is_some_and(|name| names.contains(&name)) {
            return true;
        }
        nodes.extend(node.children.borrow().iter().cloned());
    }
    false
}
