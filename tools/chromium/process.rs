//! Chromium as a process: how it is started, and that nothing is left of it.
//!
//! ```text
//! program ──spawns──▶ sh ──▶ chromium ──▶ its zygotes, renderers …
//!    └──────────── two pipes ────┘
//! ```
//!
//! When the program is gone, also by `SIGKILL`, the pipes break and Chromium ends; then
//! the shell removes the profile. When this is dropped, all of it is killed at once.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::ChromiumOptions;
use crate::ToolError;

/// Runs Chromium with its ends of the pipes as descriptors 3 and 4, where it looks for
/// them, and removes the profile once it has ended. The first argument is the profile.
/// A signal to the group is for Chromium; the shell stays to clear up.
const SHELL: &str = r#"profile=$1; shift; trap : TERM INT HUP
"$@" 3<&0 4>&1 </dev/null >/dev/null; rm -rf -- "$profile""#;

/// Variables of the environment that Chromium sees. No others: they may hold secrets.
const ENVIRONMENT: [&str; 2] = ["PATH", "LANG"];

/// How much is kept of what Chromium says, in bytes.
const SAID: usize = 16 << 10;

/// How often it is tried to remove the profile of processes that are being killed, and
/// how long it is waited in between.
const REMOVALS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(10);

/// How long it is waited for the last words of a Chromium that did not start.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The user as whom Chromium runs when this program is root: Chromium's sandbox does
/// not work for root. Linux and its distributions have `nobody` by this number.
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65534;

/// What Chromium is told, beside what depends on the machine.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-startup-window",
    "--disable-gpu",
    "--mute-audio",
    "--hide-scrollbars",
    "--window-size=1280,1024",
    "--password-store=basic",
    "--use-mock-keychain",
    "--autoplay-policy=user-gesture-required",
    "--deny-permission-prompts",
    "--js-flags=--max-old-space-size=1024",
    // Pages have a proxy of ours each; what Chromium asks for by itself, as it does in
    // spite of all that follows, leads nowhere: nobody listens at this port.
    "--proxy-server=http://127.0.0.1:1",
    "--proxy-bypass-list=<-loopback>",
    // Names are for the proxy: Chromium looks none up.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    // What would not go through a proxy.
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--media-router=0",
    "--dns-prefetch-disable",
    // What it would do for itself.
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    "--no-service-autorun",
    "--safebrowsing-disable-auto-update",
];

/// Parts of Chromium that talk to somebody or to other devices, and are not needed; and
/// those that ask by `https` first what is asked for by `http`.
const FEATURES: &str = "--disable-features=AutofillServerCommunication,CertificateTransparencyComponentUpdater,DialMediaRouteProvider,DnsOverHttps,GlobalMediaControls,InterestFeedContentSuggestions,MediaRouter,OptimizationHints,Prerender2,SafeBrowsing,HttpsFirstBalancedMode,HttpsFirstBalancedModeAutoEnable,HttpsFirstModeV2,HttpsUpgrades,Translate,WebTransport";

