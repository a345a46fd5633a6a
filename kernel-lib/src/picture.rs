//! Pictures of variants, drawn on the host: which keys a mask keeps, where a bias is high.
//!
//! ```
//! use tilewright::picture::Picture;
//! use tilewright::variants::causal;
//!
//! let picture = Picture::new(&causal().into(), 0, 4, 4);
//! assert_eq!(picture.to_string(), "█▄  \n███▄\n");
//! ```

use core::fmt;
use core::fmt::Write as _;
use core::ops::AddAssign;

use crate::language::{AnyVariant, Position};

/// Shades besides white.
const SHADES: u8 = 8;
/// The darkest, red, green and blue.
const INK: [f64; 3] = [27.0, 73.0, 101.0];
/// Pixels of a cell, where a viewer does not decide.
const CELL: usize = 5;
/// A curve shows scores from minus this to this.
const CURVE_RANGE: f64 = 4.0;

/// What a variant does to the scores of one head, in shades.
///
/// Of a mask or bias, rows are queries and columns keys: what is masked is white, and what a score
/// of 1 becomes is the darker the higher it is. Of a variant that multiplies weights, cells are the
/// darker the more a weight grows, and white where it becomes 0. Of a variant that treats all
/// positions alike, it is the curve of new scores (upwards) over old ones, from -4 to 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What is drawn.
    title: String,
    cols: usize,
    /// Row by row; 0 is white and [`SHADES`] the darkest.
    shades: Vec<u8>,
}

impl Picture {
    /// The picture of a head of the first sequence.
    pub fn new(variant: &AnyVariant, head: u32, queries: usize, keys: usize) -> Self {
        let position = |query: usize, key: usize| {
            let [query, key, queries, keys] = [query, key, queries, keys].map(|n| n as u32);
            Position { batch: 0, head, query, key, queries, keys }
        };
        let cells = || (0..queries).flat_map(|query| (0..keys).map(move |key| (query, key)));
        let factors: Vec<f64> =
            cells().map(|(query, key)| variant.weight(&position(query, key))).collect();
        if factors.iter().any(|&factor| factor != 1.0) {
            let kept = cells().zip(factors).map(|((query, key), factor)| {
                (factor != 0.0 && variant.keep(&position(query, key))).then_some(factor)
            });
            let title = format!("{}: what weights are multiplied by", variant.describe());
            return Self { title, cols: keys, shades: shades_of(&kept.collect::<Vec<_>>()) };
        }
        let scores: Vec<Option<f64>> = cells()
            .map(|(query, key)| position(query, key))
            .map(|at| variant.keep(&at).then(|| variant.score(1.0, &at)))
            .collect();
        let alike = scores.iter().all(|score| *score == scores[0]);
        let what = variant.describe();
        if variant.stages().score && alike {
            let curve = |score| variant.score(score, &position(0, 0));
            let title = format!("{what}: new scores over scores from -4 to 4");
            return Self { title, cols: keys, shades: curve_shades(curve, queries, keys) };
        }
        let title = format!("{what}: queries downwards, keys to the right");
        Self { title, cols: keys, shades: shades_of(&scores) }
    }

    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.shades.chunks(self.cols.max(1))
    }

    /// The picture as SVG, some kilobytes, without a blank line, so that it can stand in Markdown.
    pub fn to_svg(&self) -> String {
        let (cols, rows) = (self.cols, self.rows().count());
        let title = self.title.replace('&', "&amp;").replace('<', "&lt;");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{}\" height=\"{}\" \
             viewBox=\"-1 -1 {} {}\" shape-rendering=\"crispEdges\">\n<title>{title}</title>\n\
             <path fill=\"#fff\" stroke=\"#999\" stroke-width=\".4\" d=\"M-.2-.2h{}v{}h-{}z\"/>\n",
            CELL * (cols + 2),
            CELL * (rows + 2),
            cols + 2,
            rows + 2,
            cols as f64 + 0.4,
            rows as f64 + 0.4,
            cols as f64 + 0.4,
        );
        for shade in 1..=SHADES {
            let lines = self.lines(shade);
            if !lines.is_empty() {
                let color = color(shade);
                svg += &format!("<path stroke=\"{color}\" d=\"{lines}\"/>\n");
            }
        }
        svg + "</svg>\n"
    }

    /// The cells of a shade as horizontal lines, one cell thick.
    fn lines(&self, shade: u8) -> String {
        let mut lines = String::new();
        for (y, row) in self.rows().enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == shade {
                    // Writing to a string does not fail.
                    let _ = write!(lines, "M{x} {y}.5h{}", run.len());
                }
                x += run.len();
            }
        }
        lines
    }
}

