//! The network, processes, signals, threads, the environment.

use crate::{Case, LONG, seen};

const CASES: &[Case] = &[
    (
        "tcp",
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)",
    ),
    (
        "udp",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
    ),
    (
        "listening",
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()",
    ),
    (
        "raw packets",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW)",
    ),
    (
        "names",
        "import socket\nsocket.getaddrinfo('localhost', 80)",
    ),
    (
        "unix sockets",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    ),
    (
        "urllib",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/').read()",
    ),
    (
        "asyncio",
        "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', 80))",
    ),
    (
        "a metadata service",
        "import http.client\nhttp.client.HTTPConnection('169.254.169.254', timeout=1).request('GET', '/')",
    ),
    (
        "subprocess",
        "import subprocess\nsubprocess.check_output(['id'])",
    ),
    ("os.system", "import os\nos.system('id')"),
    ("popen", "import os\nos.popen('id').read()"),
    ("exec", "import os\nos.execv('/bin/sh', ['sh', '-c', 'id'])"),
    (
        "spawn",
        "import os\nos.spawnv(os.P_WAIT, '/bin/true', ['true'])",
    ),
    ("fork", "import os\nos.fork()"),
    ("fork bomb", "import os\nwhile True: os.fork()"),
    (
        "posix_spawn",
        "import os\nos.posix_spawn('/bin/true', ['true'], {})",
    ),
    (
        "multiprocessing",
        "import multiprocessing\nmultiprocessing.Process(target=print).start()",
    ),
    (
        "killing by number",
        "import os\nfor pid in range(1, 1000): os.kill(pid, 9)",
    ),
    (
        "killing itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    ),
    (
        "raising a signal",
        "import signal\nsignal.raise_signal(signal.SIGTERM)",
    ),
    (
        "a handler of signals",
        "import signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\nsignal.alarm(1)",
    ),
    (
        "threads",
        "import threading\nthreading.Thread(target=print).start()",
    ),
    (
        "a pool of threads",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(100).submit(print).result()",
    ),
    (
        "low-level threads",
        "import _thread\nfor _ in range(1000): _thread.start_new_thread(print, ())",
    ),
    (
        "the environment",
        "import os, sys\nprint(dict(os.environ), sys.argv, os.environb if hasattr(os, 'environb') else '')",
    ),
    (
        "the environment of C",
        "import os\nprint(os.getenv('HOME'), os.getenv('PATH'), os.path.expanduser('~'))",
    ),
    (
        "standard input",
        "import sys\nprint(repr(sys.stdin and sys.stdin.read()))",
    ),
    ("input()", "input('password: ')"),
    (
        "a terminal",
        "import os, sys\nprint(os.isatty(0), sys.stdout.isatty())\nopen('/dev/tty')",
    ),
    ("who it is", "import getpass\ngetpass.getuser()"),
    (
        "the system",
        "import platform, os\nprint(platform.node() in ('', '(none)', 'localhost'), platform.system())",
    ),
    ("ctypes", "import ctypes\nctypes.CDLL(None).system(b'id')"),
    ("cffi", "import cffi"),
    (
        "memory of the process",
        "import mmap\nmmap.mmap(-1, 1 << 20)",
    ),
    ("root's rights", "import os\nos.setuid(0)"),
    ("chroot", "import os\nos.chroot('.')"),
];

#[tokio::test]
async fn network_processes_and_environment() {
    insta::assert_snapshot!(seen(CASES, LONG).await);
}
