//! A tagged document under way: headings, paragraphs and tables flow over pages, and each of them is at the same time a
//! node of the structure that screen readers follow. Two passes: first all is placed, then drawn, so that each page can
//! say how many there are.

use super::face::Face;
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};
use krilla::{Document, SerializeSettings};
use std::num::NonZeroU16;

/// A4, lying, in points.
const PAGE: (f32, f32) = (841.89, 595.28);
const MARGIN: f32 = 40.0;
const TOP: f32 = 62.0;
const BOTTOM: f32 = PAGE.1 - 50.0;
/// Width of what flows.
pub(super) const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
const TEXT: f32 = 9.0;
const CELL: f32 = 7.5;
const CELL_LEADING: f32 = 10.0;
const PADDING: f32 = 3.0;

const INK: (u8, u8, u8) = (0x1a, 0x1d, 0x21);
const DIM: (u8, u8, u8) = (0x4a, 0x50, 0x58);
const LINE: (u8, u8, u8) = (0xc4, 0xc9, 0xd0);
const SHADE: (u8, u8, u8) = (0xe9, 0xec, 0xf0);

/// Why no document was made.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The library refused what we drew: a fault of ours.
    #[error("the document cannot be written: {0}")]
    Library(String),
    /// The built-in font cannot be read: a fault of ours.
    #[error("the built-in font cannot be read")]
    Font,
}

/// Something to draw.
enum Mark {
    /// A line of text; without a slot it is no content (page headers, repeated table headings).
    Text { slot: Option<usize>, at: (f32, f32), size: f32, bold: bool, ink: (u8, u8, u8), text: String },
    /// A filled area, for the eye alone.
    Area { at: (f32, f32), size: (f32, f32), ink: (u8, u8, u8) },
}

/// A node of the structure.
struct Element {
    tag: TagKind,
    children: Vec<Child>,
}

enum Child {
    Element(Element),
    /// A line of text that was drawn.
    Slot(usize),
}

impl Element {
    fn new(tag: impl Into<TagKind>, children: Vec<Child>) -> Self {
        Self { tag: tag.into(), children }
    }
}

/// A column of a table.
pub(super) struct Column {
    /// Heading.
    pub(super) heading: String,
    /// Share of the width, against those of the others.
    pub(super) share: f32,
}

/// What frames every page and describes the document.
pub(super) struct Frame {
    /// Title of the document.
    pub(super) title: String,
    /// `fr` or `en`.
    pub(super) language: &'static str,
    /// On top of each page.
    pub(super) header: String,
    /// At the foot of each page, given its number and how many there are.
    pub(super) footer: Box<dyn Fn(usize, usize) -> String>,
}

/// The document.
pub(super) struct Paper {
    regular: Face,
    semibold: Face,
    pages: Vec<Vec<Mark>>,
    y: f32,
    slots: usize,
    root: Vec<Element>,
    bookmarks: Vec<(String, usize, f32)>,
}

impl Paper {
    pub(super) fn new() -> Result<Self, PdfError> {
        let (Some(regular), Some(semibold)) = (Face::regular(), Face::semibold()) else { return Err(PdfError::Font) };
        let (pages, root, bookmarks) = (vec![Vec::new()], Vec::new(), Vec::new());
        Ok(Self { regular, semibold, pages, y: TOP, slots: 0, root, bookmarks })
    }

