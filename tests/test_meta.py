"""Every id has all that belongs to it: a region to fill in, a check, mutants, a cell, points."""

import json
from collections import Counter

import pytest

from cs_helpers.checks.assets import expected
from cs_helpers.checks.registry import checks
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.regions import parse, read
from cs_helpers.tasks import TASKS
from tests.mutants.catalogue import load

CODE = [task.id for task in TASKS.values() if task.kind == "code"]
ANSWERS = [task.id for task in TASKS.values() if task.kind == "answer"]


@pytest.mark.parametrize("task_id", TASKS)
def test_every_task_has_a_region_of_its_kind_in_its_file(task_id):
    path = COURSE_ROOT / TASKS[task_id].file
    kinds = {region.kind for region in parse(read(path), path) if region.id == task_id}
    assert kinds == {"SOLUTION" if task_id in CODE else "ANSWER"}


@pytest.mark.parametrize("file", sorted({task.file for task in TASKS.values()}))
def test_every_region_belongs_to_a_task_of_its_file(file):
    regions = parse(read(COURSE_ROOT / file), file)
    assert {region.id for region in regions} == {task.id for task in TASKS.values() if task.file == file}


def test_every_code_task_has_a_check_and_every_check_a_task():
    assert list(checks()) == CODE


@pytest.mark.parametrize("task_id", CODE)
def test_every_check_has_stored_evidence_and_says_where_to_look(task_id):
    check = checks()[task_id]
    names = expected(task_id).items
    assert len(names) >= 3
    assert "" in check.where
    unused = [key for key in check.where if not any(name.startswith(key) for name in names)]
    assert unused == []
    assert (check.tolerances.keys() | check.streams) <= names.keys()


def test_every_check_has_three_mutants_or_more():
    count = Counter(mutant.check for mutant in load())
    assert {task_id: count[task_id] for task_id in CODE if count[task_id] < 3} == {}


@pytest.mark.parametrize("task_id", TASKS)
def test_every_task_has_a_cell_in_its_part_of_the_notebooks(task_id):
    found = sorted((COURSE_ROOT / "notebooks").glob(f"part{TASKS[task_id].part}_*.ipynb"))
    if not found:
        pytest.skip(f"the notebook of part {TASKS[task_id].part} is not written yet")
    cells = json.loads(read(found[0]))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    if task_id in CODE:
        assert f'check("{task_id}")' in code
    else:
        part, question = task_id.split(".")
        assert task_id in code or f"{part.replace('p', 'part')}_{question}" in code


@pytest.mark.parametrize("task_id", TASKS)
def test_every_task_has_a_rubric_with_points(task_id):
    task = TASKS[task_id]
    assert task.id == task_id
    assert task.points > 0
    assert all(points > 0 and criterion for points, criterion in task.rubric)
