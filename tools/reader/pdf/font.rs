//! What the codes of a font mean, and how wide they are.

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Encoding, Object};

/// Bytes that a map of a font may unpack to.
const MAP: usize = 4_000_000;

/// Codes whose widths are kept.
const WIDTHS: usize = 70_000;

/// The highest code.
const LAST: f64 = 65_535.0;

/// Width of a glyph whose font says nothing, in ems.
const USUAL: f64 = 0.5;

pub(super) struct Font<'d> {
    encoding: Option<Encoding<'d>>,
    /// Whether a code has two bytes.
    is_wide: bool,
    /// In thousandths of an em, by code.
    widths: HashMap<u32, f64>,
    /// Of all other codes.
    width: f64,
}

impl<'d> Font<'d> {
    pub fn new(document: &'d Document, font: &'d Dictionary) -> Self {
        let is_wide = named(font.get(b"Subtype"), b"Type0");
        let mut new = Self {
            encoding: font.get_font_encoding_with_limit(document, MAP).ok(),
            is_wide,
            widths: HashMap::new(),
            width: USUAL * 1000.0,
        };
        if is_wide {
            new.wide_widths(document, font);
        } else {
            new.simple_widths(document, font);
        }
        new
    }

    /// What codes mean, and how wide they are together in ems, with how many they are.
    pub fn shown(&self, codes: &[u8]) -> (String, f64, usize) {
        let text = self
            .encoding
            .as_ref()
            .and_then(|e| e.bytes_to_string(codes).ok());
        let wide = codes.chunks(if self.is_wide { 2 } else { 1 });
        let count = wide.len();
        let width: f64 = wide
            .map(|code| {
                code.iter()
                    .fold(0, |code, byte| (code << 8) | u32::from(*byte))
            })
            .map(|code| self.widths.get(&code).copied().unwrap_or(self.width))
            .sum();
        (text.unwrap_or_default(), width / 1000.0, count)
    }

    fn simple_widths(&mut self, document: &Document, font: &Dictionary) {
        let first = number(document, font.get(b"FirstChar").ok()).unwrap_or_default();
        let first = first.clamp(0.0, LAST) as u32;
        // The glyphs of these fonts have a scale of their own.
        let scale = match font.get(b"FontMatrix").and_then(Object::as_array) {
            Ok(matrix) => {
                matrix
                    .first()
                    .and_then(|a| a.as_float().ok())
                    .map_or(1.0, f64::from)
                    * 1000.0
            }
            Err(_) => 1.0,
        };
        for (code, width) in (first..).zip(array(document, font.get(b"Widths").ok())) {
            if let Some(width) = number(document, Some(width)).filter(|width| *width > 0.0) {
                self.widths.insert(code, width * scale);
            }
            if self.widths.len() >= WIDTHS {
                break;
            }
        }
    }

    /// ISO 32000-1, 9.7.4.3.
    fn wide_widths(&mut self, document: &Document, font: &Dictionary) {
        let Some(descendant) = array(document, font.get(b"DescendantFonts").ok()).first() else {
            return;
        };
        let Ok((_, Object::Dictionary(descendant))) = document.dereference(descendant) else {
            return;
        };
        self.width = number(document, descendant.get(b"DW").ok()).unwrap_or(1000.0);
        let mut rest = array(document, descendant.get(b"W").ok());
        while let [first, second, after @ ..] = rest {
            let Some(first) = number(document, Some(first)) else {
                break;
            };
            let first = first.clamp(0.0, LAST) as u32;
            let listed = array(document, Some(second));
            if !listed.is_empty() {
                for (code, width) in (first..).zip(listed) {
                    self.set(code, number(document, Some(width)));
                }
                rest = after;
                continue;
            }
            let [width, after @ ..] = after else { break };
            let last = number(document, Some(second)).unwrap_or_default();
            let last = last.clamp(0.0, LAST) as u32;
            let width = number(document, Some(width));
            for code in (first..=last).take(WIDTHS) {
                self.set(code, width);
            }
            rest = after;
        }
    }

    fn set(&mut self, code: u32, width: Option<f64>) {
        if let Some(width) = width
            && self.widths.len() < WIDTHS
        {
            self.widths.insert(code, width);
        }
    }
}

/// Whether a name is this one.
pub(super) fn named(object: lopdf::Result<&Object>, name: &[u8]) -> bool {
    object
        .and_then(Object::as_name)
        .is_ok_and(|found| found == name)
}

fn number(document: &Document, object: Option<&Object>) -> Option<f64> {
    let (_, object) = document.dereference(object?).ok()?;
    object.as_float().ok().map(f64::from)
}

fn array<'d>(document: &'d Document, object: Option<&'d Object>) -> &'d [Object] {
    let object = object.and_then(|object| document.dereference(object).ok());
    match object {
        Some((_, Object::Array(items))) => items,
        _ => &[],
    }
}
