"""Timings, flip angles and fat suppression of each technique, drawn at random; reads and writes nothing.

Each function of a technique takes the source of the draw and the field in tesla and gives values of
`protocols.Protocol`: ms, degrees, s/mm2. Source: routine protocols at 1.5 and 3 T, as in `protocols`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, float], dict[str, object]]


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two, as a plain float."""
    return float(rng.uniform(low, high))


def fat_sat(rng: np.random.Generator, chance: float) -> float:
    """Factor on the signal of fat: well below 1 with this chance, else 1."""
    return uniform(rng, 0.05, 0.4) if rng.random() < chance else 1.0


def t1_se(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 350, 850), te=uniform(rng, 7, 22), flip=uniform(rng, 65, 90), fat=fat_sat(rng, 0.25)
    )


def t1_mprage(rng: np.random.Generator, f: float) -> dict[str, object]:
    ti = uniform(rng, 650, 1100)
    return dict(
        tr=uniform(rng, max(1500, ti + 700), 2600),
        te=uniform(rng, 2, 5),
        ti=ti,
        flip=uniform(rng, 7, 15),
        fat=uniform(rng, 0.35, 1),
    )


def t1_gre(rng: np.random.Generator, f: float) -> dict[str, object]:
    if rng.random() < 0.5:  # 2-D FLASH with a longer TR
        return dict(
            tr=uniform(rng, 150, 320),
            te=uniform(rng, 2.5, 6),
            flip=uniform(rng, 60, 85),
            fat=fat_sat(rng, 0.2),
        )
    return dict(
        tr=uniform(rng, 6, 26), te=uniform(rng, 2, 6), flip=uniform(rng, 12, 32), fat=uniform(rng, 0.3, 1)
    )


def t1_flair(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 1700, 2500), te=uniform(rng, 8, 24), ti=uniform(rng, 700, 900), flip=90.0)


def t2(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 2500, 7500),
        te=uniform(rng, 75, 130),
        flip=uniform(rng, 120, 180),
        fat=1.5 * fat_sat(rng, 0.3),
    )


def t2_3d(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 2000, 3500), te=uniform(rng, 90, 240), flip=120.0, fat=fat_sat(rng, 0.3))


def flair(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 5000, 11000),
        te=uniform(rng, 75, 145),
        ti=-1.0,
        flip=150.0,
        fat=fat_sat(rng, 0.6),
        options={"null": uniform(rng, 0.93, 1.06)},
    )


def diffusion(rng: np.random.Generator, f: float) -> dict[str, object]:
    b = float(rng.choice([500, 700, 800, 1000, 1000, 1000, 1500, 2000, 3000]))
    return dict(
        tr=uniform(rng, 3000, 9000),
        te=uniform(rng, 60, 110),
        flip=90.0,
        b_values=(0.0, b),
        fat=uniform(rng, 0.02, 0.25),
    )


def swi(rng: np.random.Generator, f: float) -> dict[str, object]:
    te = uniform(rng, 26, 42) if f < 2 else uniform(rng, 14, 28)
    return dict(tr=uniform(rng, 27, 60), te=te, flip=uniform(rng, 8, 20), fat=uniform(rng, 0.4, 1))


def t2star(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 450, 1000),
        te=uniform(rng, 14, 30),
        flip=uniform(rng, 15, 30),
        fat=uniform(rng, 0.5, 1),
    )


def pd(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 2000, 5000), te=uniform(rng, 8, 32), flip=150.0, fat=1.3 * fat_sat(rng, 0.3))


def tof(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 20, 35),
        te=uniform(rng, 2.5, 7),
        flip=uniform(rng, 15, 30),
        fat=uniform(rng, 0.3, 0.9),
    )


def epi(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(
        tr=uniform(rng, 1000, 3500),
        te=uniform(rng, 20, 50),
        flip=uniform(rng, 55, 90),
        fat=uniform(rng, 0.02, 0.3),
    )


def m0(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 4000, 9000), te=uniform(rng, 8, 30), flip=90.0, fat=uniform(rng, 0.05, 0.5))


def localizer(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 4, 10), te=uniform(rng, 1.5, 5), flip=uniform(rng, 25, 60))


def fieldmap(rng: np.random.Generator, f: float) -> dict[str, object]:
    return dict(tr=uniform(rng, 400, 700), te=uniform(rng, 4, 8), flip=uniform(rng, 50, 65))


def quality(rng: np.random.Generator, f: float) -> dict[str, object]:
    if rng.random() < 0.6:  # T1-weighted and PD/T2-weighted spin echo, as quality assurance asks for
        return dict(tr=500.0, te=uniform(rng, 10, 20), flip=90.0)
    return dict(tr=uniform(rng, 2000, 3500), te=uniform(rng, 20, 100), flip=90.0)
