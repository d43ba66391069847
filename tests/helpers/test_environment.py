"""One set of versions: pyproject.toml allows, requirements.txt pins, environment.yml installs those pins."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALLOWED = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["dev"]]
# The other extras are installed on request, and are not in the lock.
ON_REQUEST = [Requirement(line) for name in EXTRAS if name != "dev" for line in EXTRAS[name]]
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PINNED = [Requirement(line) for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = (("linux", "Linux", "x86_64"), ("darwin", "Darwin", "arm64"), ("win32", "Windows", "AMD64"))


def environments():
    """Yield the marker environments that the course supports."""
    for python in PYTHONS:
        for platform, system, machine in SYSTEMS:
            yield {
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": platform,
                "platform_system": system,
                "platform_machine": machine,
                "os_name": "nt" if platform == "win32" else "posix",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "extra": "",
            }


def applies(requirement, environment):
    return requirement.marker is None or requirement.marker.evaluate(environment)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_once_to_an_allowed_version_on_every_system(allowed):
    for environment in environments():
        if applies(allowed, environment):
            pins = [p for p in PINNED if normal(p.name) == normal(allowed.name) and applies(p, environment)]
            assert len(pins) == 1, (environment, pins)
            (pin,) = pins[0].specifier
            assert pin.operator == "=="
            assert allowed.specifier.contains(pin.version), f"{pins[0]} is not in {allowed.specifier}"


def test_every_dependency_says_from_which_version_on():
    for requirement in ALLOWED + ON_REQUEST:
        assert [clause.operator for clause in requirement.specifier] == [">="], requirement


def test_the_lock_pins_everything_and_names_no_host():
    assert all([clause.operator for clause in pin.specifier] == ["=="] for pin in PINNED)
    assert all(pin.url is None for pin in PINNED)
    assert not re.search(r"https?:|//|file:|@|--(index|extra-index|find-links|trusted-host)", LOCK)


def test_conda_installs_the_pins_and_takes_only_python_itself_from_elsewhere():
    plain = [Requirement(line) for line in CONDA["dependencies"] if isinstance(line, str)]
    (from_pip,) = [line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict)]
    assert sorted(requirement.name for requirement in plain) == ["pip", "python"]
    assert from_pip == ["-r requirements.txt", "-e ."]
    assert CONDA["channels"] == ["conda-forge"]
    assert CONDA["name"] == PROJECT["name"]


def test_conda_and_pip_ask_for_the_same_python():
    (python,) = [Requirement(line) for line in CONDA["dependencies"] if str(line).startswith("python")]
    project = SpecifierSet(PROJECT["requires-python"])
    assert set(project) <= set(python.specifier)
    assert all(python.specifier.contains(version) for version in PYTHONS)
    assert all(project.contains(version) for version in PYTHONS)


def test_the_makefile_refuses_the_pythons_that_the_project_refuses():
    (lowest,) = [
        clause.version for clause in SpecifierSet(PROJECT["requires-python"]) if clause.operator == ">="
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"sys.version_info < ({lowest.replace('.', ', ')})" in makefile
    assert f"--python-version {lowest}" in makefile
