//! Chromium's processes: started late, started anew, and none left.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use glm_agent_tools::{
    ToolError,
    chromium::{Chromium, ChromiumOptions},
    net_guard::NetGuard,
};
use tempfile::TempDir;

use crate::{
    body, guard, options, render,
    site::{Site, html},
};

/// Set in a copy of this program that is to be killed: the folder of its Chromium.
const VICTIM: &str = "GLM_TEST_VICTIM";

/// Chromium by a script that says which process it is, and where its profile is.
struct Watched {
    folder: PathBuf,
    _kept: TempDir,
}

impl Watched {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().to_owned();
        // Also for the user as whom Chromium runs if this is root.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let real = options().find().unwrap();
        let script = format!(
            "#!/bin/sh\necho $$ >> {0}/pids\necho \"$HOME\" > {0}/profile\nexec {1} \"$@\"\n",
            folder.display(),
            real.display()
        );
        fs::write(folder.join("chromium"), script).unwrap();
        fs::set_permissions(folder.join("chromium"), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            folder,
            _kept: kept,
        }
    }

    /// Those that were started, in order.
    fn started(&self) -> Vec<u32> {
        let pids = fs::read_to_string(self.folder.join("pids")).unwrap_or_default();
        pids.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    fn profile(&self) -> PathBuf {
        let profile = fs::read_to_string(self.folder.join("profile")).unwrap();
        PathBuf::from(profile.trim())
    }
}

fn watched_options(folder: &Path) -> ChromiumOptions {
    ChromiumOptions {
        program: Some(folder.join("chromium")),
        ..options()
    }
}

/// A process that runs: its parent, and its arguments. Zombies do not.
fn process(pid: u32) -> Option<(u32, String)> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may contain anything.
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    (state != "Z" && state != "X").then_some((parent, arguments))
}

