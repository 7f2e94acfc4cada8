"""How many traps `yachay new` finds in made-up files, and how often it asks about clean ones.

    python tests/benchmarks/traps.py [--files 200]

A clean file has 3 to 10 columns of numbers, codes, words and flags under odd names, in one of several ways to write
CSV, and a label that they explain in part. A trap file is a clean one with one trap in it.
"""

import argparse
import contextlib
import datetime
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yachay.pipelines.scaffold.inference import Inference, infer

Rows = list[dict[str, Any]]

NAMES = ("Edad", "Nota previa", "Años", "x.1", "Tipo (1-3)", "región", "Grupo/sección", "Ingreso", "n° hijos", "z_9")
CODES = (33, 171, 8014, 9003, 9070, 9085, 9119, 9130, 9147, 9238, 9254, 9500, 9556, 9670)
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
    "seconds since 1970": (
        lambda rows, _: [row | {"t": 1_600_000_000 + place * 7_919_000 % 90_000_000} for place, row in enumerate(rows)],
        lambda found: str(kind(found, "t")) == "time",
    ),
    "a cut of a number label": (
        lambda rows, _: [
            row | {"t": f"c{sum(row['y'] > cut for cut in (-4, -1, 1, 4))}"}
            for row in (numbered(rows) if isinstance(rows[0]["y"], str) else rows)
        ],
        lambda found: kind(found, "t") is None or asks(found, "t: predicts"),
    ),
    "a name that speaks of the end": (
        lambda rows, chance: [
            row | {"Final_score": round(as_number(row["y"]) + chance.gauss(0, 4), 2)} for row in rows
        ],
        lambda found: kind(found, "Final_score") is None or asks(found, "Final_score: predicts"),
    ),
    "codes": (
        lambda rows, chance: [row | {"t": chance.choice(CODES)} for row in rows],
        lambda found: asks(found, "t: whole numbers with gaps"),
    ),
    "levels": (
        lambda rows, chance: [row | {"Nivel": chance.randint(1, 5)} for row in rows],
        lambda found: str(kind(found, "Nivel")) == "ordinal",
    ),
    "a wrong encoding": (
        lambda rows, chance: [
            row | {"t": chance.choice(["Perú", "Brasil", "España"]).encode().decode("latin-1")} for row in rows
        ],
        lambda found: asks(found, "written in one encoding"),
    ),
    "ranges made dates by a spreadsheet": (
        lambda rows, chance: [row | {"t": chance.choice(["20-Oct", "10-20", "21-30", "31-40"])} for row in rows],
        lambda found: asks(found, "a spreadsheet made dates"),
    ),
    "a word in two spellings": (
        lambda rows, chance: [row | {"t": chance.choice(["Lima", "lima", "Cusco", "Puno"])} for row in rows],
        lambda found: asks(found, "'Lima' and 'lima'"),
    ),
    "a column that is nearly always the same": (
        lambda rows, _: [row | {"t": "b" if place in (7, 90) else "a"} for place, row in enumerate(rows)],
        lambda found: asks(found, "'a' in all but 2"),
    ),
    "records under two numbers": (
        lambda rows, chance: twice_numbered([row | {"m": round(chance.gauss(0, 1), 6)} for row in rows]),
        lambda found: asks(found, "under two numbers"),
    ),
    "parts of a split": (
        lambda rows, chance: [row | {"t": chance.choice(["train", "train", "test"])} for row in rows],
        lambda found: kind(found, "t") is None,
    ),
    "document numbers": (
        lambda rows, chance: [row | {"t": chance.randint(10_000_000, 99_999_999)} for row in rows],
        lambda found: asks(found, "document numbers"),
    ),
    "characteristics of persons": (
        lambda rows, chance: [row | {"Sexo": chance.choice("FM")} for row in rows],
        lambda found: asks(found, "Sexo: characteristics of persons"),
    ),
    "free text": (
        lambda rows, chance: [
            row | {"t": " ".join(chance.choice(["no", "a", "vino", "tarde", "ayer"]) for _ in range(9))} for row in rows
        ],
        lambda found: kind(found, "t") is None,
    ),
    "a label with a class in 19 of 20 rows": (
        lambda rows, chance: [row | {"y": "sí" if chance.random() < 0.05 else "no"} for row in rows],
        lambda found: any("The AUC decides" in note for note in found.notes),
    ),
    "a row number": (
        lambda rows, _: [{"t": place, **row} for place, row in enumerate(rows)],
        lambda found: kind(found, "t") is None,
    ),
}


