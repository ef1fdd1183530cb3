"""Write what is generated of the pages on `aegis leaks` and `aegis lint`: ``python -m tools.leaks_pages``.

The tables of doors and rules, and the figures of the corpus. A test compares. Pictures: tools/walk.py.
"""

import re
from collections import Counter
from pathlib import Path

from aegis_cli.leaks.doors import DOORS
from aegis_cli.leaks.model import Door
from aegis_cli.lint import RULES, lint_text

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guides" / "leaks.md"
REFERENCE = ROOT / "docs" / "reference" / "lint.md"
CORPUS = ROOT / "adapters" / "cli" / "tests" / "lint" / "corpus"


def doors() -> str:
    """The table of every door."""
    rows = "\n".join(
        f"| `{door.id}` | {door.leaks} | {_code(door.fix) or 'the mark that is printed'} | {_better(door)} |"
        for door in DOORS
    )
    return f"| door | what leaves | the line that closes it | with others |\n|---|---|---|---|\n{rows}\n"


def _better(door: Door) -> str:
    return f"`{door.better.line}`" if door.better and door.better.line != door.fix else ""


def rules() -> str:
    """The table of every rule."""
    rows = "\n".join(f"| `{rule.code}` | {rule.finds} | {rule.instead} |" for rule in RULES)
    return f"| rule | what it finds | instead |\n|---|---|---|\n{rows}\n"


def figures() -> str:
    """What the linter finds of what the corpus says."""
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for path in sorted(CORPUS.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        said = {
            (number, code)
            for number, line in enumerate(source.splitlines(), 1)
            for code in re.findall(r"# (?:expect|miss): (AEG\d+)", line)
        }
        remarks = {(remark.line, remark.code) for remark in lint_text(path.name, source)}
        expected.update(code for _, code in said)
        found.update(code for _, code in said & remarks)
        wrong.update(code for _, code in remarks - said)
    rows = "\n".join(f"| `{code}` | {expected[code]} | {found[code]} | {wrong[code]} |" for code in sorted(expected))
    total = f"| all | {expected.total()} | {found.total()} | {wrong.total()} |"
    return f"| rule | lines that break it | found | false alarms |\n|---|---|---|---|\n{rows}\n{total}\n"


def with_block(page: str, name: str, text: str) -> str:
    """A page with what stands between the two comments of a name replaced."""
    pattern = re.compile(rf"(<!-- {name}: generated -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert pattern.search(page), name
    return pattern.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def pages() -> dict[Path, str]:
    """Every generated file with what it should hold."""
    guide = with_block(GUIDE.read_text(encoding="utf-8"), "doors", doors())
    reference = REFERENCE.read_text(encoding="utf-8")
    reference = with_block(with_block(reference, "rules", rules()), "figures", figures())
    return {GUIDE: guide, REFERENCE: reference}


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text and not text.startswith("see ") else text.replace("see ", "")


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
