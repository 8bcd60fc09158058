"""Answers that come at a time: how many there really are, and how far apart their tokens.

Source: engine model, 2.4, step 5.

It must not import the measuring.
"""

import statistics

from ollama_simulator.calibrate.findings import Stream
from ollama_simulator.calibrate.server import Answer

LEAST = 8
"""Gaps of each answer, without which nothing can be told."""


def overlap(answers: list[Answer]) -> Stream | None:
    """The gaps of answers while as many as there ever are come at a time; None for one."""
    answers = sorted(answers, key=lambda answer: answer.pieces[0])
    for count in range(len(answers), 1, -1):
        some = answers[:count]
        begin = max(answer.pieces[0] for answer in some)
        end = min(answer.pieces[-1] for answer in some)
        gaps, contexts = [], 0.0
        for answer in some:
            inside = [t for t in answer.pieces if begin <= t <= end]
            if len(inside) <= LEAST:
                break
            before = sum(t < begin for t in answer.pieces)
            gaps.append((inside[-1] - inside[0]) / (len(inside) - 1))
            contexts += answer.prompt_tokens + before + len(inside) / 2 - 1
        else:
            return Stream(statistics.fmean(gaps), count, contexts)
    return None
