"""Fleets from Python: in this process, or in a simulator that runs already.

One asynchronous core (`fleet`, `server`, `journal`) works over a `link`, of which there are two:
`local` and `remote`. `blocking_…` is the same for those without an event loop: it forwards each
call to one that runs in a thread (`thread`). `simulate` is where users begin.

It must not import the conformance suite or the programs.
"""
