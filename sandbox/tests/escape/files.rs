//! The host's files: reading, writing, linking, naming.

use crate::{Case, LONG, seen};

const CASES: &[Case] = &[
    ("absolute path", "open('/etc/passwd').read()"),
    (
        "parent folders",
        "open('../../../../../../etc/passwd').read()",
    ),
    (
        "parent folders behind the mount",
        "open('/mnt/data/../../etc/passwd').read()",
    ),
    ("two slashes", "open('//etc//passwd').read()"),
    (
        "dot segments",
        "open('/mnt/data/./.././../etc/passwd').read()",
    ),
    (
        "the folder of another session",
        "open('../other-session/secret').read()",
    ),
    (
        "zero byte in a name",
        "open('near\\0/../../etc/passwd').read()",
    ),
    ("/proc", "open('/proc/self/environ', 'rb').read()"),
    (
        "/proc/self/mem",
        "open('/proc/self/mem', 'r+b').write(b'x')",
    ),
    ("/dev", "open('/dev/urandom', 'rb').read(1)"),
    ("the root folder", "import os\nos.listdir('/')"),
    ("the parent folder", "import os\nos.listdir('..')"),
    (
        "leaving by chdir",
        "import os\nos.chdir('..')\nos.listdir()",
    ),
    (
        "a descriptor of a folder",
        "import os\nos.open('../../etc/passwd', os.O_RDONLY, dir_fd=os.open('.', os.O_RDONLY))",
    ),
    (
        "descriptors that were not given",
        "import os
found = []
for descriptor in range(3, 300):
    try: found.append((descriptor, os.read(descriptor, 1)))
    except OSError: pass
print(found)",
    ),
    (
        "a link of the host's, to a file",
        "open('near-link').read()",
    ),
    (
        "a link of the host's, to a folder",
        "open('far-link/secret').read()",
    ),
    (
        "writing through a link of the host's",
        "open('near-link', 'w').write('dead')",
    ),
    (
        "listing through a link of the host's",
        "import os\nos.listdir('far-link')",
    ),
    (
        "replacing through a link of the host's",
        "import os\nopen('a', 'w').close()\nos.replace('a', 'far-link/secret')",
    ),
    (
        "absolute symbolic link",
        "import os\nos.symlink('/etc/passwd', 'link')",
    ),
    (
        "relative symbolic link",
        "import os\nos.symlink('../canary', 'link')",
    ),
    (
        "symbolic link to a folder",
        "import os\nos.symlink('..', 'link')",
    ),
    (
        "symbolic link to nothing",
        "import os\nos.symlink('../new', 'link')\nopen('link', 'w').write('x')",
    ),
    (
        "hard link to the outside",
        "import os\nos.link('/etc/passwd', 'link')",
    ),
    (
        "hard link from the inside",
        "import os\nopen('a', 'w').close()\nos.link('a', '../b')",
    ),
    (
        "hard link through a link",
        "import os\nos.link('near-link', 'b', follow_symlinks=True)",
    ),
    (
        "moving a file out",
        "import os\nopen('a', 'w').close()\nos.rename('a', '../a')",
    ),
    (
        "moving a file in",
        "import os\nos.rename('../canary', 'canary')",
    ),
    (
        "moving the folder itself",
        "import os\nos.rename('/mnt/data', '/mnt/other')",
    ),
    (
        "removing a file outside",
        "import os\nos.remove('../canary')",
    ),
    (
        "removing a folder outside",
        "import shutil\nshutil.rmtree('../other-session')",
    ),
    (
        "making a folder outside",
        "import os\nos.makedirs('../made/by/guest')",
    ),
    (
        "truncating a file outside",
        "import os\nos.truncate('../canary', 0)",
    ),
    (
        "truncating on opening",
        "import os\nos.open('../canary', os.O_WRONLY | os.O_TRUNC)",
    ),
    (
        "changing times outside",
        "import os\nos.utime('../canary', (0, 0))",
    ),
    (
        "permissions",
        "import os\nopen('a', 'w').close()\nos.chmod('a', 0o4777)",
    ),
    ("owner", "import os\nos.chown('near-link', 0, 0)"),
    ("a pipe", "import os\nos.mkfifo('pipe')"),
    ("a device", "import os\nos.mknod('device')"),
    (
        "the library's folders",
        "import os\n[os.path.exists(path) for path in ('/python', '/0', '/1', '/usr', '/lib')]",
    ),
    ("an overlong name", "open('n' * 300, 'w')"),
    ("an overlong path", "open('/'.join(['n'] * 3000), 'w')"),
    (
        "a name that is no UTF-8",
        "open(b'\\xff\\xfe', 'wb').close()",
    ),
    (
        "names that look like paths",
        "open('..\\\\..\\\\etc', 'w').close()\nopen('C:', 'w').close()",
    ),
    (
        "names that normalise to a way up",
        "open('\\uff0e\\uff0e\\u2215canary', 'w').close()\nimport os\nsorted(os.listdir())",
    ),
    (
        "a script of the shell for a name",
        "open('$(touch ..), `id`; rm -rf x', 'w').close()",
    ),
];

#[tokio::test]
async fn host_files() {
    insta::assert_snapshot!(seen(CASES, LONG).await);
}
