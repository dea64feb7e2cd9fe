//! A PostgreSQL server of the test's own, on loopback.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const USER: &str = "ada";
pub const PASSWORD: &str = "s3cret-of-ada";

/// Whom the server runs as where the tests run as root, which it refuses.
const NOBODY: u32 = 65534;

/// A server with an empty database, for as long as the test runs.
pub struct Postgres {
    folder: TempDir,
    port: u16,
}

impl Postgres {
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("glm-postgres-").unwrap();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            for path in [folder.path(), &password] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let server = Self {
            folder,
            port: free_port(),
        };
        let data = server.data();
        let mut initdb = server.command("initdb");
        initdb.args(["--username", USER, "--auth", "scram-sha-256", "--no-sync"]);
        initdb.args(["--encoding", "UTF8", "--locale", "C"]);
        succeed(initdb.arg("--pwfile").arg(&password).arg("-D").arg(&data));
        server.up();
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        let port = self.port;
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    /// Ends it at once, as a machine that loses its power does, and starts it again.
    pub fn crash_and_recover(&self) {
        succeed(&mut self.stop());
        self.up();
    }

    /// What `psql` prints.
    pub fn sql(&self, text: &str) -> String {
        let mut psql = self.command("psql");
        succeed(psql.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "-c",
            text,
            &self.url(),
        ]))
    }

    fn up(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''",
            self.port
        );
        let log = self.folder.path().join("log");
        let mut start = self.command("pg_ctl");
        start
            .args(["start", "--wait", "-o", &options, "-l"])
            .arg(log);
        succeed(start.arg("-D").arg(self.data()));
    }

    fn stop(&self) -> Command {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "-m", "immediate", "-D"]);
        stop.arg(self.data());
        stop
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = programs().join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
            command.args(ids).arg("--clear-groups").arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A test that fails for another reason should say that one.
        let _ = self.stop().output();
    }
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The folder of the server's programs, the newest of those that are there.
fn programs() -> PathBuf {
    // On Debian: apt-get install postgresql
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.map(|entry| entry.unwrap().path().join("bin"));
    let newest = versions
        .filter(|folder| folder.join("initdb").exists())
        .max();
    newest.unwrap_or_else(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path);
        folders
            .find(|folder| folder.join("initdb").exists())
            .expect("PostgreSQL's initdb; on Debian: apt-get install postgresql")
    })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(Path::new("/proc/self")).unwrap().uid() == 0
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
