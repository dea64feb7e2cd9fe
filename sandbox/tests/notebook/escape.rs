//! Ways out that must be closed, each tried from inside.

use crate::Notebook;
use std::fs;

/// Runs `code`, which must print what it got hold of, and nothing when refused.
const PROBE: &str = "
def probe(name, attempt):
    try:
        got = attempt()
    except BaseException as error:
        return
    print('LEAK', name, repr(got)[:200])
";

/// An observation but for the line that names files.
fn without_files(seen: &str) -> &str {
    if seen.starts_with("files: ") && !seen.contains('\n') {
        "(no output)"
    } else {
        seen
    }
}

#[tokio::test]
async fn host_files() {
    let mut notebook = Notebook::new().await;
    let outside = notebook
        .data
        .path()
        .parent()
        .unwrap()
        .join("outside-of-the-sandbox");
    notebook.run(PROBE).await;
    let code = r#"
import os
for path in ['/etc/passwd', '/mnt/data/../../etc/passwd', '../../../../etc/passwd', '/proc/self/environ', '/proc/self/mem',
             '//etc/passwd', '/mnt/data/./../..', '\x00/etc/passwd', '/mnt/data\x00/../../etc/passwd', '/dev/urandom',
             '/python/os.py', '/0/notebook.py']:
    probe(f'read {path}', lambda: open(path).read(10))
    probe(f'list {path}', lambda: os.listdir(path))
probe('root', lambda: os.listdir('/'))
probe('up', lambda: os.listdir('..'))
probe('write up', lambda: open('../outside-of-the-sandbox', 'w'))
probe('mkdir up', lambda: os.mkdir('../outside-of-the-sandbox'))
open('a', 'w').close()
probe('rename up', lambda: os.rename('a', '../outside-of-the-sandbox'))
probe('dir_fd', lambda: os.open('../../etc/passwd', os.O_RDONLY, dir_fd=os.open('/mnt/data', os.O_RDONLY)))
for descriptor in range(3, 100):
    probe(f'descriptor {descriptor}', lambda: os.read(descriptor, 10))
"#;
    assert_eq!(without_files(&notebook.see(code).await), "(no output)");
    assert!(!outside.exists());
    notebook.assert_usable().await;
}

#[cfg(unix)]
#[tokio::test]
async fn links() {
    let mut notebook = Notebook::new().await;
    let data = notebook.data.path();
    std::os::unix::fs::symlink("/etc/passwd", data.join("host-link")).unwrap();
    std::os::unix::fs::symlink("/", data.join("host-folder")).unwrap();
    notebook.run(PROBE).await;
    let code = r#"
import os
open('file', 'w').write('mine')
for target in ['/etc/passwd', '../../../../../../etc/passwd', '../..', 'file', '.']:
    probe(f'symlink {target}', lambda: os.symlink(target, 'link'))
probe('hard link', lambda: os.link('file', 'link'))
probe('hard link to the host', lambda: os.link('/etc/passwd', 'link'))
probe('hard link to a link', lambda: os.link('host-link', 'link'))
probe('through a link', lambda: open('host-link').read(10))
probe('through a folder link', lambda: open('host-folder/etc/passwd').read(10))
probe('list a folder link', lambda: os.listdir('host-folder'))
probe('write through a folder link', lambda: open('host-folder/tmp/outside', 'w'))
"#;
    assert_eq!(without_files(&notebook.see(code).await), "(no output)");
    let mut names: Vec<_> = fs::read_dir(notebook.data.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["file", "host-folder", "host-link"]);
}

#[tokio::test]
async fn network() {
    // Something to reach, if it could be reached.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut notebook = Notebook::new().await;
    notebook.run(PROBE).await;
    let code = format!(
        r#"
import socket, urllib.request, http.client
probe('connect', lambda: socket.create_connection(('127.0.0.1', {port}), 1))
probe('raw connect', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(('127.0.0.1', {port})))
probe('urllib', lambda: urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1))
probe('http.client', lambda: http.client.HTTPConnection('127.0.0.1', {port}, timeout=1).request('GET', '/'))
probe('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port})))
probe('bind', lambda: socket.socket().bind(('127.0.0.1', 0)))
probe('listen', lambda: socket.create_server(('127.0.0.1', 0)))
probe('resolve', lambda: socket.getaddrinfo('localhost', 80))
probe('unix', lambda: socket.socket(socket.AF_UNIX).connect('/run/docker.sock'))
"#
    );
    assert_eq!(notebook.see(&code).await, "(no output)");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    notebook.assert_usable().await;
}

