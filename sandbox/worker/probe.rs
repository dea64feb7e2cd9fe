//! Tries from within a jail what it must prevent.

use super::walls::{Wall, Walls};
use rustix::{
    net::{AddressFamily, SocketType, socket},
    process::{Signal, getppid, kill_process},
};
use std::{fs, io, net::TcpListener, process::Command};

/// The walls as they were reported, and for each thing tried one more that says
/// whether it was kept from happening.
pub(super) fn probe(reported: &Walls) -> Walls {
    let tried: [(&str, &str, io::Result<()>); 7] = [
        (
            "probe: read",
            "a file of the host",
            fs::read("/etc/passwd").map(drop),
        ),
        (
            "probe: list",
            "a folder of the host",
            fs::read_dir("/").map(drop),
        ),
        (
            "probe: write",
            "a file in the folder for temporary files",
            fs::write("/tmp/.glm-sandbox-probe", "x")
                .and_then(|()| fs::remove_file("/tmp/.glm-sandbox-probe")),
        ),
        (
            "probe: socket",
            "a socket",
            socket(AddressFamily::INET, SocketType::STREAM, None)
                .map(drop)
                .map_err(Into::into),
        ),
        (
            "probe: listen",
            "a port",
            TcpListener::bind("127.0.0.1:0").map(drop),
        ),
        (
            "probe: program",
            "a program",
            Command::new("/bin/true").status().map(drop),
        ),
        (
            "probe: signal",
            "a signal to the process that started this one",
            getppid().map_or(Ok(()), |parent| {
                // A signal that its receiver ignores.
                kill_process(parent, Signal::URG).map_err(Into::into)
            }),
        ),
    ];
    let mut walls = reported.walls.clone();
    walls.extend(tried.into_iter().map(|(name, purpose, result)| {
        let prevented = match result {
            Ok(()) => Err("it was possible"),
            Err(_) => Ok(()),
        };
        Wall::new(name, purpose, prevented)
    }));
    Walls { walls }
}
