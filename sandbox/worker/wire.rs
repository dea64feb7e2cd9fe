//! What the processes say to each other: frames of JSON, each after its length
//! as four bytes, least first.

use super::walls::Walls;
use crate::{Limits, Output, Tape, guest::Compiled, interpreter::Report};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

/// Must be equal on both sides: programs of different versions may meet, when
/// `glm` is found on the path.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The longest frame in bytes. Code and values are smaller; a worker that says
/// more is out of order.
pub(super) const MAX_FRAME: usize = 64 << 20;

/// To the template.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToTemplate {
    /// Load the guest.
    Load { version: String, compiled: Compiled },
    /// Fork a notebook that answers at the socket that comes with this frame.
    Open { id: u64, start: Start },
    /// End all processes of a notebook.
    Close { id: u64 },
}

/// From the template.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromTemplate {
    Loaded { version: String },
    Failed { detail: String },
}

/// What a notebook begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The session's folder.
    pub(crate) data_dir: PathBuf,
    /// What `/mnt/data` is until [`ToNotebook::Adopt`].
    pub(crate) scratch: Option<PathBuf>,
    pub(crate) limits: Limits,
}

/// To a notebook.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToNotebook {
    Run {
        code: String,
        limits: Limits,
        tape: Tape,
        replay: bool,
    },
    /// Let `/mnt/data` be the session's folder.
    Adopt,
    /// Say [`FromNotebook::Pong`]: whatever came before it has been dealt with.
    Ping,
    /// Try what the jail must prevent.
    Probe,
}

/// From a notebook.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromNotebook {
    /// It waits for its first cell.
    Started,
    /// It could not start, and is gone.
    Failed {
        detail: String,
    },
    /// It has taken a cell, and runs it.
    Begun,
    Printed(Output),
    Ended(Report),
    /// The process that ran the cell is dead; the sender, its checkpoint, has
    /// taken its place.
    Promoted {
        cells: u64,
        death: Death,
    },
    Adopted,
    Pong,
    Probed {
        walls: Walls,
    },
}

/// How a process that ran a cell died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Death {
    /// At its limit of processor time.
    Cpu,
    /// In a way it could not tell.
    Other,
}

pub(super) fn encode(frame: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    if let Some(head) = bytes.first_chunk_mut() {
        *head = length.to_le_bytes();
    }
    Ok(bytes)
}

pub(super) fn write(mut to: impl Write, frame: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(frame)?)
}

/// The next frame; `None` when the other side is gone.
pub(super) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Length of the frame after this head.
pub(super) fn length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::other("a frame is too long"));
    }
    Ok(length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_whole_until_the_end() {
        let mut bytes = encode(&"one").unwrap();
        bytes.extend(encode(&"two").unwrap());
        let mut from = bytes.as_slice();
        assert_eq!(read(&mut from).unwrap(), Some("one".to_owned()));
        assert_eq!(read(&mut from).unwrap(), Some("two".to_owned()));
        assert_eq!(read::<String>(&mut from).unwrap(), None);
    }

    #[test]
    fn a_frame_that_is_cut_or_too_long_is_an_error() {
        let bytes = encode(&"one").unwrap();
        let (cut, _) = bytes.split_at(bytes.len() - 1);
        read::<String>(cut).unwrap_err();
        read::<String>(u32::MAX.to_le_bytes().as_slice()).unwrap_err();
    }
}
