def load(sources):
    """Makes modules of `sources`, by name, which are in no folder that could be imported from."""
    import linecache
    import sys
    import types

    for name, source in sources.items():
        file = f"<{name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
