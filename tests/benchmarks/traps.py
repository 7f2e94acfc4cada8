"""How many traps `yachay new` finds in made-up files, and how often it asks about clean ones.

    python tests/benchmarks/traps.py [--files 200]

A clean file has 3 to 10 columns of numbers, codes, words and flags under odd names, in one of several ways to write
CSV, and a label that they explain in part. A trap file is a clean one with one trap in it.
"""

import argparse
import datetime
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yachay.pipelines.scaffold.inference import Inference, infer

Rows = list[dict[str, Any]]

NAMES = ("Edad", "Nota previa", "Años", "x.1", "Tipo (1-3)", "región", "Grupo/sección", "Ingreso", "n° hijos", "z_9")
START = datetime.date(2019, 3, 1)


def clean(chance: random.Random) -> Rows:
    """Returns made-up records without a trap, with the label `y`."""
    makers: list[Callable[[], Any]] = []
    for _ in range(chance.randint(3, len(NAMES))):
        center, spread, words = chance.uniform(-50, 500), chance.uniform(0.5, 40), chance.randint(2, 8)
        makers.append(
            chance.choice(
                [
                    lambda center=center, spread=spread: round(chance.gauss(center, spread), 3),
                    lambda spread=spread: chance.randint(0, 20 + int(spread)),
                    lambda words=words: f"w{chance.randrange(words)}",
                    lambda: chance.randint(0, 1),
                ]
            )
        )
    names = chance.sample(NAMES, len(makers))
    rows = [{name: make() for name, make in zip(names, makers, strict=True)} for _ in range(chance.randint(300, 1500))]
    numbers = [name for name in names if isinstance(rows[0][name], float | int)]
    scale = {name: max(abs(row[name]) for row in rows) or 1 for name in numbers}
    weights = {name: chance.uniform(-1, 1) for name in numbers}
    scores = [sum(row[name] / scale[name] * weights[name] for name in numbers) + chance.gauss(0, 0.5) for row in rows]
    if chance.random() < 0.5:
        return [row | {"y": round(10 * score, 3)} for row, score in zip(rows, scores, strict=True)]
    middle = sorted(scores)[int(len(scores) * chance.uniform(0.3, 0.7))]
    return [row | {"y": "sí" if score > middle else "no"} for row, score in zip(rows, scores, strict=True)]


def as_number(label: Any) -> float:
    return label if isinstance(label, float) else 10.0 * (label == "sí")


def day(place: int, written: str) -> str:
    return (START + datetime.timedelta(days=place * 7919 % 1500)).strftime(written)


