"""Where the programs begin.

Until a program can end in order, Ctrl-C just ends it: nobody wants a traceback of imports. So
the signal is set before anything else is imported, even the module `signal`, which is slow.

It must not import anything of this package but inside its functions.
"""

import _signal as signal  # type: ignore[import-not-found]


def simulator() -> None:
    """Run `ollama_simulator`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.cli.simulator import main

    main()


def suite() -> None:
    """Run `load_balancer_test`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.cli.suite import main

    main()


def golden() -> None:
    """Run `golden`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ollama_simulator.cli.golden import main

    main()
