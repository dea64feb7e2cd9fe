//! Crashing the interpreter, leaving it, and loading what is no Python.

use crate::{Case, LONG, seen};

const CASES: &[Case] = &[
    ("os._exit", "import os\nos._exit(3)"),
    ("os.abort", "import os\nos.abort()"),
    ("sys.exit", "import sys\nsys.exit()"),
    ("sys.exit with a status", "import sys\nsys.exit(3)"),
    ("exit", "exit()"),
    (
        "a subclass of SystemExit",
        "class S(SystemExit): pass\nraise S('bye')",
    ),
    ("KeyboardInterrupt", "raise KeyboardInterrupt"),
    ("GeneratorExit", "raise GeneratorExit"),
    ("a base exception", "class B(BaseException): pass\nraise B"),
    (
        "a handler at exit",
        "import atexit\natexit.register(lambda: open('exit', 'w').write('x'))\natexit._run_exitfuncs()",
    ),
    (
        "a handler that leaves",
        "import atexit, os\natexit.register(os._exit, 0)\natexit._run_exitfuncs()",
    ),
    (
        "a null pointer",
        "import faulthandler\nfaulthandler._sigsegv()",
    ),
    (
        "crafted byte code",
        "def f(): pass\nexec(f.__code__.replace(co_code=bytes([100, 255] * 50 + [83, 0]), co_consts=()))",
    ),
    (
        "byte code of no function",
        "import types\nexec(types.CodeType(0, 0, 0, 2, 0, 0, bytes([116, 200] * 100), (), (), (), '', '', '', 0, b'', b''))",
    ),
    (
        "marshalled nonsense",
        "import marshal\nmarshal.loads(b'\\xe3' + bytes(range(200)))",
    ),
    (
        "marshalled depth",
        "import marshal\nmarshal.loads(b'(\\x01\\x00\\x00\\x00' * 100_000)",
    ),
    (
        "a pickle that runs code",
        "import pickle\nclass P:\n    def __reduce__(self): return (open, ('/etc/passwd',))\npickle.loads(pickle.dumps(P()))",
    ),
    (
        "a pickle that imports",
        "import pickle\npickle.loads(b'cos\\nsystem\\n(S\"id\"\\ntR.')",
    ),
    (
        "an extension module",
        "import importlib.machinery as m, importlib.util as u\nopen('evil.so', 'wb').write(b'\\0asm\\1\\0\\0\\0')\nu.module_from_spec(u.spec_from_file_location('evil', loader=m.ExtensionFileLoader('evil', '/mnt/data/evil.so')))",
    ),
    (
        "a module named like the library's",
        "open('json.py', 'w').write('print(\"mine\")')\nimport sys\ndel sys.modules['json']\nimport json\njson.dumps(1)",
    ),
    (
        "a module in an archive",
        "import zipfile, sys\nwith zipfile.ZipFile('m.zip', 'w') as z: z.writestr('inside.py', 'secret = open(\"/etc/passwd\").read()')\nsys.path.insert(0, 'm.zip')\nimport inside",
    ),
    (
        "an import hook",
        "import sys\nclass F:\n    def find_spec(self, *a): raise SystemExit('hooked')\nsys.meta_path.insert(0, F())\nimport nothing_of_this_name",
    ),
    ("no modules", "import sys\nsys.modules.clear()"),
    (
        "no path",
        "import sys\nsys.path = sys.meta_path = sys.path_hooks = None\nimport wave",
    ),
    (
        "audit hooks",
        "import sys\nsys.addaudithook(lambda *a: (_ for _ in ()).throw(SystemExit('audited')))\nprint(1)",
    ),
    (
        "a trace function",
        "import sys\ndef trace(*a): raise SystemExit('traced')\nsys.settrace(trace)\nsys.setprofile(trace)\nprint(1)",
    ),
    (
        "frames of the caller",
        "import sys\nframe = sys._getframe()\nwhile frame.f_back: frame = frame.f_back\nframe.f_globals.clear()",
    ),
    (
        "locals of the caller",
        "import sys\nf = sys._getframe(1)\nf.f_locals.update(code='1', self=None, name=None)\nprint(sorted(f.f_locals))",
    ),
    (
        "objects of the host",
        "import gc\nprint([o for o in gc.get_objects() if type(o).__module__.startswith(('wasmtime', 'glm'))])",
    ),
    (
        "what the snapshot holds",
        "import gc\nprint([s for o in gc.get_objects() if isinstance(o, dict) for s in list(o.values()) if isinstance(s, str) and ('/root' in s or '/home/' in s or 'TOKEN' in s)][:3])",
    ),
    (
        "garbage collection off",
        "import gc\ngc.disable()\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: 1 / 0)",
    ),
    (
        "unraisable errors",
        "import sys\nsys.unraisablehook = lambda *a: 1 / 0\nclass D:\n    def __del__(self): 1 / 0\nD()\nprint('on')",
    ),
    (
        "weak references",
        "import weakref\nclass W: pass\nw = W()\nweakref.finalize(w, lambda: 1 / 0)\ndel w\nprint('on')",
    ),
    (
        "a class that replaces itself",
        "class C: pass\nc = C()\nc.__class__ = type('D', (), {'__del__': lambda self: 1 / 0})\ndel c",
    ),
    ("types of built-ins", "int.__add__ = None"),
];

#[tokio::test]
async fn interpreter() {
    insta::assert_snapshot!(seen(CASES, LONG).await);
}
