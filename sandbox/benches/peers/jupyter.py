"""A Jupyter kernel for each session, through jupyter_client."""

from jupyter_client.manager import start_new_kernel

from serve import proportional, serve


def run(session, code):
    printed = []

    def collect(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    session[1].execute_interactive(code, output_hook=collect)
    return "".join(printed)


serve(
    lambda: start_new_kernel(kernel_name="python3"),
    run,
    lambda sessions: sum(proportional(manager.provisioner.pid) for manager, _ in sessions),
)