/// The picture in characters, each of two cells, one above the other.
impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RAMP: [char; 5] = [' ', '░', '▒', '▓', '█'];
        let rows: Vec<&[u8]> = self.rows().collect();
        for pair in rows.chunks(2) {
            for (x, &upper) in pair[0].iter().enumerate() {
                let lower = pair.get(1).map_or(0, |row| row[x]);
                let character = match (upper, lower) {
                    (SHADES, 0) => '▀',
                    (0, SHADES) => '▄',
                    _ => RAMP[usize::from(upper + lower).div_ceil(4)],
                };
                f.write_char(character)?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

/// A shade for each score between the least and the largest; white where there is none.
fn shades_of(scores: &[Option<f64>]) -> Vec<u8> {
    let finite = || scores.iter().flatten().copied().filter(|score| score.is_finite());
    let (least, most) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let shade = |score: f64| {
        if score == f64::NEG_INFINITY {
            return 0;
        }
        let height = if most > least { (score - least) / (most - least) } else { 1.0 };
        1 + (height.clamp(0.0, 1.0) * f64::from(SHADES - 1)).round() as u8
    };
    scores.iter().map(|score| score.map_or(0, shade)).collect()
}

/// One cell for each column, at the height of the new score; white where that is beyond the range.
fn curve_shades(curve: impl Fn(f64) -> f64, rows: usize, cols: usize) -> Vec<u8> {
    let mut shades = vec![0; rows * cols];
    for col in 0..cols {
        let score = CURVE_RANGE * ((2 * col + 1) as f64 / cols as f64 - 1.0);
        let height = (1.0 - curve(score) / CURVE_RANGE) / 2.0 * rows as f64;
        if (0.0..rows as f64).contains(&height) {
            shades[height as usize * cols + col] = SHADES;
        }
    }
    shades
}

/// Between white and the ink.
fn color(shade: u8) -> String {
    let share = f64::from(shade) / f64::from(SHADES);
    let [r, g, b] = INK.map(|ink| (255.0 + share * (ink - 255.0)).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// What a mask leaves of the blocks of one head's scores: kernels for long sequences leave out the
/// empty ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskBlocks {
    /// Blocks of which nothing is kept.
    pub empty: usize,
    /// Blocks of which a part is kept.
    pub partial: usize,
    /// Blocks that are kept whole.
    pub full: usize,
}

impl MaskBlocks {
    /// Of a head of the first sequence, in blocks of `block` by `block`; those at the edges may be
    /// smaller.
    pub fn of(variant: &AnyVariant, head: u32, queries: usize, keys: usize, block: usize) -> Self {
        Self::of_tiles(variant, head, [queries, keys], [block, block])
    }

    /// The same of `[queries, keys]` in blocks of `[rows, cols]`.
    pub fn of_tiles(
        variant: &AnyVariant,
        head: u32,
        [queries, keys]: [usize; 2],
        tile: [usize; 2],
    ) -> Self {
        let (mut blocks, [height, width]) = (Self::default(), tile.map(|size| size.max(1)));
        for first_query in (0..queries).step_by(height) {
            for first_key in (0..keys).step_by(width) {
                let rows = first_query..queries.min(first_query + height);
                let cols = first_key..keys.min(first_key + width);
                let cells = rows.len() * cols.len();
                let kept = rows
                    .flat_map(|query| cols.clone().map(move |key| [query, key, queries, keys]))
                    .map(|cell| cell.map(|n| n as u32))
                    .filter(|&[query, key, queries, keys]| {
                        variant.keep(&Position { batch: 0, head, query, key, queries, keys })
                    })
                    .count();
                match kept {
                    0 => blocks.empty += 1,
                    kept if kept == cells => blocks.full += 1,
                    _ => blocks.partial += 1,
                }
            }
        }
        blocks
    }

    /// The share of blocks that are empty, between 0 and 1.
    pub fn share_empty(&self) -> f64 {
        self.empty as f64 / (self.empty + self.partial + self.full).max(1) as f64
    }
}

impl AddAssign for MaskBlocks {
    fn add_assign(&mut self, other: Self) {
        self.empty += other.empty;
        self.partial += other.partial;
        self.full += other.full;
    }
}
