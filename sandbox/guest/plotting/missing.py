"""What is said about the parts of matplotlib that are not here."""


def message(name):
    return (
        f"this sandbox's matplotlib draws plain charts; {name} needs the scientific pack "
        "(glm sandbox install scientific)"
    )


def module_attribute(module):
    """A `__getattr__` for `module`."""

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        short = {"matplotlib.pyplot": "plt"}.get(module, module)
        raise AttributeError(message(f"{short}.{name}"))

    return __getattr__
