"""What goes out to students, and what stays behind. A file that neither list knows refuses the release."""

import re
from functools import cache

GOES_OUT = (
    "hw/*.py",
    "answers/*.py",
    "cs_helpers/**/*.py",
    "notebooks/*.ipynb",
    "notebooks/conftest.py",
    "notebooks/figures/*.svg",
    "notebooks/figures/*.png",
    "tests/assets/*.safetensors",
    "tests/assets/manifest.json",
    "tests/conftest.py",
    "tests/test_tasks.py",
    ".gitignore",
    "Makefile",
    "README.md",
    "environment.yml",
    "pyproject.toml",
    "requirements.txt",
)
"""Patterns: ``*`` stands for a part of a name, ``**/`` for any folders."""

STAYS = {
    "cs_helpers/release/**/*": "makes releases",
    "cs_helpers/grading/**/*": "gives marks",
    "tests/mutants/**/*": "wrong implementations are patches of the right ones",
    "tests/helpers/**/*": "tests the course, not the student",
    "tests/grading/**/*": "tests the grader",
    "tests/slurm/**/*": "tests the cluster",
    "tests/*.py": "tests the reference solution",
    "benchmarks/**/*": "measures the reference solution",
    "results/**/*": "students make their own",
    "docs/**/*": "written for staff",
    ".ci/**/*": "runs what stays",
}
"""Patterns of what stays, and why. A name that GOES_OUT spells out, without a pattern, goes all the same."""

SEARCHED_TOO = ("results/**/*.json",)
"""Patterns of files that stay but are searched for solutions: staff hand them out in other ways."""

PUBLIC_LINES = {
    "s = torch.sigmoid(x)": "the diagnosis computes with it",
    "t = torch.tanh(x)": "the diagnosis computes with it",
    "self.sequence = Sequential(*layers)": "the TODO says so, in MLP",
    "ClassifierTrainer(model, nn.CrossEntropyLoss(), optimizer)": "how checks and examples make one",
    "torch.zeros_like(self.w)": "a hint about gradients says so",
    "min(float(thresholds[index]), 1.0)": "the diagnosis computes with it",
    "ckpt.copy_of(ckpt.tensors_of(self.model))": "given code keeps weights the same way",
    "with torch.no_grad():": "any code with torch",
    "if checkpoints is not None:": "given code asks the same",
    "for layer in self.layers:": "any loop over layers",
}
"""Lines that stand in solutions and are no secret, and why."""

GENERATED = {
    "results/README.md": (
        "# Results\n\nThe records of your experiments, one JSON file a run. `course submit` packs them.\n"
    ),
}
"""Files that only students have."""


def fate(name: str) -> str:
    """Say whether a file goes ``"out"``, ``"stays"``, or is on neither list: ``"unknown"``."""
    if name in GOES_OUT:
        return "out"
    if any(_pattern(pattern).fullmatch(name) for pattern in STAYS):
        return "stays"
    return "out" if any(_pattern(pattern).fullmatch(name) for pattern in GOES_OUT) else "unknown"


def searched_too(name: str) -> bool:
    """Say whether a file that stays is searched for solutions."""
    return any(_pattern(pattern).fullmatch(name) for pattern in SEARCHED_TOO)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression."""
    parts = {"**/": r"(?:[^/]+/)*", "*": r"[^/]*"}
    pieces = re.split(r"(\*\*/|\*)", pattern)
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces))
