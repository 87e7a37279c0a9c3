"""Small files of the sources' shapes, written by the tests."""

import gzip
import json
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from themis.builder.tasks.wikisearch.intros import INTROS


def gzipped_lines(file: Path, rows: Iterable[Any]) -> Path:
    """A `.jsonl.gz` file below a folder that is made where it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    return file


WEATHER_HEAD = "Date,Mean.TemperatureF,Mean.Humidity,Mean.VisibilityMiles,Mean.Wind.SpeedMPH,PrecipitationIn,CloudCover,Events,city"


def weather_folder(root: Path, days: int = 900) -> Path:
    """Records of a city called Testham on every day from 2004 on, each with values of its own."""
    from datetime import date, timedelta

    folder = root / "weather_intl"
    folder.mkdir(parents=True)
    rows = [WEATHER_HEAD]
    for number in range(days):
        day = date(2004, 1, 1) + timedelta(days=number)
        events = ("Rain", "Fog", "", "Snow", "Fog-Rain")[number % 5]
        numbers = (30 + number % 53, 20 + number % 71, 1 + number % 10, 2 + number % 29, f"0.{10 + number % 80}", number % 9)
        rows.append(f"{day},{','.join(map(str, numbers))},{events},Testham (TST)")
    with gzip.open(folder / "testham.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    return root


def introductions(root: Path, texts: Mapping[str, str]) -> Path:
    """The introductions of articles, by their titles."""
    file = root / INTROS
    file.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"title": title, "text": text}) + "\n" for title, text in texts.items())
    return root


KEEPERS = ("Ada Voss", "Milo Tarn", "Nils Holm", "Jo Karr", "Tom Ferris", "Jane Holt", "Bo", "Uma Lind")
"""Who keeps the first, the second lighthouse, and so on; one name is so short that others hold its letters."""


def reading_folder(root: Path) -> Path:
    """Questions of people on eight lighthouses and two occupations, and generated ones on ten lives, none held out."""
    gold = [
        {
            "question": f"who keeps the lighthouse of vell {number}",
            "answers": [keeper],
            "ctxs": [{"title": f"Vell {number} light", "text": _light(number, keeper)}],
        }
        for number, keeper in enumerate(KEEPERS)
    ]
    gzipped_lines(root / "nq_oracle/nq-open-oracle.jsonl.gz", gold)
    jobs = [
        {
            "question": f"What is {name}'s occupation?",
            "possible_answers": f'["{job}"]',
            "prop": "occupation",
            "subj": name,
            "s_wiki_title": name,
            "paragraphs": [
                {"title": name, "text": f"{name} is a {job} who lives in Norland. His occupation brought him to Tarnville in 1931."}
            ],
        }
        for name, job in (("Karl Orla", "painter"), ("Sven Hald", "surgeon"))
    ]
    (root / "popqa_neuropath").mkdir()
    with gzip.open(root / "popqa_neuropath/popqa.json.gz", "wt", encoding="utf-8") as file:
        json.dump(jobs, file)
    lives = {name: _life(name, number) for number, name in enumerate(f"Rolf Lund{ending}" for ending in "abcdefghij")}
    introductions(root, lives)
    (root / "tara").mkdir()
    (root / "tara/holdout.sha256").write_text("")
    return root


def _light(number: int, keeper: str) -> str:
    return (
        f"The lighthouse of Vell {number} was built in 19{number}1 by Peter Storm. It is kept by {keeper} since 1952, who keeps bees too. "
        f"In 1971 Anna Lindqvist had it painted green, and 2{number} ships pass it in a day."
    )


def _life(name: str, number: int) -> str:
    return (
        f"{name.upper()} (born {number + 1} May 190{number} in Vellby, Norland – 4 June 198{number}) was a Norwegian chess player. "
        f"He won the cup of Tarnville in 1931, and Eva Berg taught him. He lost to Otto Krag in 1940 and left for Melby."
    )
