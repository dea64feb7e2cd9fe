//! Tables, as Markdown writes them.

use std::rc::Rc;

use htmd::{
    Element, Node,
    element_handler::{HandlerResult, Handlers},
};

use super::{in_one_line, tree};

/// Columns at most; what is further right stands in the last one.
const COLUMNS: usize = 100;

/// Rows that one cell reaches down at most.
const SPAN: usize = 1_000;

/// Elements that no cell of data holds: a table with them only arranges a page.
const BLOCKS: [&str; 10] = [
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "article",
    "section",
    "form",
    "blockquote",
    "pre",
];

pub(super) fn handle(handlers: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    let Table { caption, rows } = Table::of(element.node);
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or_default();
    let says_layout = tree::attribute(element.node, "role")
        .is_some_and(|role| matches!(role.as_str(), "presentation" | "none"));
    let has_header = rows.iter().flatten().any(|cell| cell.is_header);
    let is_layout = says_layout || columns < 2 || (!has_header && tree::has(element.node, &BLOCKS));
    let written = |cell: &Cell| handlers.walk_children(&cell.node).content;
    if is_layout {
        let cells = rows.iter().flatten().map(written);
        let cells = cells.map(|cell| cell.trim_matches('\n').to_owned());
        let cells: Vec<_> = cells.filter(|cell| !cell.trim().is_empty()).collect();
        return Some(format!("\n\n{}\n\n", cells.join("\n\n")).into());
    }
    let mut lines = Vec::new();
    // Cells that reach down into the next rows: for how many more, by column.
    let mut reaching = vec![0_usize; COLUMNS];
    for (number, row) in rows.iter().enumerate() {
        let mut cells: Vec<String> = Vec::new();
        let skip = |cells: &mut Vec<String>, reaching: &mut Vec<usize>| {
            while let Some(more) = reaching.get_mut(cells.len()).filter(|more| **more > 0) {
                *more -= 1;
                cells.push(String::new());
            }
        };
        for cell in row {
            skip(&mut cells, &mut reaching);
            let text = in_one_line(&written(cell)).replace('|', "\\|");
            if cells.len() >= COLUMNS {
                if let Some(last) = cells.last_mut() {
                    last.push(' ');
                    last.push_str(&text);
                }
                continue;
            }
            for column in 0..cell.columns.min(COLUMNS - cells.len()) {
                if let Some(more) = reaching.get_mut(cells.len()) {
                    *more = cell.rows - 1;
                }
                cells.push(if column == 0 {
                    text.clone()
                } else {
                    String::new()
                });
            }
        }
        skip(&mut cells, &mut reaching);
        let is_header = row.iter().all(|cell| cell.is_header);
        if number == 0 && !is_header {
            lines.push(Vec::new());
        }
        lines.push(cells);
    }
    let width = lines.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::from("\n\n");
    if let Some(caption) = caption {
        let caption = in_one_line(&handlers.walk_children(&caption).content);
        text.push_str(&caption);
        text.push_str("\n\n");
    }
    for (number, mut cells) in lines.into_iter().enumerate() {
        cells.resize(width, String::new());
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if number == 0 {
            text.push_str(&format!("|{}\n", " --- |".repeat(width)));
        }
    }
    text.push('\n');
    Some(text.into())
}

struct Table {
    caption: Option<Rc<Node>>,
    rows: Vec<Vec<Cell>>,
}

struct Cell {
    node: Rc<Node>,
    is_header: bool,
    columns: usize,
    rows: usize,
}

impl Table {
    /// The rows of a table, not those of tables in it.
    fn of(node: &Rc<Node>) -> Self {
        let mut table = Self {
            caption: None,
            rows: Vec::new(),
        };
        for child in node.children.borrow().iter() {
            match tree::name(child) {
                Some("caption") => table.caption = Some(Rc::clone(child)),
                Some("tr") => table.row(child),
                Some("thead" | "tbody" | "tfoot") => {
                    for row in child.children.borrow().iter() {
                        if tree::name(row) == Some("tr") {
                            table.row(row);
                        }
                    }
                }
                _ => {}
            }
        }
        table
    }

    fn row(&mut self, row: &Rc<Node>) {
        let in_head = tree::parent(row).is_some_and(|parent| tree::name(&parent) == Some("thead"));
        let children = row.children.borrow();
        let cells = children.iter().filter_map(|cell| {
            let is_header = match tree::name(cell)? {
                "th" => true,
                "td" => in_head,
                _ => return None,
            };
            let span = |name| tree::attribute(cell, name).and_then(|span| span.trim().parse().ok());
            Some(Cell {
                node: Rc::clone(cell),
                is_header,
                columns: span("colspan").unwrap_or(1).clamp(1, COLUMNS),
                rows: span("rowspan").unwrap_or(1).clamp(1, SPAN),
            })
        });
        let cells: Vec<_> = cells.collect();
        if !cells.is_empty() {
            self.rows.push(cells);
        }
    }
}
