//! A tool in WebAssembly: what it is asked on its standard input decides what it
//! tries. `build.sh` makes `program.wasm` of it.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, TcpStream},
    process::ExitCode,
};

fn main() -> ExitCode {
    let mut asked = String::new();
    if std::io::stdin().read_to_string(&mut asked).is_err() {
        return ExitCode::FAILURE;
    }
    // As it is, or as the arguments of a call.
    let wanted = asked.strip_prefix("{\"try\":\"").and_then(|rest| rest.strip_suffix("\"}"));
    match wanted.unwrap_or(&asked) {
        "fail" => {
            eprintln!("it is wrong");
            return ExitCode::from(3);
        }
        "loop" => loop {
            std::hint::spin_loop();
        },
        "grow" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        "read" => println!("{}", fs::read("/etc/passwd").is_ok()),
        "connect" => println!("{}", TcpStream::connect((Ipv4Addr::LOCALHOST, 1)).is_ok()),
        "write" => println!("{}", fs::write("/mnt/data/x", "written").is_ok()),
        "environment" => println!("{}", std::env::vars_os().count()),
        _ => print!("{asked}"),
    }
    ExitCode::SUCCESS
}
