"""Whose tokens an iteration carries, where prompts are among them.

Source: engine model, 1.9.

It must not import anything but its own package.
"""

from ollama_simulator.engine.plan import Work

Takes = list[tuple[Work, int]]
"""Whose prompts are read, and how many tokens of each."""


def greedy(reading: list[Work], room: int) -> Takes:
    """Tokens of prompts, slot by slot, until the batch is full."""
    takes: Takes = []
    for work in reading:
        if room <= 0:
            break
        takes.append((work, min(work.unread, room)))
        room -= takes[-1][1]
    return takes


def by_turns(works: list[Work], size: int) -> tuple[list[Work], Takes]:
    """Who generates, and whose prompts are read, slot by slot until the batch is full: a long
    prompt leaves out who comes behind it (engine `legacy`)."""
    able: list[Work] = []
    takes: Takes = []
    for work in works:
        if size <= 0:
            break
        if work.unread:
            takes.append((work, min(work.unread, size)))
            size -= takes[-1][1]
        elif work.able:
            able.append(work)
            size -= 1
    return able, takes
