//! Text in columns.

use std::io::{self, Write};

/// On which side of its column a cell stands.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
}

/// Writes rows with their columns aligned, two spaces apart.
pub(super) fn write(out: &mut dyn Write, sides: &[Side], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..sides.len()).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for ((cell, side), &width) in row.iter().zip(sides).zip(&widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            match side {
                Side::Left => line.push_str(&format!("{cell:<width$}")),
                Side::Right => line.push_str(&format!("{cell:>width$}")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A count with its thousands apart: 17,420.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value in six figures.
pub(super) fn value(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        format!("{number:.4e}")
    } else {
        let whole = if size < 1.0 { 0 } else { size.log10().floor() as usize };
        format!("{number:.*}", 5_usize.saturating_sub(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(17_420), "17,420");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(value(0.0), "0.00000");
        assert_eq!(value(12.345_678), "12.3457");
        assert_eq!(value(1_542_813.0), "1542813");
        assert_eq!(value(1e-9), "1.0000e-9");
        assert_eq!(value(-0.5), "-0.50000");
    }
}
