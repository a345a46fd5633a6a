//! A backend of Plotters that draws into pixels: shapes by tiny-skia, letters as the outlines of a
//! font that comes with the program, so that no font of the system is needed.

use std::convert::Infallible;

use anyhow::{Context, Result};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};
use tiny_skia::{
    Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};
use ttf_parser::{Face, OutlineBuilder};

use super::png;

/// Pixels along one unit of the picture: text stays sharp in print.
const SCALE: f32 = 2.0;
/// Plotters' size of a font against its em, as its SVG backend has it.
const SIZE_OF_EM: f64 = 1.24;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// The pixels of a picture.
pub struct Pixels {
    pixmap: Pixmap,
    face: Face<'static>,
}

impl Pixels {
    /// White, `size` units wide and high.
    pub fn new((width, height): (u32, u32)) -> Result<Self> {
        let scaled = |length: u32| (length as f32 * SCALE) as u32;
        let mut pixmap = Pixmap::new(scaled(width), scaled(height))
            .with_context(|| format!("a picture of {width} x {height} is too large or empty"))?;
        pixmap.fill(Color::WHITE);
        let face = Face::parse(epaint_default_fonts::UBUNTU_LIGHT, 0)
            .context("the font that comes with this program is damaged")?;
        Ok(Self { pixmap, face })
    }

    /// The picture as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>> {
        // Nothing shows through a white ground, so the fourth byte says nothing.
        let (pixels, _) = self.pixmap.data().as_chunks::<4>();
        let rgb: Vec<u8> = pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        png::encode(self.pixmap.width(), self.pixmap.height(), &rgb)
    }
}

/// Draws into [`Pixels`].
pub struct Canvas<'a>(pub &'a mut Pixels);

impl Canvas<'_> {
    fn fill(&mut self, path: Option<Path>, color: BackendColor, transform: Transform) -> Drawn {
        if let Some(path) = path {
            let transform = transform.post_scale(SCALE, SCALE);
            let rule = FillRule::Winding;
            self.0.pixmap.fill_path(&path, &paint(color), rule, transform, None);
        }
        Ok(())
    }

    fn stroke(&mut self, path: Option<Path>, style: &impl BackendStyle) -> Drawn {
        if let Some(path) = path {
            let width = style.stroke_width() as f32;
            let stroke = Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
            let transform = Transform::from_scale(SCALE, SCALE);
            self.0.pixmap.stroke_path(&path, &paint(style.color()), &stroke, transform, None);
        }
        Ok(())
    }

    /// The width of `text` with an em of this length.
    fn width(&self, text: &str, em: f64) -> f64 {
        let face = &self.0.face;
        let advances = text.chars().filter_map(|letter| face.glyph_index(letter));
        let advances = advances.filter_map(|glyph| face.glyph_hor_advance(glyph));
        advances.map(f64::from).sum::<f64>() * em / f64::from(face.units_per_em())
    }
}

fn paint(color: BackendColor) -> Paint<'static> {
    let (red, green, blue) = color.rgb;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, (color.alpha * 255.0).round() as u8);
    paint
}

fn line(points: impl IntoIterator<Item = BackendCoord>, closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        match path.is_empty() {
            true => path.move_to(x as f32, y as f32),
            false => path.line_to(x as f32, y as f32),
        }
    }
    if closed && !path.is_empty() {
        path.close();
    }
    path.finish()
}

fn rectangle((left, top): BackendCoord, (right, bottom): BackendCoord) -> Option<Path> {
    let (left, right) = (left.min(right), left.max(right));
    let (top, bottom) = (top.min(bottom), top.max(bottom));
    let sides = Rect::from_ltrb(left as f32, top as f32, right as f32, bottom as f32);
    sides.map(PathBuilder::from_rect)
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = |pixels: u32| (pixels as f32 / SCALE) as u32;
        (units(self.0.pixmap.width()), units(self.0.pixmap.height()))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.fill(rectangle((x, y), (x + 1, y + 1)), color, Transform::identity())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.stroke(line([from, to], false), style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let path = rectangle(upper_left, bottom_right);
        match fill {
            true => self.fill(path, style.color(), Transform::identity()),
            false => self.stroke(path, style),
        }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.stroke(line(path, false), style)
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let path = PathBuilder::from_circle(x as f32, y as f32, radius as f32);
        match fill {
            true => self.fill(path, style.color(), Transform::identity()),
            false => self.stroke(path, style),
        }
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.fill(line(corners, true), style.color(), Transform::identity())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        let em = style.size() / SIZE_OF_EM;
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -self.width(text, em) / 2.0,
            HPos::Right => -self.width(text, em),
        };
        let baseline = match style.anchor().v_pos {
            VPos::Top => 0.76 * em,
            VPos::Center => 0.25 * em,
            VPos::Bottom => -0.25 * em,
        };
        let degrees = match style.transform() {
            FontTransform::None => 0.0,
            FontTransform::Rotate90 => 90.0,
            FontTransform::Rotate180 => 180.0,
            FontTransform::Rotate270 => 270.0,
        };
        let face = &self.0.face;
        let size = em as f32 / f32::from(face.units_per_em());
        let mut outline = Outline {
            path: PathBuilder::new(),
            left: x as f32 + left as f32,
            baseline: y as f32 + baseline as f32,
            size,
        };
        for glyph in text.chars().filter_map(|letter| face.glyph_index(letter)) {
            face.outline_glyph(glyph, &mut outline);
            outline.left += size * f32::from(face.glyph_hor_advance(glyph).unwrap_or_default());
        }
        let turned = Transform::from_rotate_at(degrees, x as f32, y as f32);
        self.fill(outline.path.finish(), style.color(), turned)
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let em = style.size() / SIZE_OF_EM;
        Ok((self.width(text, em).ceil() as u32, em.ceil() as u32))
    }
}

/// Letters side by side, moved from the font's units, which count upwards, into the picture.
struct Outline {
    path: PathBuilder,
    left: f32,
    baseline: f32,
    size: f32,
}

impl Outline {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.left + x * self.size, self.baseline - y * self.size)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2)) = (self.place(x1, y1), self.place(x2, y2));
        let (x, y) = self.place(x, y);
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
