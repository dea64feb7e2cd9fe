//! Pictures made fit to be shown to a model.

use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    imageops::FilterType,
};

use crate::Error;

/// Pixels of a side at most: what GLM-4V sees.
const SIDE: u32 = 1120;
/// Bytes of a file at most.
const LARGEST_FILE: u64 = 50_000_000;
/// Pixels of an image at most: a small file can claim to be a large one.
const MOST_PIXELS: u64 = 100_000_000;
/// Bytes that decoding may take.
const MOST_MEMORY: u64 = 1 << 30;
/// Of JPEG, in per cent.
const QUALITY: u8 = 90;

/// A picture as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
}

impl Picture {
    /// Reads a file in PNG, JPEG, GIF (its first frame) or WebP. It is made no larger than
    /// 1120 × 1120 and written anew, upright and without what else the file tells, such
    /// as where it was taken.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, or is too large.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let mut bytes = Vec::new();
        let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
        read.map_err(io)?;
        Self::of(&bytes).map_err(|reason| Error::BadImage {
            path: path.to_owned(),
            reason,
        })
    }

    fn of(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(format!("it has more than {} MB", LARGEST_FILE / 1_000_000));
        }
        let known = [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ];
        let format = image::guess_format(bytes).ok();
        let format = format.filter(|format| known.contains(format));
        let format = format.ok_or("it is none of PNG, JPEG, GIF and WebP")?;
        let broken = |error: image::ImageError| format!("it cannot be read: {error}");
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(MOST_MEMORY);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(format!(
                "it has {width} × {height} pixels, and {} million are the most",
                MOST_PIXELS / 1_000_000
            ));
        }
        let orientation = decoder.orientation().map_err(broken)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
        image.apply_orientation(orientation);
        if image.width() > SIDE || image.height() > SIDE {
            image = image.resize(SIDE, SIDE, FilterType::CatmullRom);
        }
        let mut bytes = Vec::new();
        let media_type = if format == ImageFormat::Jpeg {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            image
                .to_rgb8()
                .write_with_encoder(encoder)
                .map_err(broken)?;
            "image/jpeg"
        } else {
            // Eight bits a channel, which all read.
            let image = match image.color().has_alpha() {
                true => DynamicImage::from(image.to_rgba8()),
                false => DynamicImage::from(image.to_rgb8()),
            };
            let mut out = Cursor::new(&mut bytes);
            image.write_to(&mut out, ImageFormat::Png).map_err(broken)?;
            "image/png"
        };
        Ok(Self { bytes, media_type })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::{GenericImageView, Rgba, RgbaImage};

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let image = RgbaImage::from_fn(width, height, |x, _| match x < width / 2 {
            true => Rgba([255, 0, 0, 255]),
            false => Rgba([0, 0, 255, 255]),
        });
        let mut out = Cursor::new(&mut bytes);
        image.write_to(&mut out, ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn the_large_are_made_smaller_in_the_same_shape() {
        let picture = Picture::of(&png(2240, 560)).unwrap();
        assert_eq!(picture.media_type, "image/png");
        let seen = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!(seen.dimensions(), (1120, 280));
        assert_eq!(seen.get_pixel(10, 10), Rgba([255, 0, 0, 255]));
        assert_eq!(seen.get_pixel(1110, 270), Rgba([0, 0, 255, 255]));
        let small = Picture::of(&png(30, 20)).unwrap();
        let small = image::load_from_memory(&small.bytes).unwrap();
        assert_eq!(small.dimensions(), (30, 20));
    }

    #[test]
    fn a_photograph_stands_upright_and_tells_nothing_else() {
        let mut jpeg = Vec::new();
        let image = image::load_from_memory(&png(40, 20)).unwrap().to_rgb8();
        image
            .write_with_encoder(JpegEncoder::new(&mut jpeg))
            .unwrap();
        // EXIF with an orientation of 6, a quarter turn, and a maker's name.
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
        exif.extend(b"\x01\x0f\0\x02\0\0\0\x04Me!\0");
        exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        exif.extend(b"\0\0\0\0");
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let segment = [b"\xff\xe1".as_slice(), &length, &exif].concat();
        jpeg.splice(2..2, segment);
        let picture = Picture::of(&jpeg).unwrap();
        let seen = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!(
            (seen.dimensions(), picture.media_type),
            ((20, 40), "image/jpeg")
        );
        assert!(!picture.bytes.windows(3).any(|part| part == b"Me!"));
    }

    #[test]
    fn what_is_no_picture_or_claims_too_much_is_refused() {
        let refused = |bytes: &[u8]| Picture::of(bytes).unwrap_err();
        assert_eq!(refused(b"<svg/>"), "it is none of PNG, JPEG, GIF and WebP");
        let mut cut = png(100, 100);
        cut.truncate(60);
        assert!(refused(&cut).starts_with("it cannot be read"));
        // A header that claims 60,000 pixels a side.
        let mut bomb = png(10, 10);
        let side = 60_000_u32.to_be_bytes();
        bomb.splice(16..24, [side, side].concat());
        let crc = crc32(bomb.get(12..29).unwrap());
        bomb.splice(29..33, crc.to_be_bytes());
        assert!(
            refused(&bomb).starts_with("it has 60000 × 60000 pixels"),
            "{}",
            refused(&bomb)
        );
    }

    /// PNG's checksum.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
                1 => (crc >> 1) ^ 0xedb8_8320,
                _ => crc >> 1,
            })
        })
    }
}
