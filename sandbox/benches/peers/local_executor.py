"""smolagents' LocalPythonExecutor: an interpreter in Python, in the same process."""

from smolagents.local_python_executor import BASE_PYTHON_TOOLS, LocalPythonExecutor

from serve import proportional, serve


def start():
    executor = LocalPythonExecutor(["time"])
    executor.send_tools(dict(BASE_PYTHON_TOOLS))
    return executor


serve(start, lambda executor, code: executor(code).logs, lambda _: proportional())
