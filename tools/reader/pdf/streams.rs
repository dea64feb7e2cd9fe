//! What the streams of a file unpack to, before anything is unpacked.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::reader::apart::Deadline;

/// Bytes that all streams of a file may unpack to together.
const UNPACKED: u64 = 500_000_000;

/// Times that a stream is packed over, at most.
const PACKED: usize = 3;

/// Refuses what would unpack to more memory than is reasonable. Every stream of a file
/// follows its keyword, so none is missed, whatever the file says of itself; what is
/// packed in another way has the limit of one stream.
pub(super) fn check(body: &[u8], deadline: Deadline) -> Result<(), String> {
    const KEYWORD: &[u8] = b"stream";
    let mut left = UNPACKED;
    let windows = body.windows(KEYWORD.len()).enumerate();
    for (at, _) in windows.filter(|(_, window)| *window == KEYWORD) {
        let after = body.get(at + KEYWORD.len()..).unwrap_or_default();
        let ends = after.iter().take(2);
        let start = ends.take_while(|b| matches!(**b, b'\r' | b'\n')).count();
        let stream = after.get(start..).unwrap_or_default();
        for times in 1..=PACKED {
            let unpacked = unpacked(stream, times, left, deadline);
            left = left.saturating_sub(unpacked);
            if deadline.is_over() {
                return Err("it takes too long to read".to_owned());
            }
            if left == 0 {
                let most = crate::text::size(UNPACKED);
                return Err(format!("it is a PDF that unpacks to more than {most}"));
            }
            if unpacked == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// How many bytes a stream unpacks to, counted up to `most`.
fn unpacked(stream: &[u8], times: usize, most: u64, deadline: Deadline) -> u64 {
    let mut reader: Box<dyn Read + '_> = Box::new(stream);
    for _ in 0..times {
        reader = Box::new(ZlibDecoder::new(reader));
    }
    let mut buffer = [0; 16 << 10];
    let mut count: u64 = 0;
    while count < most && !deadline.is_over() {
        match reader.read(&mut buffer) {
            Ok(read) if read > 0 => count += read as u64,
            // What is no stream, or damaged, unpacks to no more.
            _ => break,
        }
    }
    count
}
