//! Lines and words from where glyphs stand on a page.
//!
//! A PDF has no words: it sets pieces of text at places (ISO 32000-1, 9.4). What is
//! further right than the piece before it ended is another word, what is lower is
//! another line, and what is much lower another paragraph.

use std::{collections::HashMap, rc::Rc};

use lopdf::{Dictionary, Document, Object, ObjectId, content::Content};

use super::{
    STREAM,
    font::{Font, named},
};
use crate::reader::apart::Deadline;

/// Space between words, at least, in ems.
const WORD: f64 = 0.16;

/// How much lower another line is, at least, in ems.
const LINE: f64 = 0.4;

/// How much lower another paragraph is, at least, in ems.
const PARAGRAPH: f64 = 1.7;

/// Drawings within drawings.
const DEPTH: usize = 8;

/// Longest text of a page, in bytes.
const PAGE: usize = 500_000;

/// An affine map, as PDF writes it.
#[derive(Clone, Copy)]
struct Matrix([f64; 6]);

impl Matrix {
    const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn of(operands: &[Object]) -> Option<Self> {
        let mut numbers = [0.0; 6];
        for (number, operand) in numbers.iter_mut().zip(operands) {
            *number = f64::from(operand.as_float().ok()?);
        }
        (operands.len() >= 6).then_some(Self(numbers))
    }

    /// First this, then the other.
    fn then(self, other: Self) -> Self {
        let Self([a, b, c, d, e, f]) = self;
        let Self([g, h, i, j, k, l]) = other;
        Self([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }

    fn moved(self, x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y]).then(self)
    }

    fn origin(self) -> (f64, f64) {
        let Self([.., x, y]) = self;
        (x, y)
    }

    /// How long a step upwards becomes.
    fn height(self) -> f64 {
        let Self([_, _, c, d, ..]) = self;
        c.hypot(d)
    }
}

/// What decides where the next glyph stands.
#[derive(Clone)]
struct State<'d> {
    page: Matrix,
    font: Option<Rc<Font<'d>>>,
    size: f64,
    leading: f64,
    between_glyphs: f64,
    between_words: f64,
    stretch: f64,
}

/// The reading of one page.
pub(super) struct Reading<'d> {
    document: &'d Document,
    deadline: Deadline,
    fonts: HashMap<*const Dictionary, Rc<Font<'d>>>,
    state: State<'d>,
    saved: Vec<State<'d>>,
    line: Matrix,
    text: Matrix,
    /// Where the last piece ended, and how high it was.
    end: Option<(f64, f64, f64)>,
    found: String,
}

/// What a page or a drawing on it may use.
#[derive(Clone, Default)]
struct Resources<'d> {
    fonts: HashMap<Vec<u8>, &'d Dictionary>,
    drawings: HashMap<Vec<u8>, ObjectId>,
}

impl<'d> Reading<'d> {
    pub fn new(document: &'d Document, deadline: Deadline) -> Self {
        Self {
            document,
            deadline,
            fonts: HashMap::new(),
            state: State {
                page: Matrix::IDENTITY,
                font: None,
                size: 1.0,
                leading: 0.0,
                between_glyphs: 0.0,
                between_words: 0.0,
                stretch: 1.0,
            },
            saved: Vec::new(),
            line: Matrix::IDENTITY,
            text: Matrix::IDENTITY,
            end: None,
            found: String::new(),
        }
    }

    /// The text of a page.
    pub fn page(mut self, id: ObjectId) -> lopdf::Result<String> {
        let mut resources = Resources::default();
        let (own, inherited) = self.document.get_page_resources(id)?;
        let inherited = inherited
            .iter()
            .filter_map(|id| self.document.get_dictionary(*id).ok());
        for dictionary in own.into_iter().chain(inherited) {
            resources.add(self.document, dictionary);
        }
        let content = self.document.get_page_content_with_limit(id, STREAM)?;
        self.content(&content, &resources, DEPTH)?;
        Ok(tidy(&self.found))
    }