    fn face(&self, bold: bool) -> &Face {
        if bold { &self.semibold } else { &self.regular }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    fn next_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Goes to the next page unless so much fits here.
    fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.next_page();
        }
    }

    fn line(&mut self, at: (f32, f32), size: f32, bold: bool, text: String) -> Child {
        let slot = self.slots;
        self.slots += 1;
        self.mark(Mark::Text { slot: Some(slot), at, size, bold, ink: INK, text });
        Child::Slot(slot)
    }

    fn flow(&mut self, text: &str, size: f32, bold: bool) -> Vec<Child> {
        let leading = size * 1.45;
        let mut children = Vec::new();
        for line in self.face(bold).lines(text, size, WIDTH) {
            self.room(leading);
            self.y += leading;
            children.push(self.line((MARGIN, self.y), size, bold, line));
        }
        children
    }

    /// A heading of level 1 or 2, with its bookmark.
    pub(super) fn heading(&mut self, level: u16, text: &str) {
        let size = if level == 1 { 18.0 } else { 13.0 };
        self.y += if level == 1 { 0.0 } else { 14.0 };
        self.room(size * 4.0);
        self.bookmarks.push((text.to_owned(), self.pages.len() - 1, self.y));
        let children = self.flow(text, size, true);
        let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        self.root.push(Element::new(Tag::Hn(level, Some(text.to_owned())), children));
        self.y += 4.0;
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        let children = self.flow(text, TEXT, false);
        self.root.push(Element::new(Tag::P, children));
        self.y += 4.0;
    }

    /// Lines to be copied as they stand.
    pub(super) fn verbatim(&mut self, text: &str) {
        let children = text.lines().flat_map(|line| self.flow(line, 8.0, false)).collect();
        let code = Child::Element(Element::new(Tag::Code, children));
        self.root.push(Element::new(Tag::P, vec![code]));
        self.y += 4.0;
    }

    /// A table whose first cell heads its row. On a further page the headings are drawn again, for the eye alone.
    pub(super) fn table(&mut self, columns: &[Column], rows: impl Iterator<Item = Vec<String>>) {
        let whole: f32 = columns.iter().map(|column| column.share).sum();
        let mut bounds = vec![MARGIN];
        for column in columns {
            bounds.push(bounds[bounds.len() - 1] + WIDTH * column.share / whole);
        }
        let headings: Vec<String> = columns.iter().map(|column| column.heading.clone()).collect();
        self.y += 4.0;
        let head = self.headings(&bounds, &headings, true);
        let cells = head.into_iter().map(|lines| Element::new(Tag::TH(TableHeaderScope::Column), paragraph(lines)));
        let row = Element::new(Tag::TR, cells.map(Child::Element).collect());
        let head = Element::new(Tag::THead, vec![Child::Element(row)]);
        let mut body = Vec::new();
        for row in rows {
            let lines = self.row(&bounds, &headings, &row);
            let cells = lines.into_iter().enumerate().map(|(column, lines)| match column {
                0 => Element::new(Tag::TH(TableHeaderScope::Row), paragraph(lines)),
                _ => Element::new(Tag::TD, paragraph(lines)),
            });
            body.push(Child::Element(Element::new(Tag::TR, cells.map(Child::Element).collect())));
        }
        let body = Element::new(Tag::TBody, body);
        self.root.push(Element::new(Tag::Table, vec![Child::Element(head), Child::Element(body)]));
        self.y += 4.0;
    }

    fn broken(&self, bounds: &[f32], cells: &[String], bold: bool) -> Vec<Vec<String>> {
        let widths = bounds.windows(2).map(|bound| bound[1] - bound[0] - 2.0 * PADDING);
        cells.iter().zip(widths).map(|(cell, width)| self.face(bold).lines(cell, CELL, width)).collect()
    }

    fn headings(&mut self, bounds: &[f32], headings: &[String], first: bool) -> Vec<Vec<Child>> {
        let cells = self.broken(bounds, headings, true);
        let height = height_of(cells.iter().map(Vec::len).max().unwrap_or(1));
        // A heading without a row under it helps nobody.
        self.room(height + height_of(2));
        self.mark(Mark::Area { at: (MARGIN, self.y), size: (WIDTH, height), ink: SHADE });
        let top = self.y;
        let mut drawn = Vec::new();
        for (lines, left) in cells.into_iter().zip(bounds) {
            let mut children = Vec::new();
            for (n, text) in lines.into_iter().enumerate() {
                let at = (left + PADDING, top + PADDING + (n + 1) as f32 * CELL_LEADING - 2.5);
                if first {
                    children.push(self.line(at, CELL, true, text));
                } else {
                    self.mark(Mark::Text { slot: None, at, size: CELL, bold: true, ink: INK, text });
                }
            }
            drawn.push(children);
        }
        self.y += height;
        drawn
    }

    /// Draws a row, over as many pages as it needs.
    fn row(&mut self, bounds: &[f32], headings: &[String], cells: &[String]) -> Vec<Vec<Child>> {
        let cells = self.broken(bounds, cells, false);
        let longest = cells.iter().map(Vec::len).max().unwrap_or(1);
        let mut drawn: Vec<Vec<Child>> = cells.iter().map(|_| Vec::new()).collect();
        let mut from = 0;
        // What fits a page of its own is not torn.
        let least = longest.min(((BOTTOM - TOP - height_of(4)) / CELL_LEADING) as usize).max(1);
        if self.y + height_of(least) > BOTTOM {
            self.next_page();
            self.headings(bounds, headings, false);
        }
        while from < longest {
            let fit = ((BOTTOM - self.y - 2.0 * PADDING) / CELL_LEADING) as usize;
            if fit == 0 {
                self.next_page();
                self.headings(bounds, headings, false);
                continue;
            }
            let until = longest.min(from + fit);
            for (column, lines) in cells.iter().enumerate() {
                let part = lines.get(from..until.min(lines.len())).unwrap_or_default();
                for (n, text) in part.iter().enumerate() {
                    let at = (bounds[column] + PADDING, self.y + PADDING + (n + 1) as f32 * CELL_LEADING - 2.5);
                    let child = self.line(at, CELL, false, text.clone());
                    drawn[column].push(child);
                }
            }
            self.y += height_of(until - from);
            self.mark(Mark::Area { at: (MARGIN, self.y), size: (WIDTH, 0.5), ink: LINE });
            from = until;
        }
        drawn
    }

    /// Draws everything; the document's bytes.
    pub(super) fn finish(self, frame: &Frame) -> Result<Vec<u8>, PdfError> {
        let configuration = ConfigurationBuilder::new()
            .with_accessibility_validator(Accessibility::UA1)
            .finish()
            .map_err(|error| PdfError::Library(format!("{error:?}")))?;
        let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1);
        let settings = settings.ok_or_else(|| PdfError::Library("no page of that size".to_owned()))?;
        let mut drawn: Vec<Option<Identifier>> = vec![None; self.slots];
        for (number, marks) in self.pages.iter().enumerate() {
            let mut page = document.start_page_with(settings.clone());
            let mut surface = page.surface();
            let foot = (frame.footer)(number + 1, self.pages.len());
            self.artifact(&mut surface, ArtifactType::Header, 34.0, &frame.header);
            for mark in marks {
                match mark {
                    Mark::Text { slot, at, size, bold, ink, text } => {
                        let tag = match slot {
                            Some(_) => ContentTag::Span(SpanTag::empty()),
                            None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
                        };
                        let id = surface.start_tagged(tag);
                        self.text(&mut surface, *at, *size, *bold, *ink, text);
                        surface.end_tagged();
                        if let Some(place) = slot.and_then(|slot| drawn.get_mut(slot)) {
                            *place = Some(id);
                        }
                    }
                    Mark::Area { at, size, ink } => {
                        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
                        area(&mut surface, *at, *size, *ink);
                        surface.end_tagged();
                    }
                }
            }
            self.artifact(&mut surface, ArtifactType::Footer, PAGE.1 - 26.0, &foot);
            surface.finish();
            page.finish();
        }
        let mut outline = Outline::new();
        for (text, page, y) in &self.bookmarks {
            let there = XyzDestination::new(*page, Point::from_xy(MARGIN, *y));
            outline.push_child(OutlineNode::new(text.clone(), there));
        }
        document.set_outline(outline);
        let mut tree = TagTree::new().with_lang(Some(frame.language.to_owned()));
        self.root.into_iter().for_each(|element| tree.push(group(element, &mut drawn)));
        document.set_tag_tree(tree);
        document.set_metadata(
            Metadata::new()
                .title(frame.title.clone())
                .language(frame.language.to_owned())
                .creator(format!("ecluse {}", env!("CARGO_PKG_VERSION"))),
        );
        document.finish().map_err(|error| PdfError::Library(format!("{error}; {error:?}").chars().take(500).collect()))
    }

    fn artifact(&self, surface: &mut Surface<'_>, kind: ArtifactType, y: f32, text: &str) {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
        // One line: what is longer than the page is wide is cut, the first page says it in full.
        let line = self.regular.lines(text, 7.5, WIDTH).into_iter().next().unwrap_or_default();
        self.text(surface, (MARGIN, y), 7.5, false, DIM, &line);
        surface.end_tagged();
    }

    fn text(&self, surface: &mut Surface<'_>, at: (f32, f32), size: f32, bold: bool, ink: (u8, u8, u8), text: &str) {
        let face = self.face(bold);
        surface.set_fill(Some(fill(ink)));
        surface.draw_glyphs(Point::from_xy(at.0, at.1), &face.glyphs(text), face.font.clone(), text, size, false);
    }
}

fn paragraph(lines: Vec<Child>) -> Vec<Child> {
    vec![Child::Element(Element::new(Tag::P, lines))]
}

fn height_of(lines: usize) -> f32 {
    lines as f32 * CELL_LEADING + 2.0 * PADDING
}

fn group(element: Element, drawn: &mut [Option<Identifier>]) -> TagGroup {
    let mut group = TagGroup::new(element.tag);
    for child in element.children {
        match child {
            Child::Element(element) => group.push(Node::Group(self::group(element, drawn))),
            Child::Slot(slot) => {
                if let Some(id) = drawn.get_mut(slot).and_then(Option::take) {
                    group.push(id);
                }
            }
        }
    }
    group
}

fn fill((red, green, blue): (u8, u8, u8)) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: Default::default() }
}

fn area(surface: &mut Surface<'_>, at: (f32, f32), size: (f32, f32), ink: (u8, u8, u8)) {
    let Some(rect) = Rect::from_xywh(at.0, at.1, size.0, size.1) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    if let Some(path) = path.finish() {
        surface.set_fill(Some(fill(ink)));
        surface.draw_path(&path);
    }
}
