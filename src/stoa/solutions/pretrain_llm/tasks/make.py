"""Writes the examples of the tasks beside it; all of it was written for this project.

    python -m stoa.solutions.pretrain_llm.tasks.make

Two tasks ask about the harbour log that the sample trains on, in sentences that are not in it (another
seed): which ending is spelt as words are, and how well is held-out text told. The third asks for plain
English of any model.
"""

import json
import random
from pathlib import Path

from stoa.solutions.pretrain_llm.sample.source import make

SEED = 1001
_FOLDER = Path(__file__).parent
_COUNT = 60
_ENGLISH = (
    ("The sun rises in the", (" east.", " fridge.", " spoon.", " sock.")),
    ("She opened the door with a", (" key.", " cloud.", " soup.", " Tuesday.")),
    ("Birds can", (" fly.", " forks.", " seven.", " quickly the.")),
    ("He drank a glass of", (" water.", " chairs.", " running.", " between.")),
    ("In winter it is often", (" cold.", " spoons.", " eaten.", " a the.")),
    ("The children went to", (" school.", " yellow.", " because.", " of.")),
    ("A bicycle has two", (" wheels.", " oceans.", " sleeping.", " an.")),
    ("The baker sells", (" bread.", " thunder.", " slowly.", " than.")),
    ("At night the sky is", (" dark.", " a shoe.", " walked.", " them.")),
    ("Fish live in", (" water.", " books.", " loudly.", " was.")),
    ("We read the", (" book.", " sneeze.", " tall.", " and.")),
    ("Ice is frozen", (" water.", " music.", " jumping.", " the.")),
    ("The dog chased the", (" cat.", " idea of.", " bluely.", " were.")),
    ("After Monday comes", (" Tuesday.", " cheese.", " upstairs.", " into.")),
    ("He wrote a letter with a", (" pen.", " lake.", " hungry.", " but.")),
    ("The train stopped at the", (" station.", " sandwich.", " deeply.", " am.")),
)


def main() -> None:
    """Write all three."""
    draw = random.Random(SEED)
    days = [make.day(number, draw) for number in range(2_000, 2_400)]
    sentences = [each for day in days for each in day.split(". ")[2:] if 40 < len(each) < 90]
    _write("harbour_spelling", [_spelling(each, draw) for each in sentences[:_COUNT]])
    _write("harbour_text", [{"text": day} for day in days[:40]])
    _write("plain_english", [_english(each, draw) for each in _ENGLISH])


def _spelling(sentence: str, draw: random.Random) -> dict[str, object]:
    """A sentence without its end; the end, and three with letters of its words swapped."""
    words = sentence.rstrip(".").split(" ")
    context, end = " ".join(words[:-3]), " ".join(words[-3:])
    wrong: set[str] = set()
    while len(wrong) < 3:
        letters = list(end)
        place = draw.randrange(len(letters))
        letters[place] = draw.choice("abcdefghijklmnoprstuvw")
        if "".join(letters) != end:
            wrong.add("".join(letters))
    return _choice(context, [f" {end}", *(f" {each}" for each in sorted(wrong))], draw)


def _english(example: tuple[str, tuple[str, ...]], draw: random.Random) -> dict[str, object]:
    return _choice(example[0], list(example[1]), draw)


def _choice(context: str, choices: list[str], draw: random.Random) -> dict[str, object]:
    """The first choice is the right one; they are shuffled."""
    right = choices[0]
    draw.shuffle(choices)
    return {"context": context, "choices": choices, "answer": choices.index(right)}


def _write(name: str, rows: list[dict[str, object]]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (_FOLDER / f"{name}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