    fn content(
        &mut self,
        content: &[u8],
        resources: &Resources<'d>,
        depth: usize,
    ) -> lopdf::Result<()> {
        for operation in Content::decode(content)?.operations {
            if self.deadline.is_over() || self.found.len() > PAGE {
                break;
            }
            let operands = operation.operands.as_slice();
            let number = |at: usize| {
                operands
                    .get(at)
                    .and_then(|o| o.as_float().ok())
                    .map_or(0.0, f64::from)
            };
            match operation.operator.as_str() {
                "q" if self.saved.len() < 1_000 => self.saved.push(self.state.clone()),
                "Q" => self.state = self.saved.pop().unwrap_or_else(|| self.state.clone()),
                "cm" => {
                    if let Some(matrix) = Matrix::of(operands) {
                        self.state.page = matrix.then(self.state.page);
                    }
                }
                "BT" => {
                    self.line = Matrix::IDENTITY;
                    self.text = Matrix::IDENTITY;
                }
                "Tf" => {
                    let name = operands.first().and_then(|name| name.as_name().ok());
                    let font = name.and_then(|name| resources.fonts.get(name).copied());
                    self.state.font = font.map(|font| self.font(font));
                    self.state.size = number(1);
                }
                "TL" => self.state.leading = number(0),
                "Tc" => self.state.between_glyphs = number(0),
                "Tw" => self.state.between_words = number(0),
                "Tz" => self.state.stretch = number(0) / 100.0,
                "Td" => self.next_line(number(0), number(1)),
                "TD" => {
                    self.state.leading = -number(1);
                    self.next_line(number(0), number(1));
                }
                "Tm" => {
                    if let Some(matrix) = Matrix::of(operands) {
                        self.line = matrix;
                        self.text = matrix;
                    }
                }
                "T*" => self.next_line(0.0, -self.state.leading),
                "Tj" | "TJ" => operands.iter().for_each(|text| self.show(text)),
                "'" => {
                    self.next_line(0.0, -self.state.leading);
                    operands.iter().for_each(|text| self.show(text));
                }
                "\"" => {
                    self.state.between_words = number(0);
                    self.state.between_glyphs = number(1);
                    self.next_line(0.0, -self.state.leading);
                    operands.iter().skip(2).for_each(|text| self.show(text));
                }
                "Do" if depth > 0 => {
                    let name = operands.first().and_then(|name| name.as_name().ok());
                    let drawing = name.and_then(|name| resources.drawings.get(name));
                    if let Some(drawing) = drawing {
                        self.drawing(*drawing, resources, depth - 1);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The text of a drawing that a page uses; pictures have none, and one that is
    /// damaged leaves the rest of the page as it is.
    fn drawing(&mut self, id: ObjectId, around: &Resources<'d>, depth: usize) {
        let Ok(stream) = self.document.get_object(id).and_then(Object::as_stream) else {
            return;
        };
        if !named(stream.dict.get(b"Subtype"), b"Form") {
            return;
        }
        let mut resources = around.clone();
        let own = stream.dict.get(b"Resources").ok();
        let own = own.and_then(|own| self.document.dereference(own).ok());
        if let Some((_, Object::Dictionary(own))) = own {
            resources = Resources::default();
            resources.add(self.document, own);
        }
        let before = self.state.clone();
        let saved = std::mem::take(&mut self.saved);
        let matrix = stream.dict.get(b"Matrix").and_then(Object::as_array);
        if let Some(matrix) = matrix.ok().and_then(|matrix| Matrix::of(matrix)) {
            self.state.page = matrix.then(self.state.page);
        }
        if let Ok(content) = stream.get_plain_content_with_limit(STREAM) {
            let _ = self.content(&content, &resources, depth);
        }
        self.saved = saved;
        self.state = before;
    }

    fn font(&mut self, font: &'d Dictionary) -> Rc<Font<'d>> {
        let document = self.document;
        let known = self.fonts.entry(std::ptr::from_ref(font));
        Rc::clone(known.or_insert_with(|| Rc::new(Font::new(document, font))))
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line = self.line.moved(x, y);
        self.text = self.line;
    }

    fn show(&mut self, shown: &Object) {
        match shown {
            Object::String(codes, _) => self.piece(codes),
            Object::Array(pieces) => {
                for piece in pieces {
                    match piece {
                        Object::String(codes, _) => self.piece(codes),
                        other => {
                            let back = other.as_float().map_or(0.0, f64::from) / 1000.0;
                            let x = -back * self.state.size * self.state.stretch;
                            self.text = self.text.moved(x, 0.0);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn piece(&mut self, codes: &[u8]) {
        let Some(font) = self.state.font.clone() else {
            return;
        };
        let (words, ems, count) = font.shown(codes);
        let spaces = codes.iter().filter(|code| **code == b' ').count() as f64;
        let width = ems * self.state.size
            + count as f64 * self.state.between_glyphs
            + spaces * self.state.between_words;
        let at = self.text.then(self.state.page);
        self.text = self.text.moved(width * self.state.stretch, 0.0);
        let ((x, y), height) = (at.origin(), at.height() * self.state.size.abs());
        let (end, _) = self.text.then(self.state.page).origin();
        if words.is_empty() {
            return;
        }
        if let Some((last_end, last_y, last_height)) = self.end {
            let em = height.max(last_height).max(0.001);
            let lower = (y - last_y).abs() / em;
            if lower > PARAGRAPH {
                self.found.push_str("\n\n");
            } else if lower > LINE {
                self.found.push('\n');
            } else if x - last_end > WORD * em || last_end - x > 2.0 * em {
                self.found.push(' ');
            }
        }
        self.found.push_str(&words);
        self.end = Some((end, y, height));
    }
}

impl<'d> Resources<'d> {
    /// What is nearer to the page was added before.
    fn add(&mut self, document: &'d Document, dictionary: &'d Dictionary) {
        let entries = |name: &[u8]| {
            let object = dictionary.get(name).ok();
            let object = object.and_then(|object| document.dereference(object).ok());
            match object {
                Some((_, Object::Dictionary(entries))) => Some(entries),
                _ => None,
            }
        };
        for (name, font) in entries(b"Font").into_iter().flat_map(Dictionary::iter) {
            if let Ok((_, Object::Dictionary(font))) = document.dereference(font) {
                self.fonts.entry(name.clone()).or_insert(font);
            }
        }
        for (name, drawing) in entries(b"XObject").into_iter().flat_map(Dictionary::iter) {
            if let Ok(id) = drawing.as_reference() {
                self.drawings.entry(name.clone()).or_insert(id);
            }
        }
    }
}

/// Words with one space between them, words that were broken at the end of a line in
/// one piece, and no control characters.
fn tidy(page: &str) -> String {
    const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];
    let mut text = String::new();
    for line in page.lines() {
        let words = line.split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{fffd}');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let line = words.join(" ");
        let broken = text
            .strip_suffix('\n')
            .and_then(|text| text.strip_suffix(HYPHENS))
            .filter(|word| {
                word.ends_with(char::is_lowercase) && line.starts_with(char::is_lowercase)
            });
        if let Some(word) = broken {
            text.truncate(word.len());
        } else if line.is_empty() && (text.is_empty() || text.ends_with("\n\n")) {
            continue;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.trim_matches('\n').replace('\u{ad}', "")
}