/// A Chromium with all below it, and those that it let go of.
fn family(watched: &Watched) -> Vec<u32> {
    let (pid, profile) = (watched.started()[0], watched.profile());
    let profile = profile.to_str().unwrap();
    let all: Vec<(u32, u32, String)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| {
            let (parent, arguments) = process(pid)?;
            Some((pid, parent, arguments))
        })
        .collect();
    let loose = all
        .iter()
        .filter(|(p, _, args)| *p != pid && args.contains(profile));
    let mut family: Vec<u32> = loose.map(|(pid, ..)| *pid).collect();
    family.insert(0, pid);
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let below = all.iter().filter(|(_, p, _)| *p == parent);
        let below: Vec<u32> = below
            .map(|(pid, ..)| *pid)
            .filter(|pid| !family.contains(pid))
            .collect();
        family.extend(below);
        next += 1;
    }
    family
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not so: {what}");
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn nothing_is_left_at_the_end() {
    let site = Site::new(|_| html("there"));
    let watched = Watched::new();
    let chromium = Chromium::new(guard(&site), watched_options(&watched.folder));
    assert_eq!(
        watched.started(),
        Vec::<u32>::new(),
        "it starts when it is needed"
    );
    render(&chromium, &site.url("/")).await.unwrap();
    render(&chromium, &site.url("/")).await.unwrap();
    let started = watched.started();
    assert_eq!(started.len(), 1, "one is shared");
    let family = family(&watched);
    assert!(family.len() > 2, "{family:?}");
    assert!(watched.profile().exists());
    drop(chromium);
    assert!(!watched.profile().exists());
    until("all of it has ended", || {
        family.iter().all(|pid| process(*pid).is_none())
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_a_program_that_is_killed() {
    let watched = Watched::new();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["lifetime::victim", "--exact", "--ignored", "--nocapture"])
        .env(VICTIM, &watched.folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let shown = lines
        .map_while(Result::ok)
        .any(|line| line.contains("shown"));
    assert!(shown, "the victim shows a page");
    let family = family(&watched);
    assert!(family.len() > 2, "{family:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    until("all of it has ended", || {
        family.iter().all(|pid| process(*pid).is_none())
    })
    .await;
    let profile = watched.profile();
    until("the profile is removed", || !profile.exists()).await;
}

/// Shows a page, and waits to be killed.
#[tokio::test]
#[ignore = "it is a part of the test above"]
async fn victim() {
    let site = Site::new(|_| html("there"));
    let folder = std::env::var_os(VICTIM).unwrap();
    let chromium = Chromium::new(guard(&site), watched_options(Path::new(&folder)));
    render(&chromium, &site.url("/")).await.unwrap();
    println!("shown");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn one_that_is_killed_is_started_anew() {
    let site = Site::new(|request| match request.path.as_str() {
        "/hangs" => request.begin(""),
        _ => html("there"),
    });
    let watched = Watched::new();
    let chromium = Chromium::new(guard(&site), watched_options(&watched.folder));
    render(&chromium, &site.url("/")).await.unwrap();
    let first = watched.profile();
    let hangs = site.url("/hangs");
    let (shown, ()) = tokio::join!(render(&chromium, &hangs), async {
        until("it is asked", || {
            site.asked().contains(&"/hangs".to_owned())
        })
        .await;
        kill(watched.started()[0]);
    });
    assert_eq!(
        shown,
        Err(ToolError::Transient(format!(
            "Chromium ended while it showed `{hangs}`"
        )))
    );
    let page = render(&chromium, &site.url("/")).await.unwrap();
    assert_eq!((body(&page), watched.started().len()), ("there", 2));
    assert!(!first.exists());
}

#[tokio::test]
async fn a_page_whose_process_crashes_is_an_error_and_the_next_is_shown() {
    let site = Site::new(|request| match request.path.as_str() {
        "/hangs" => html("<script>fetch('/more')</script>"),
        "/more" => request.begin(""),
        _ => html("there"),
    });
    let watched = Watched::new();
    let chromium = Chromium::new(guard(&site), watched_options(&watched.folder));
    let hangs = site.url("/hangs");
    let (shown, ()) = tokio::join!(render(&chromium, &hangs), async {
        until("it is asked", || site.asked().contains(&"/more".to_owned())).await;
        for pid in family(&watched) {
            if process(pid).is_some_and(|(_, args)| args.contains("--type=renderer")) {
                kill(pid);
            }
        }
    });
    let error = shown.unwrap_err();
    assert!(
        matches!(&error, ToolError::Model(text) if text.contains("crash")),
        "{error:?}"
    );
    let page = render(&chromium, &site.url("/")).await.unwrap();
    assert_eq!((body(&page), watched.started().len()), ("there", 1));
}

#[tokio::test]
async fn without_chromium_it_is_said_what_to_install() {
    let options = ChromiumOptions {
        program: Some("/nowhere/chromium".into()),
        ..options()
    };
    let chromium = Chromium::new(NetGuard::from_patterns(&[]).unwrap(), options);
    let error = render(&chromium, "https://example.com/").await.unwrap_err();
    assert_eq!(
        error,
        ToolError::User(
            "there is no Chromium at `/nowhere/chromium`\n\
             hint: install it (Debian: `apt-get install chromium`), or name it in GLM_CHROMIUM"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn one_that_does_not_start_is_told_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("chromium");
    fs::write(
        &program,
        "#!/bin/sh\necho 'No usable sandbox!' >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let options = ChromiumOptions {
        program: Some(program),
        ..options()
    };
    let chromium = Chromium::new(NetGuard::from_patterns(&[]).unwrap(), options);
    let error = render(&chromium, "https://example.com/").await.unwrap_err();
    let ToolError::User(text) = &error else {
        panic!("{error:?}");
    };
    let (what, hint) = text.split_once('\n').unwrap();
    assert_eq!(what, "Chromium did not start: No usable sandbox!");
    assert!(hint.contains("GLM_CHROMIUM_SANDBOX=off"), "{hint}");
}
