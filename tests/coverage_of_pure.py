"""Prints how many branches the tests took, and fails where a pure module has one that no test took.

`make coverage`, and CI on its second interpreter, run it after the tests that need no Asterisk, which leave their
measurements in `.coverage`. What runs in a process of its own (the controller of a test, a grammar worker) is not
measured: the figure is a lower bound.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import coverage

from tests.test_architecture import PACKAGE, PURE_MODULES

EXCEPTIONS: Final[Mapping[str, str]] = {}
"""Pure modules with branches that no test takes -> why none can."""


def measured(data: Path) -> Mapping[str, Any]:
    """Return what coverage.py says of each file, and of all together, as its JSON report has it."""
    coverage_of_all = coverage.Coverage(str(data))
    coverage_of_all.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage_of_all.json_report(outfile=str(report))
        return dict(json.loads(report.read_text(encoding="utf-8")))


def untaken(files: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pure modules that are not covered whole, with their lines and branches."""
    for name in PURE_MODULES:
        path = PACKAGE.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        found = files.get(str(file.relative_to(PACKAGE.parent)))
        if found is None:
            yield name, "not measured at all"
        elif found["missing_lines"] or found["missing_branches"]:
            branches = [f"{begin}->{end if end > 0 else 'end'}" for begin, end in found["missing_branches"]]
            yield name, f"lines {found['missing_lines']}, branches {', '.join(branches) or 'none'}"


def main() -> int:
    """Return the exit status: 1 where a pure module that is no exception is not covered whole, or an exception is."""
    report = measured(PACKAGE.parent / ".coverage")
    missing = dict(untaken(report["files"]))
    wrong = {name: where for name, where in missing.items() if name not in EXCEPTIONS}
    stale = EXCEPTIONS.keys() - missing.keys()
    for name, where in wrong.items():
        print(f"ari_agent.{name} is pure, and no test takes: {where}")
    for name in sorted(stale):
        print(f"ari_agent.{name} is covered whole: take it off EXCEPTIONS")
    totals, whole = report["totals"], len(PURE_MODULES) - len(missing)
    print(
        f"branch coverage: {totals['percent_covered']:.1f} % of lines and branches, "
        f"{totals['covered_branches']} of {totals['num_branches']} branches; "
        f"{whole} of {len(PURE_MODULES)} pure modules are covered whole"
    )
    return 1 if wrong or stale else 0


if __name__ == "__main__":
    sys.exit(main())
