//! Floods and bombs: processor, memory, output, disk, descriptors, stack.

use crate::{Case, LONG, SHORT, seen};

const PROCESSOR: &[Case] = &[
    ("a loop", "while True: pass"),
    ("a loop in C", "sum(range(10 ** 13))"),
    ("a power", "10 ** 10 ** 9"),
    (
        "digits of a number",
        "import sys\nsys.set_int_max_str_digits(0)\nstr(3 ** 1_000_000_000)",
    ),
    (
        "a regular expression",
        "import re\nre.match(r'(a+)+$', 'a' * 50 + 'b')",
    ),
    (
        "sorting what never compares",
        "class K:\n    def __lt__(self, other):\n        while True: pass\nsorted([K(), K()])",
    ),
    (
        "a hash of much",
        "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'', b'', 10 ** 9)",
    ),
    (
        "swallowing every exception",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ),
    ("sleeping", "import time\nwhile True: time.sleep(10 ** 6)"),
    (
        "sleeping in pieces",
        "import time\nwhile True: time.sleep(0.001)",
    ),
    (
        "waiting for nobody",
        "import asyncio\nasyncio.run(asyncio.Event().wait())",
    ),
    (
        "waiting for a lock",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    ),
    ("an endless generator", "list(iter(int, 1))"),
    (
        "an endless comprehension",
        "import itertools\n[0 for _ in itertools.count()]",
    ),
    (
        "a finaliser that never ends",
        "class T:\n    def __del__(self):\n        while True: pass\nt = T()\ndel t",
    ),
    (
        "a representation that never ends",
        "class R:\n    def __repr__(self):\n        while True: pass\nR()",
    ),
    (
        "an exception whose text never ends",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    ),
    (
        "an import that never ends",
        "open('slow.py', 'w').write('while True: pass')\nimport slow",
    ),
    (
        "a decompression",
        "import zlib\nbomb = zlib.compress(bytes(50_000_000), 9)\nfor _ in range(10 ** 6): zlib.decompress(bomb)",
    ),
    ("endless output", "while True: print('spam')"),
    (
        "endless errors",
        "import sys\nwhile True: sys.stderr.write('spam')",
    ),
    (
        "output past Python",
        "import os\nwhile True: os.write(1, b'x' * 100_000)",
    ),
    (
        "keeping what memory there is",
        "l = []\nwhile True:\n    try: l.append(bytearray(1_000_000))\n    except MemoryError: pass",
    ),
];

const MEMORY: &[Case] = &[
    (
        "a list of strings",
        "l = []\nwhile True: l.append('x' * 1_000_000)",
    ),
    ("one array", "bytearray(10 ** 9)"),
    ("one string", "'x' * (1 << 40)"),
    ("a shift", "1 << (1 << 40)"),
    ("a dictionary", "d = {}\nwhile True: d[len(d)] = [0] * 1000"),
    (
        "nested lists",
        "l = []\nfor _ in range(10 ** 8): l = [l, l, 'x' * 1000]",
    ),
    (
        "an entity bomb",
        "import xml.etree.ElementTree as E\nE.fromstring('<!DOCTYPE x [<!ENTITY a \"' + 'a' * 1000 + '\">' + ''.join(f'<!ENTITY {chr(98 + i)} \"' + f'&{chr(97 + i)};' * 50 + '\">' for i in range(8)) + ']><x>&i;</x>')",
    ),
    (
        "a zip bomb",
        "import io, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED)\nz.writestr('x', bytes(60_000_000))\nz.close()\nb''.join(zipfile.ZipFile(b).read('x') for _ in range(100))",
    ),
    ("formatting", "'%1000000000d' % 1"),
];

