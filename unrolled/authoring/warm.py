"""Warm kernels: forked from one process that has imported what the notebooks import.

A kernel of its own takes two to three seconds until numpy, matplotlib, scikit-learn and torch are
there; a fork of a process that has them takes milliseconds. `Nursery` is for the press, on the side
of the builder; run as a script, this file is the process that forks. It imports nothing of ours,
because each notebook is to find the package as its tree has it.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
import warnings

# what takes long to import, in chapters, solutions, and kernels themselves
MODULES = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "matplotlib.pyplot", "myst_nb", "babel"),
    *("matplotlib.backends.backend_svg", "matplotlib.backends.backend_agg", "scipy.signal"),
    *("torch", "torch.nn.functional", "torch.nn.utils.rnn", "onnx", "onnxruntime"),
    *("sklearn.datasets", "sklearn.linear_model", "sklearn.neighbors"),
    *("sklearn.feature_extraction.text", "pydoc_data.topics"),
)
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # what a kernel would set


class Nursery:
    """Starts kernels as forks of a process of its own, which lives as long as the `with` block.

    Where the process fails, or the system is not Linux (elsewhere, libraries may not be forked
    once they are loaded), `adopt` leaves kernels to start as Jupyter starts them.
    """

    def __init__(self, environment):
        self._environment, self._process, self._turn = environment, None, asyncio.Lock()

    def __enter__(self):
        if sys.platform == "linux":
            self._process = subprocess.Popen(
                # -P: the modules beside this file are not the notebooks' to import
                [sys.executable, "-P", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | self._environment | INLINE,
                text=True,
                encoding="utf-8",
            )
        return self

    def __exit__(self, *_):
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()  # then it ends
            self._process.wait()
            self._process.stdout.close()

    def adopt(self, manager):
        """Let `manager`, a KernelManager that has not started yet, start a warm kernel."""
        if self._process is None:
            return
        from jupyter_client.provisioning import LocalProvisioner

        nursery = self

        class Provisioner(LocalProvisioner):
            """Jupyter's, except that it does not launch a command, but forks."""

            async def launch_kernel(self, cmd, **options):
                self.process = await nursery.fork(cmd, options["cwd"], options["env"])
                if self.process is None:
                    return await super().launch_kernel(cmd, **options)
                self.pid = self.pgid = self.process.pid
                return self.connection_info

        manager.provisioner = Provisioner(
            kernel_id=str(uuid.uuid4()), kernel_spec=manager.kernel_spec, parent=manager
        )

    async def fork(self, command, folder, environment):
        """What `command` (python -m MODULE ARGUMENTS) would start; None if it cannot be had."""
        arguments = command[command.index("-m") + 2 :]
        asked = json.dumps({"arguments": arguments, "folder": folder, "environment": environment})
        async with self._turn:
            answer = await asyncio.to_thread(self._ask, asked)
        return Fork(int(answer)) if answer else None

    def _ask(self, line):
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            return ""
        return self._process.stdout.readline().strip()


class Fork:
    """A forked kernel, with what Jupyter needs of a `subprocess.Popen`.

    It is not our child: whether it lives can be asked, how it ended cannot.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    wait = poll  # Jupyter polls until the process has ended, and then waits

    def send_signal(self, number):
        os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


# --------------------------------------------------------------------------- the process
def serve():
    """Import, then fork a kernel for each line on stdin, and answer with its process id."""
    import importlib

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the builder's, who then ends us
    signal.signal(signal.SIGCHLD, bury)
    answers = os.dup(1)
    os.dup2(2, 1)  # what an import prints is no answer
    for module in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    while asked := os.read(0, 1 << 20):
        while not asked.endswith(b"\n"):
            asked += os.read(0, 1 << 20)
        with warnings.catch_warnings():  # of a thread: onnxruntime has one, which waits for work
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            os.close(answers)
            become_kernel(**json.loads(asked))
        os.write(answers, f"{pid}\n".encode())


def bury(*_):
    """Wait for the forks that have ended, so that they are gone and their time is counted."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become_kernel(arguments, folder, environment):
    """Be what `python -m ipykernel_launcher` would be; never returns."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # signals to the kernel reach what it starts, and nobody else
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
        sys.argv = ["ipykernel_launcher", *arguments]

        from ipykernel.kernelapp import IPKernelApp

        # whose end is the kernel's; a kernel of its own has read it from the environment by now
        IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
    finally:
        os._exit(0)  # what the process that forks has still to do is not the kernel's


if __name__ == "__main__":
    serve()
