//! Pixels as a PNG file (ISO/IEC 15948): a header, one compressed stream of rows, an end.

use std::io::Write as _;

use anyhow::Result;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// Filter "up": a row as its difference from the one above, which is mostly zeros in charts.
const UP: u8 = 2;

/// `rgb` is `[height, width, 3]`.
pub fn encode(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>> {
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    // Eight bits for each of three colours, the usual compression and filters, not interlaced.
    header.extend_from_slice(&[8, 2, 0, 0, 0]);

    let row = 3 * width as usize;
    let mut above = vec![0; row];
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::default());
    for pixels in rgb.chunks_exact(row) {
        stream.write_all(&[UP])?;
        let changes = pixels.iter().zip(&above).map(|(here, above)| here.wrapping_sub(*above));
        stream.write_all(&changes.collect::<Vec<_>>())?;
        above.copy_from_slice(pixels);
    }

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &stream.finish()?);
    chunk(&mut file, b"IEND", &[]);
    Ok(file)
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(content);
    file.extend_from_slice(&(content.len() as u32).to_be_bytes());
    file.extend_from_slice(kind);
    file.extend_from_slice(content);
    file.extend_from_slice(&sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_picture_comes_back() {
        let rgb: Vec<u8> = (0..2 * 3 * 3).map(|n| (n * 37 % 251) as u8).collect();
        let file = encode(3, 2, &rgb).expect("encoded");
        // The sum of an empty last chunk, from the standard's own files.
        assert_eq!(file[file.len() - 12..], *b"\0\0\0\0IEND\xae\x42\x60\x82");
        let start = file.windows(4).position(|four| four == b"IDAT").expect("rows") + 4;
        let length = u32::from_be_bytes(file[start - 8..start - 4].try_into().expect("four"));
        let stream = &file[start..start + length as usize];
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(stream).read_to_end(&mut rows).expect("decoded");
        let mut above = [0_u8; 9];
        let mut found = Vec::new();
        for row in rows.chunks_exact(10) {
            assert_eq!(row[0], UP);
            for (above, change) in above.iter_mut().zip(&row[1..]) {
                *above = above.wrapping_add(*change);
            }
            found.extend_from_slice(&above);
        }
        assert_eq!(found, rgb);
    }
}
