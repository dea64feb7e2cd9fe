"""The notebook: what runs cells and tells what came of them, in any interpreter."""

import ast
import builtins
import importlib.util
import io
import linecache
import os
import random
import sys
import traceback
import types

DATA_FOLDER = "/mnt/data"
# Characters of a traceback: more says no more.
TRACEBACK_LENGTH = 8_000
# Characters of a value: the host cuts further, by its own limit.
VALUE_LENGTH = 1_000_000


class Output(io.RawIOBase):
    """An unbuffered stream: what was printed before a cell is stopped is seen."""

    def __init__(self, descriptor, name):
        self._descriptor = descriptor
        self.name = name

    def writable(self):
        return True

    def fileno(self):
        return self._descriptor

    def write(self, data):
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest):]
        return size


def text_output(descriptor, name):
    return io.TextIOWrapper(
        Output(descriptor, name), encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
    )


def sendable(text):
    """`text` without lone surrogates, which the host's strings cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_setrecursionlimit = sys.setrecursionlimit


def limit_recursion(deepest):
    """Has `sys.setrecursionlimit` grant at most `deepest`: code asks for a million to
    be safe, and what the stack cannot hold ends the interpreter."""

    def setrecursionlimit(limit, /):
        _setrecursionlimit(min(limit, deepest))

    sys.setrecursionlimit = setrecursionlimit


class Notebook:
    """The state that cells share."""

    def __init__(self, advice, reseed, inner=()):
        """`advice` returns, for an `ImportError`, what to know about the package that
        is missing, or None if that is not what happened. `reseed` gives random number
        generators other than `random`'s a seed. Tracebacks leave out the lines of files
        in the folders `inner`: what went wrong there is an argument of the cell's."""
        self.advice = advice
        self.reseed = reseed
        self.inner = tuple(folder + "/" for folder in inner)
        main = types.ModuleType("__main__")
        main.__builtins__ = builtins
        sys.modules["__main__"] = main
        self.namespace = main.__dict__
        self.started = False
        self.cells = 0

    def start(self):
        """Undoes, at the first cell, what must not be the same in every session."""
        self.started = True
        random.seed()
        self.reseed()
        os.environ.clear()
        sys.argv[:] = [""]
        sys.dont_write_bytecode = True
        os.chdir(DATA_FOLDER)

    def run(self, code, recursion):
        """Runs a cell. Returns the `repr` of its last expression, if it ends with one that
        is not None, and (kind, message, traceback) if it raised an exception."""
        try:
            return self.value_of(code, recursion), None
        except BaseException as error:
            if is_clean_exit(error):
                return None, None
            try:
                return None, self.describe(error)
            except BaseException:
                # Code can see to it that there is no memory or stack left.
                kind = type(error).__name__
                return None, (kind, "", f"{kind}\n")

    def value_of(self, code, recursion):
        if not self.started:
            self.start()
            _setrecursionlimit(min(sys.getrecursionlimit(), recursion))
        # An empty one only shows that the interpreter is sound.
        self.cells += bool(code)
        limit_recursion(recursion)
        # A cell may have closed or replaced them.
        sys.stdout, sys.stderr = text_output(1, "<stdout>"), text_output(2, "<stderr>")
        name = f"<cell {self.cells}>" if code else "<empty cell>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), self.namespace)
        if last is None:
            return None
        value = eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), self.namespace)
        if value is None:
            return None
        self.namespace["_"] = value
        return sendable(repr(value)[:VALUE_LENGTH])

    def describe(self, error):
        """(kind, message, traceback) of an exception that left a cell."""
        kind = type(error).__name__
        try:
            message = sendable(str(error))[:TRACEBACK_LENGTH]
        except BaseException:
            message = ""
        if isinstance(error, ImportError) and isinstance(error.name, str):
            advice = self.advice(error)
            if advice is not None:
                return kind, message, f"{kind}: {message} ({advice})\n"
        frame = error.__traceback__
        while frame is not None and not frame.tb_frame.f_code.co_filename.startswith("<cell "):
            frame = frame.tb_next
        shown = traceback.TracebackException(type(error), error, frame)
        shown.stack = traceback.StackSummary.from_list(
            line for line in shown.stack if not line.filename.startswith(self.inner)
        )
        text = sendable("".join(shown.format()))
        if len(text) > TRACEBACK_LENGTH:
            half = TRACEBACK_LENGTH // 2
            text = f"{text[:half]}\n[...]\n{text[-half:]}"
        return kind, message, text


def is_missing(error):
    """Whether an `ImportError` is about a package that is not there at all."""
    package = error.name.partition(".")[0]
    return (
        isinstance(error, ModuleNotFoundError)
        and package not in sys.modules
        and importlib.util.find_spec(package) is None
    )


def is_clean_exit(error):
    """Whether an exception only says that the cell is done."""
    if not isinstance(error, SystemExit):
        return False
    # A subclass can have another `code`, and a code its own idea of what it equals.
    code = SystemExit.code.__get__(error)
    return code is None or type(code) in (int, bool) and code == 0