#[tokio::test]
async fn environment_and_arguments() {
    let mut notebook = Notebook::new().await;
    let code = "import os, sys\nprint(dict(os.environ), os.getenv('PATH'), sys.argv, sys.path[-1])\nsys.stdin.read()";
    assert_eq!(notebook.see(code).await, "{} None [''] /mnt/data\n''");
    let seen = notebook.see("input('name? ')").await;
    assert!(
        seen.ends_with("EOFError: EOF when reading a line\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn processes_threads_and_native_code() {
    let mut notebook = Notebook::new().await;
    notebook.run(PROBE).await;
    let code = r#"
import os, subprocess, sys, threading
for name in ['fork', 'forkpty', 'posix_spawn', 'kill', 'killpg', 'setuid', 'chroot', 'mkfifo', 'mknod']:
    probe(name, lambda: getattr(os, name))
for name in ['execv', 'spawnv']:
    probe(name, lambda: getattr(os, name)(os.P_WAIT, '/bin/true', ['true']))
probe('system', lambda: os.system('id'))
probe('popen', lambda: os.popen('id').read())
probe('subprocess', lambda: subprocess.check_output(['id']))
probe('thread', lambda: threading.Thread(target=print).start())
probe('ctypes', lambda: __import__('ctypes').CDLL(None))
def load():
    import importlib.machinery, importlib.util
    open('evil.so', 'wb').write(b'\0asm\1\0\0\0')
    loader = importlib.machinery.ExtensionFileLoader('evil', '/mnt/data/evil.so')
    return importlib.util.module_from_spec(importlib.util.spec_from_file_location('evil', loader=loader))
probe('extension module', load)
"#;
    assert_eq!(without_files(&notebook.see(code).await), "(no output)");
    notebook.assert_usable().await;
}

/// Code that breaks the interpreter from within: at worst it traps.
#[tokio::test]
async fn broken_interpreters() {
    let mut notebook = Notebook::new().await;
    notebook.run("x = 41").await;
    for code in [
        "import faulthandler\nfaulthandler._sigsegv()",
        "import os\nos.abort()",
        "def f(): pass\nexec(f.__code__.replace(co_code=bytes([100, 255] * 50 + [83, 0]), co_consts=()))",
        "import marshal, types\nexec(marshal.loads(marshal.dumps((lambda: 1).__code__)[:-8] + bytes(8)))",
        "import componentize_py_runtime as c\nc.call_import(9999, [], 0)",
        "import sys\nsys.modules.clear()",
        "import builtins\nfor name in list(vars(builtins)):\n    if name != '__import__': delattr(builtins, name)",
        "import notebook\nnotebook.Notebook.run = None",
        "import notebook\nnotebook.Notebook.run = lambda self, code, recursion: 42",
        "import notebook\nnotebook.Notebook.describe = lambda self, error: (1, 2, 3)\n1/0",
        "import standard\nstandard.WitWorld.run = lambda self, code, recursion: 42",
        "import scientific\nscientific.run = lambda code, recursion: None",
        "import _host\n_host.call(b'no JSON')\n_host.call(bytes(20 << 20))",
        "import scientific\nscientific.run = lambda code, recursion: __import__('_host').call(b'{}')",
        "import sys\nsys.exit = sys.stdout = sys.stderr = None\nraise SystemExit(1)",
        "import os\nfor n in range(100):\n    try: os.close(n)\n    except OSError: pass",
        "class A:\n    def __del__(self):\n        while True: pass\nimport atexit\natexit.register(lambda: 1 / 0)",
    ] {
        notebook.run(code).await;
        // Whatever it did to the interpreter it lives in, later cells run.
        let cell = notebook.run("while True: break\nprint(x + 1)").await;
        if cell.stdout() != "42\n" {
            panic!("after {code:?}: {cell:?}");
        }
    }
}
