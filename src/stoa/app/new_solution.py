"""Make the folder of a new solution: `python -m stoa.app.new_solution my_system`.

It copies the starter, which passes the conformance suite as it is, writes its test, and prints the one
line to add to `wiring.py`: the only existing file that a new solution touches.
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1]
STARTER = Path(__file__).parent / "starter"
TESTS = Path(__file__).parents[3] / "tests" / "solutions"


def make(name: str, *, solutions: Path = SOURCE / "solutions", tests: Path = TESTS) -> list[Path]:
    """Write the folder `solutions/name` and its test; return the files.

    Raises:
        ValueError: the name is not lower_snake_case of verb and noun, or the folder exists.
    """
    if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name):
        raise ValueError("a name is a verb and a noun in lower case: ask_docs, find_images")
    folder = solutions / name
    if folder.exists():
        raise ValueError(f"{folder} exists")
    words = {"name": name, "title": name.replace("_", " ").title()}
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    written = []
    for template in sorted(STARTER.rglob("*.tmpl")):
        place = template.relative_to(STARTER).with_suffix("")
        target = tests / name / f"test_{name}.py" if place.name == "test.py" else folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(template.read_text(encoding="utf-8"), words), encoding="utf-8")
        written.append(target)
    (tests / name / "__init__.py").touch()
    return written


def _filled(text: str, words: dict[str, str]) -> str:
    """`{{name}}` replaced; `{{ name }}`, with spaces, belongs to the prompt."""
    for word, value in words.items():
        text = text.replace("{{" + word + "}}", value)
    return text


def main() -> None:
    """Read the name from the command line."""
    try:
        written = make(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        raise SystemExit(f"new-solution: {error}. Use: make new-solution NAME=my_system") from None
    for path in written:
        print(path)
    print(f'\nAdd "{sys.argv[1]}" to SOLUTIONS in {SOURCE / "wiring.py"}, then run: make test')


if __name__ == "__main__":
    main()