TRAPS: dict[str, tuple[Callable[[Rows, random.Random], Rows], Callable[[Inference], bool]]] = {
    "the label in other words": (
        lambda rows, _: [
            row | {"t": f"r{as_number(row['y']) > 5}" if isinstance(row["y"], str) else row["y"] * 2 + 1}
            for row in rows
        ],
        lambda found: kind(found, "t") is None,
    ),
    "a number behind the label": (
        lambda rows, chance: [row | {"t": round(as_number(row["y"]) + chance.gauss(0, 0.05), 3)} for row in rows],
        lambda found: kind(found, "t") is None,
    ),
    "a repeated person": (
        lambda rows, _: [
            row | {"t_id": 500 + place // 5 * 17 % 997, "sex": "fm"[place // 5 % 3 % 2]}
            for place, row in enumerate(rows)
        ],
        lambda found: found.split == {"method": "group", "key": "t_id"},
    ),
    "dates, day first": (
        lambda rows, _: [row | {"t": day(place, "%d/%m/%Y")} for place, row in enumerate(rows)],
        lambda found: found.repairs["t"].time_format == "%d/%m/%Y",
    ),
    "dates, month first": (
        lambda rows, _: [row | {"t": day(place, "%m/%d/%Y")} for place, row in enumerate(rows)],
        lambda found: found.repairs["t"].time_format == "%m/%d/%Y",
    ),
    "rows in the order of a date": (
        lambda rows, _: [row | {"t": str(START + datetime.timedelta(days=place))} for place, row in enumerate(rows)],
        lambda found: found.split == {"method": "time", "key": "t"},
    ),
    "a currency and thousands": (
        lambda rows, chance: [row | {"t": f"S/ {chance.uniform(10, 5e6):,.2f}"} for row in rows],
        lambda found: found.repairs["t"].thousands == ",",
    ),
    "another decimal mark": (
        lambda rows, chance: [
            row
            | {
                "t": f"{chance.gauss(0, 5):.3f}".replace(".", ","),
                "a": f"{chance.gauss(0, 5):.3f}",
                "b": f"{chance.gauss(0, 5):.3f}",
            }
            for row in rows
        ],
        lambda found: str(kind(found, "t")) == "numeric",
    ),
    "-9999 for no value": (
        lambda rows, chance: [
            row | {"t": -9999 if chance.random() < 0.05 else round(chance.gauss(20, 5), 1)} for row in rows
        ],
        lambda found: "-9999" in found.repairs["t"].missing_values,
    ),
    "unknown among numbers": (
        lambda rows, chance: [
            row | {"t": "unknown" if chance.random() < 0.05 else round(chance.gauss(20, 5), 1)} for row in rows
        ],
        lambda found: "unknown" in found.missing_values and str(kind(found, "t")) == "numeric",
    ),
    "equal rows": (
        lambda rows, _: [*rows, *rows[:20]],
        lambda found: asks(found, "equal an earlier one"),
    ),
    "a copy of a column": (
        lambda rows, chance: [row | {"t": (word := chance.choice("abcd")), "u": f"code {word}"} for row in rows],
        lambda found: asks(found, "says what"),
    ),
    "e-mail addresses": (
        lambda rows, _: [row | {"t": f"p{place}@uni.edu.pe"} for place, row in enumerate(rows)],
        lambda found: asks(found, "e-mail"),
    ),
    "a row number": (
        lambda rows, _: [{"t": place, **row} for place, row in enumerate(rows)],
        lambda found: kind(found, "t") is None,
    ),
}


def kind(found: Inference, name: str) -> Any:
    return next(column.kind for column in found.columns if column.name == name)


def asks(found: Inference, words: str) -> bool:
    return any(words in question.text for question in found.questions)


def look(rows: Rows, chance: random.Random, folder: Path) -> Inference:
    """Writes records in one of several ways and returns what is inferred."""
    separator, end = chance.choice(",;\t|"), chance.choice(["\n", "\r\n"])
    are_plain = not any(isinstance(value, str) and set(value) & set(",.") for row in rows for value in row.values())
    mark = "," if separator == ";" and are_plain else "."
    lines = [separator.join(row_text(row.values(), separator, mark)) for row in rows]
    path = folder / "data.csv"
    header = separator.join(quoted(name, separator) for name in rows[0])
    path.write_text(end.join([header, *lines, ""]), encoding=chance.choice(["utf-8", "utf-8-sig"]), newline="")
    return infer(str(path), "y")


def row_text(values: Any, separator: str, mark: str) -> list[str]:
    return [
        quoted(str(value).replace(".", mark) if isinstance(value, float) else str(value), separator) for value in values
    ]


def quoted(text: str, separator: str) -> str:
    return f'"{text}"' if separator in text else text


def main() -> None:
    """Prints the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        alarms = []
        for seed in range(files):
            chance = random.Random(seed)
            found = look(clean(chance), chance, folder)
            questions = [question.text for question in found.questions]
            excluded = [f"{column.name}: {column.reason}" for column in found.columns if column.reason]
            notes = [note for note in found.notes if "decimal comma" not in note]  # The file has them.
            if notes or questions or excluded or found.split:
                alarms.append((seed, notes, questions, excluded, found.split))
        print(f"clean files: {len(alarms)} of {files} with an alarm", flush=True)
        for alarm in alarms:
            print(" ", *alarm)
        print("| trap | found | of |\n|---|---|---|")
        for name, (spring, is_found) in TRAPS.items():
            missed = [seed for seed in range(files // 10) if not is_sprung(seed, spring, is_found, folder)]
            print(
                f"| {name} | {files // 10 - len(missed)} | {files // 10} | missed: {missed[:5]}"
                if missed
                else f"| {name} | {files // 10} | {files // 10} |",
                flush=True,
            )


def is_sprung(seed: int, spring: Any, is_found: Any, folder: Path) -> bool:
    chance = random.Random(seed)
    rows = spring(clean(chance), chance)
    try:
        return bool(is_found(look(rows, chance, folder)))
    except KeyError:
        return False


if __name__ == "__main__":
    main()