def together(chance: random.Random) -> Rows:
    """Returns made-up records of students with every kind of trap at once, and the label `Passed`."""
    codes, rows = CODES[:12], []
    for place in range(800):
        student, day_of = place // 4, START + datetime.timedelta(days=place * 7919 % 1500)
        exam = chance.gauss(11, 3)
        passed = exam + chance.gauss(0, 1.5) > 10.5
        rows.append(
            {
                "Student id": 20_000 + student * 17 % 3_001,
                "Email": f"s{student}@uni.edu.pe",
                "DNI": 40_000_000 + student * 7919,
                "Sexo": "FM"[student * 7 % 3 % 2],
                "Edad": 17 + student * 5 % 11,
                "Career": codes[student * 5 % 12],
                "Nivel": chance.randint(1, 5),
                "Previous": round(exam / 2 + chance.gauss(5, 1.6), 2),
                "Enrolled": day_of.strftime("%d/%m/%Y"),
                "Fee": f"S/ {chance.uniform(500, 4_000):,.2f}",
                "Hours": f"{chance.gauss(12, 4):.1f}".replace(".", ","),
                "Temp": -9999 if chance.random() < 0.04 else round(chance.gauss(17, 3), 1),
                "Debt": "S/D" if chance.random() < 0.05 else round(chance.expovariate(1 / 300), 2),
                "City": chance.choice(["Lima", "lima", "Cusco", "Perú".encode().decode("latin-1")]),
                "Group": chance.choice(["20-Oct", "10-20", "21-30", "31-40"]),
                "Country": "PE",
                "Campus": "B" if place in (7, 90) else "A",
                "Set": chance.choice(["train", "train", "test"]),
                "Remark": " ".join(chance.choice(["no", "a", "vino", "tarde", "ayer"]) for _ in range(9)),
                "Result": "aprobado" if passed else "desaprobado",
                "Final score": round(10.5 + (1 if passed else -1) * chance.expovariate(0.4), 2),
                "Passed": "yes" if passed else "no",
            }
        )
    return [*rows, *rows[40:80]]


TOGETHER: dict[str, Callable[[Inference], bool]] = {
    "groups": lambda found: found.split == {"method": "group", "key": "Student_id"},
    "another name of the groups": lambda found: kind(found, "Email") is None and kind(found, "DNI") is None,
    "e-mail addresses": lambda found: asks(found, "Email: looks like e-mail"),
    "document numbers": lambda found: asks(found, "DNI: looks like document"),
    "characteristics of persons": lambda found: asks(found, "Sexo, Edad: characteristics"),
    "codes": lambda found: asks(found, "Career: whole numbers with gaps"),
    "levels": lambda found: str(kind(found, "Nivel")) == "ordinal",
    "dates": lambda found: found.repairs["Enrolled"].time_format == "%d/%m/%Y",
    "a currency and thousands": lambda found: found.repairs["Fee"].thousands == ",",
    "another decimal mark": lambda found: found.repairs["Hours"].decimal == ",",
    "-9999": lambda found: found.repairs["Temp"].missing_values == ("-9999",),
    "S/D among numbers": lambda found: "S/D" in found.missing_values and str(kind(found, "Debt")) == "numeric",
    "a wrong encoding": lambda found: asks(found, "City: 'PerÃº'"),
    "two spellings": lambda found: asks(found, "'Lima' and 'lima'"),
    "ranges made dates": lambda found: asks(found, "a spreadsheet made dates"),
    "one value": lambda found: kind(found, "Country") is None,
    "nearly one value": lambda found: asks(found, "Campus: 'A' in all but 2"),
    "parts of a split": lambda found: kind(found, "Set") is None,
    "free text": lambda found: kind(found, "Remark") is None,
    "the label in other words": lambda found: kind(found, "Result") is None,
    "a number behind the label": lambda found: kind(found, "Final_score") is None,
    "equal rows": lambda found: asks(found, "40 of 840 rows equal an earlier one"),
}


def numbered(rows: Rows) -> Rows:
    """Returns records with a number for a label, from 0 to 10 and 10 apart by class."""
    return [row | {"y": (10 if row["y"] == "sí" else -10) + place * 0.37 % 9} for place, row in enumerate(rows)]


def twice_numbered(rows: Rows) -> Rows:
    """Returns records with 20 of them once more, each under a number of its own."""
    return [{"t": place, **row} for place, row in enumerate([*rows, *rows[:20]])]


def kind(found: Inference, name: str) -> Any:
    return next(column.kind for column in found.columns if column.name == name)


def asks(found: Inference, words: str) -> bool:
    return any(words in question.text for question in found.questions)


def look(rows: Rows, chance: random.Random, folder: Path, label: str = "y") -> Inference:
    """Writes records in one of several ways and returns what is inferred."""
    separator, end = chance.choice(",;\t|"), chance.choice(["\n", "\r\n"])
    are_plain = not any(isinstance(value, str) and set(value) & set(",.") for row in rows for value in row.values())
    mark = "," if separator == ";" and are_plain else "."
    lines = [separator.join(row_text(row.values(), separator, mark)) for row in rows]
    path = folder / "data.csv"
    header = separator.join(quoted(name, separator) for name in rows[0])
    path.write_text(end.join([header, *lines, ""]), encoding=chance.choice(["utf-8", "utf-8-sig"]), newline="")
    return infer(str(path), label)


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
        print("| all in one file | found | of |\n|---|---|---|")
        for name, count in count_together(files // 10, folder).items():
            print(f"| {name} | {count} | {files // 10} |")


def count_together(files: int, folder: Path) -> dict[str, int]:
    """Returns in how many files with all traps each was found."""
    found = dict.fromkeys(TOGETHER, 0)
    for seed in range(files):
        chance = random.Random(seed)
        inference = look(together(chance), chance, folder, "Passed")
        for name, is_found in TOGETHER.items():
            with contextlib.suppress(KeyError):
                found[name] += bool(is_found(inference))
    return found


def is_sprung(seed: int, spring: Any, is_found: Any, folder: Path) -> bool:
    chance = random.Random(seed)
    rows = spring(clean(chance), chance)
    try:
        return bool(is_found(look(rows, chance, folder)))
    except KeyError:
        return False


if __name__ == "__main__":
    main()
