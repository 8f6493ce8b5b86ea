//! The two weights of the font in printed documents: what a text measures, where it breaks, its glyphs.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider, charmap::Charmap};

static REGULAR: &[u8] = include_bytes!("fonts/inter-regular.ttf");
static SEMIBOLD: &[u8] = include_bytes!("fonts/inter-semibold.ttf");
/// What stands for a character the font has not. Whoever copies or hears the text gets the character itself.
const UNKNOWN: char = '?';

/// One weight.
pub(super) struct Face {
    pub(super) font: Font,
    charmap: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units_per_em: f32,
}

impl Face {
    /// The ordinary weight; `None` when the built-in font were broken.
    pub(super) fn regular() -> Option<Self> {
        Self::new(REGULAR)
    }

    /// The weight of headings.
    pub(super) fn semibold() -> Option<Self> {
        Self::new(SEMIBOLD)
    }

    fn new(bytes: &'static [u8]) -> Option<Self> {
        let font = Font::new(bytes.to_vec().into(), 0)?;
        let units_per_em = font.units_per_em();
        let reference = FontRef::new(bytes).ok()?;
        let metrics = reference.glyph_metrics(Size::unscaled(), LocationRef::default());
        Some(Self { font, charmap: reference.charmap(), metrics, units_per_em })
    }

    fn glyph(&self, c: char) -> skrifa::GlyphId {
        let drawn = match c {
            '\u{202f}' | '\u{2007}' | '\u{2009}' => '\u{a0}',
            '\u{2011}' => '-',
            c => c,
        };
        self.charmap.map(drawn).or_else(|| self.charmap.map(UNKNOWN)).unwrap_or_default()
    }

    fn advance(&self, glyph: skrifa::GlyphId) -> f32 {
        self.metrics.advance_width(glyph).unwrap_or(self.units_per_em) / self.units_per_em
    }

    /// Width in points at this size.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.advance(self.glyph(c))).sum::<f32>() * size
    }

    /// The glyphs of a line.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(at, c): (usize, char)| {
            let glyph = self.glyph(c);
            KrillaGlyph {
                glyph_id: GlyphId::new(glyph.to_u32()),
                text_range: at..at + c.len_utf8(),
                x_advance: self.advance(glyph),
                x_offset: 0.0,
                y_offset: 0.0,
                y_advance: 0.0,
                location: None,
            }
        };
        text.char_indices().map(glyph).collect()
    }

    /// Breaks a text into lines no wider than `width` points: between words, within one that is too long by itself.
    /// Each line but the last keeps the blank it was broken at, so that no two words are read as one.
    pub(super) fn lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0.0);
        for word in clean(text).split_inclusive(' ') {
            let needed = self.width(word.trim_end_matches(' '), size);
            if used + needed > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            for c in word.chars() {
                let step = self.width(c.encode_utf8(&mut [0; 4]), size);
                if used + step > width && c != ' ' && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                line.push(c);
                used += step;
            }
        }
        lines.push(line);
        lines
    }
}

/// Characters that no document may hold are taken for blanks or for what they are: unknown.
fn clean(text: &str) -> String {
    let clean = |c: char| match c {
        c if c.is_control() => ' ',
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{e000}'..='\u{f8ff}' => '\u{fffd}',
        '\u{f0000}'.. => '\u{fffd}',
        c => c,
    };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_has_all_its_letters() {
        for face in [Face::regular().unwrap(), Face::semibold().unwrap()] {
            for c in "àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ«»’…–—°€\u{a0}\u{202f}łśčđğışțőŻ".chars()
            {
                assert_ne!(face.glyph(c), face.glyph(UNKNOWN), "{c}");
            }
        }
    }

    #[test]
    fn lines_fit_and_lose_nothing() {
        let face = Face::regular().unwrap();
        let long = "x".repeat(200);
        for text in ["", "un", "Demandée à l’agent, puis refusée : « vie privée »", &long, "a \n\u{0}b\u{feff}語"]
        {
            let lines = face.lines(text, 8.0, 60.0);
            assert_eq!(lines.concat(), clean(text));
            for line in &lines {
                assert!(face.width(line.trim_end(), 8.0) <= 60.0, "{line}");
            }
        }
    }
}