/// A running Chromium, with everything it started and its profile.
pub struct Process {
    child: Child,
    profile: Option<TempDir>,
    said: Arc<Mutex<String>>,
    saying: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts Chromium.
    ///
    /// # Errors
    /// [`ToolError::User`] if it cannot be started here.
    pub fn start(
        program: &Path,
        options: &ChromiumOptions,
    ) -> Result<(Self, ChildStdin, ChildStdout), ToolError> {
        let broken = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| ToolError::User(format!("cannot {what}: {error}"))
        };
        let profile = tempfile::Builder::new().prefix("glm-chromium-").tempdir();
        let profile = profile.map_err(broken("create a folder for Chromium's profile"))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SHELL, "sh"])
            .arg(profile.path())
            .arg(program)
            .args(FLAGS)
            .arg(FEATURES)
            .arg(format!("--user-data-dir={}", profile.path().display()));
        if !options.images {
            command.arg("--blink-settings=imagesEnabled=false");
        }
        if !options.sandbox {
            tracing::warn!(
                "Chromium runs without its sandbox: a page that breaks out of the browser can do \
                 what its user can"
            );
            command.arg("--no-sandbox");
        }
        if cfg!(target_os = "linux") && !has_room_to_share() {
            command.arg("--disable-dev-shm-usage");
        }
        command
            .env_clear()
            // Whatever it keeps, it keeps there.
            .envs(
                ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
                    .map(|name| (name, profile.path())),
            )
            // There is no desktop to talk to.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .current_dir(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        #[cfg(unix)]
        command.process_group(0);
        #[cfg(target_os = "linux")]
        if is_root() {
            use std::os::unix::fs::chown;
            chown(profile.path(), Some(NOBODY), Some(NOBODY))
                .map_err(broken("give Chromium's profile to the user `nobody`"))?;
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command
            .spawn()
            .map_err(broken(&format!("start `{}`", program.display())))?;
        let said = Arc::new(Mutex::new(String::new()));
        let saying = child.stderr.take();
        let saying = saying.map(|stderr| tokio::spawn(keep(stderr, Arc::clone(&said))));
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ToolError::User("cannot speak with Chromium".to_owned()));
        };
        let process = Self {
            child,
            profile: Some(profile),
            said,
            saying,
        };
        Ok((process, input, output))
    }

    /// Why it did not start, from what it said.
    pub async fn failure(mut self) -> ToolError {
        if let Some(saying) = self.saying.take() {
            // The pipes may break before its last words have come.
            let _ = timeout(LAST_WORDS, saying).await;
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let hint = if said.contains("No usable sandbox") || said.contains("clone(") {
            "\nhint: its sandbox needs user namespaces, which this system does not allow \
             (`sysctl kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`; \
             in containers, a seccomp profile that allows them); if you trust the pages, \
             GLM_CHROMIUM_SANDBOX=off runs it without"
        } else {
            ""
        };
        let lines = said.lines().filter(|line| !line.contains("dbus"));
        let last: Vec<&str> = lines.rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        ToolError::User(format!("Chromium did not start: {}{hint}", last.join("; ")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // There is nothing left to kill if it has ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let Some(profile) = self.profile.take() else {
            return;
        };
        let path = profile.keep();
        // Processes that are being killed may still write.
        for _ in 0..REMOVALS {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            // The shell may have removed it.
            let removed = std::fs::remove_dir_all(&path).is_ok() || !path.exists();
            if ended && removed {
                return;
            }
            thread::sleep(BETWEEN);
        }
        tracing::warn!(path = %path.display(), "cannot remove Chromium's profile");
    }
}

/// The user as whom Chromium runs, where the system counts users.
pub fn user() -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        let own = rustix::process::geteuid().as_raw();
        Some(if is_root() { NOBODY } else { own })
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where Chromium is: where the options say, or by one of its names on the path.
///
/// # Errors
/// [`ToolError::User`] if there is none, with what to install.
pub fn find(options: &ChromiumOptions) -> Result<PathBuf, ToolError> {
    const NAMES: [&str; 5] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "chrome",
    ];
    const HINT: &str = "hint: install it (Debian: `apt-get install chromium`), or name it in \
                        GLM_CHROMIUM";
    if let Some(program) = &options.program {
        return if program.is_file() {
            Ok(program.clone())
        } else {
            let shown = program.display();
            Err(ToolError::User(format!(
                "there is no Chromium at `{shown}`\n{HINT}"
            )))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            ToolError::User(format!(
                "there is no Chromium on this machine, which shows pages that scripts build\n{HINT}"
            ))
        })
}

/// Whether `/dev/shm` has room for what Chromium's processes share; in containers it is
/// often 64 MiB.
#[cfg(unix)]
fn has_room_to_share() -> bool {
    const ENOUGH: u64 = 512 << 20;
    rustix::fs::statvfs("/dev/shm")
        .is_ok_and(|status| status.f_bavail.saturating_mul(status.f_frsize) >= ENOUGH)
}

#[cfg(not(unix))]
fn has_room_to_share() -> bool {
    true
}

/// Reads to the end, and keeps the end.
async fn keep(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<String>>) {
    let mut chunk = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        let new = String::from_utf8_lossy(chunk.get(..count).unwrap_or_default());
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&new);
        let excess = kept.len().saturating_sub(SAID);
        let start = kept.ceil_char_boundary(excess);
        kept.drain(..start);
    }
}
