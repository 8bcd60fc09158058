"""Where the programs begin.

Until a program can end in order, Ctrl-C just ends it: nobody wants a traceback of imports. So
the signal is set before anything else is imported, even the module `signal`, which is slow.

It must not import anything of this package but inside its functions.
"""

import _signal as signal  # type: ignore[import-not-found]


def simulator() -> None:
    """Run `ollama_simulator`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.collector import importing

    with importing():
        from ollama_simulator.cli.simulator import main
    main()


def suite() -> None:
    """Run `load_balancer_test`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.collector import importing

    with importing():
        from ollama_simulator.cli.suite import main
    main()


def golden() -> None:
    """Run `golden`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.cli.golden import main

    main()


def worker() -> None:
    """Run a worker of `ollama_simulator --workers`. Who started it writes a line to its standard
    input, with a port and a key, and ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import contextlib
    import os
    import sys

    from ollama_simulator.collector import importing

    with importing():
        from ollama_simulator.net import kernel
        from ollama_simulator.terminal import run
        from ollama_simulator.workers.child import work

    port, _, key = sys.stdin.readline().strip().partition(" ")
    kernel.raise_limit()

    async def whole() -> None:
        # Whoever started it may be gone by now.
        with contextlib.suppress(ConnectionError):
            await work(int(port), key)
        # All is said and done. To wait for what is still being imported, and to take the
        # interpreter apart, would only hold the others up.
        os._exit(0)

    if port:
        run(whole())
