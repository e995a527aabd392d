"""The pipelines call targets that exist, by actions that cannot change under us."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import output
from zavora.runner.home import PROJECT_DIR

WORKFLOWS = sorted((PROJECT_DIR / ".github" / "workflows").glob("*.yml"))
GITLAB = PROJECT_DIR / ".gitlab-ci.yml"
CI = PROJECT_DIR / ".ci" / "run"
WANTED = {"lint", "test", "image-test", "image-sbom", "scan", "advisories", "chart-test", "image"}
MAKE = re.compile(r"(?:^|&&|;)[ \t]*make((?:[ \t]+(?!#)[^\s;&]+)+)", re.MULTILINE)
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")


def targets() -> set[str]:
    """All targets that the Makefile lists as such."""
    text = (PROJECT_DIR / "Makefile").read_text().replace("\\\n", " ")
    (listed,) = re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE)
    return set(listed.split())


def called(text: str) -> set[str]:
    """What a script makes."""
    words = [word for found in MAKE.findall(text) for word in found.split()]
    return {word for word in words if "=" not in word and not word.startswith("-")}


def scripts(pipeline: Any) -> Iterator[str]:
    """All that a pipeline runs, wherever it stands in it."""
    if isinstance(pipeline, dict):
        for key, value in pipeline.items():
            if key in ("run", "script", "before_script"):
                yield value if isinstance(value, str) else "\n".join(value)
            else:
                yield from scripts(value)
    elif isinstance(pipeline, list):
        for one in pipeline:
            yield from scripts(one)


def calls_of(*files: Path) -> set[str]:
    """What pipelines make."""
    return {
        target
        for file in files
        for script in scripts(yaml.safe_load(file.read_text()))
        for target in called(script)
    }


def test_targets_are_read_from_scripts() -> None:
    script = "apt-get install make git\nmake lint chart-test\ncd x && make image IMAGE=$IMAGE\n"

    assert called(script) == {"lint", "chart-test", "image"}


@pytest.mark.parametrize("files", [tuple(WORKFLOWS), (GITLAB,)], ids=["github", "gitlab"])
def test_every_target_that_is_called_exists(files: tuple[Path, ...]) -> None:
    calls = calls_of(*files)

    assert calls <= targets()
    assert calls >= WANTED


def test_what_a_change_has_to_pass_exists() -> None:
    assert called(CI.read_text()) <= targets()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_valid(workflow: Path, tools: Path) -> None:
    output("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow))


def test_gitlabs_pipeline_is_valid(tools: Path) -> None:
    options = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    output("check-jsonschema", *options, str(GITLAB))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(workflow: Path) -> None:
    text = workflow.read_text()
    pipeline = yaml.safe_load(text)
    used = re.findall(r"uses:\s*(\S+)(.*)", text)

    assert used
    for action, comment in used:
        assert PINNED.match(action), action
        assert re.search(r"# v\d+\.\d+\.\d+$", comment), f"{action}: which version is that?"
    assert pipeline["permissions"] == {"contents": "read"}
    for name, job in pipeline["jobs"].items():
        assert job["timeout-minutes"] <= 120, name
        for script in scripts(job):
            assert "${{" not in script, f"{name}: an expression in a script is run as it comes"