const STACK: &[Case] = &[
    ("recursion", "def f(): return f()\nf()"),
    (
        "recursion without a limit",
        "import sys\nsys.setrecursionlimit(2 ** 31 - 1)\ndef f(): return f()\nf()",
    ),
    (
        "recursion in a representation",
        "class R:\n    def __repr__(self): return repr(self)\nR()",
    ),
    (
        "recursion in attributes",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().a",
    ),
    (
        "the representation of a deep list",
        "l = []\nfor _ in range(200_000): l = [l]\nrepr(l)",
    ),
    (
        "the end of a deep list",
        "l = []\nfor _ in range(200_000): l = [l]\ndel l",
    ),
    (
        "comparing deep lists",
        "a, b = [], []\nfor _ in range(200_000): a, b = [a], [b]\na == b",
    ),
    (
        "a deep tuple's hash",
        "t = ()\nfor _ in range(200_000): t = (t,)\nhash(t)",
    ),
    ("deep JSON", "import json\njson.loads('[' * 500_000)"),
    (
        "deep pickles",
        "import pickle\nl = []\nfor _ in range(100_000): l = [l]\npickle.dumps(l)",
    ),
    (
        "deep copies",
        "import copy\nl = []\nfor _ in range(100_000): l = [l]\ncopy.deepcopy(l)",
    ),
    ("deep parentheses", "eval('(' * 100_000 + ')' * 100_000)"),
    ("deep operators", "eval('-' * 500_000 + '1')"),
    (
        "deep blocks",
        "exec('\\n'.join(' ' * i + 'if 1:' for i in range(200)) + ' pass')",
    ),
    (
        "a long expression",
        "eval('+'.join('1' for _ in range(200_000)))",
    ),
    (
        "a deep regular expression",
        "import re\nre.compile('(' * 50_000 + ')' * 50_000)",
    ),
    (
        "a deep syntax tree",
        "import ast\nn = ast.Constant(1)\nfor _ in range(200_000): n = ast.UnaryOp(ast.USub(), n)\ncompile(ast.Expression(ast.fix_missing_locations(n)), '', 'eval')",
    ),
    (
        "a chain of exceptions",
        "e = None\nfor _ in range(100_000):\n    n = Exception(); n.__cause__ = e; e = n\nraise e",
    ),
];

const SPACE: &[Case] = &[
    ("much output", "print('x' * 10_000_000)"),
    ("a large value", "'y' * 10_000_000"),
    ("a large exception", "raise Exception('z' * 10_000_000)"),
    ("a large name", "exec('a' * 1_000_000)"),
    (
        "one large file",
        "with open('big', 'wb') as f:\n    while True: f.write(bytes(100_000))",
    ),
    (
        "a file with a hole",
        "import os\nos.truncate(os.open('hole', os.O_CREAT | os.O_RDWR), 1 << 40)",
    ),
    (
        "a write far out",
        "f = open('far', 'wb')\nf.seek(1 << 40)\nf.write(b'x')\nf.flush()",
    ),
    (
        "many files",
        "for i in range(10 ** 6): open(f'f{i}', 'w').close()",
    ),
    (
        "many folders",
        "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')",
    ),
    (
        "many open files",
        "l = []\nwhile True: l.append(open('f', 'w'))",
    ),
    (
        "many open folders",
        "import os\nl = []\nwhile True: l.append(os.open('.', os.O_RDONLY))",
    ),
    (
        "many listings",
        "import os\nl = []\nfor _ in range(10_000): l.append(os.scandir('.'))\nlen([next(s, None) for s in l])",
    ),
    ("much randomness", "import os\nos.urandom(1 << 30)"),
    (
        "temporary files",
        "import tempfile\nl = []\ntry:\n    while True: l.append(tempfile.TemporaryFile())\nexcept OSError as error: print(error.strerror)",
    ),
    (
        "a database",
        "import sqlite3\nd = sqlite3.connect('big.db')\nd.execute('create table t(a)')\nwhile True: d.execute('insert into t values (zeroblob(100000))')",
    ),
];

#[tokio::test]
async fn processor() {
    insta::assert_snapshot!(seen(PROCESSOR, SHORT).await);
}

#[tokio::test]
async fn memory() {
    insta::assert_snapshot!(seen(MEMORY, LONG).await);
}

#[tokio::test]
async fn stack() {
    insta::assert_snapshot!(seen(STACK, LONG).await);
}

#[tokio::test]
async fn output_disk_and_descriptors() {
    insta::assert_snapshot!(seen(SPACE, LONG).await);
}
