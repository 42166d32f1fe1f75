"""`scripts/venv` and `scripts/python313` take the first interpreter that serves, or the one that they are given."""

# Found in deadsnakes/issues#79

from __future__ import annotations

import fcntl
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests.unit.documents import ROOT

VERSION = "import sys; (3, 11)"
INTERPRETER = """#!/bin/sh
case "$1 $2" in
"-c {version}"*) [ {usable} = yes ] && echo "$0" ;;
"-c import ensurepip, venv") [ {complete} = yes ] ;;
"-m venv") [ {creates} = yes ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "${{UV:-/bin/true}}" "$3/bin/uv" ;;
"-V "*) echo {name} ;;
esac
"""
BUILDING = """#!/bin/sh
case "$3" in
"import pip"*) [ {complete} = yes ] && echo "$0" ;;
esac
"""
SHIM = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n"


class Machine:
    """A machine with these interpreters alone; each prints its own name as its version."""

    def __init__(self, path: Path) -> None:
        self.bin, self.made = path / "bin", path / "made"
        self.bin.mkdir()
        for tool in ("bash", "sh", "rm", "mkdir", "cp", "ln", "touch"):
            (self.bin / tool).symlink_to(f"/bin/{tool}")

    def has(self, name: str, *, usable: str = "yes", complete: str = "yes", creates: str = "yes") -> Path:
        text = INTERPRETER.format(version=VERSION, name=name, usable=usable, complete=complete, creates=creates)
        return self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)
        return self.bin / name

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("venv", str(self.made), "requirements.txt", **variables)

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / "scripts" / script), *arguments]
        env = {"PATH": str(self.bin), **variables}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_python_is_taken(machine: Machine) -> None:
    machine.has("python3.13")
    machine.has("python3.12")

    done = machine.set_up()

    assert (done.returncode, done.stderr) == (0, "")
    assert "with python3.13 from" in done.stdout
    assert (machine.made / ".ready").exists()


@pytest.mark.parametrize("lacks", [{"usable": "no"}, {"complete": "no"}, {"creates": "no"}, None])
def test_one_of_another_version_a_shim_or_one_that_cannot_create_environments_is_passed_over(
    lacks: dict[str, str] | None, machine: Machine
) -> None:
    if lacks is None:
        machine.write("python3.13", SHIM)
    else:
        machine.has("python3.13", **lacks)
    machine.has("python3.11")

    done = machine.set_up()

    assert (done.returncode, done.stderr) == (0, "")
    assert "with python3.11 from" in done.stdout


def test_the_versions_of_pyenv_are_found_where_only_shims_are_on_the_path(machine: Machine, tmp_path: Path) -> None:
    for name in ("python3.13", "python3"):
        machine.write(name, SHIM)
    versions = tmp_path / ".pyenv" / "versions" / "3.12.1" / "bin"
    versions.mkdir(parents=True)
    machine.has("one-of-pyenv").rename(versions / "python")

    assert "with one-of-pyenv from" in machine.set_up(HOME=str(tmp_path)).stdout


def test_the_interpreter_that_is_named_is_taken_and_no_other(machine: Machine, tmp_path: Path) -> None:
    machine.has("python3.13")
    folder = tmp_path / "a folder"
    folder.mkdir()
    named = machine.has("mine").rename(folder / "mine")

    assert "with mine from" in machine.set_up(PYTHON=str(named)).stdout


@pytest.mark.parametrize("named", ["/no/such/python", "python3.9", "no-python-at-all", "/tmp"])
def test_a_named_interpreter_that_cannot_be_used_is_an_error_and_none_is_taken_instead(
    named: str, machine: Machine
) -> None:
    machine.has("python3.13")
    machine.has("python3.9", usable="no")
    (machine.made / "bin").mkdir(parents=True)

    done = machine.set_up(PYTHON=named)

    assert done.returncode == 1
    assert f"error: PYTHON={named}: no Python 3.11, 3.12 or 3.13" in done.stderr
    assert (machine.made / "bin").exists(), "the environment that was there stays"
    assert not (machine.made / ".ready").exists()


@pytest.mark.parametrize("lacks", [{"complete": "no"}, {"creates": "no"}])
@pytest.mark.parametrize("variables", [{}, {"PYTHON": "python3.13"}])
def test_without_a_complete_interpreter_the_error_says_what_to_install(
    lacks: dict[str, str], variables: dict[str, str], machine: Machine
) -> None:
    machine.has("python3.13", **lacks)
    done = machine.set_up(**variables)
    assert done.returncode == 1
    assert "python3.13 cannot create a virtual environment" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


@pytest.mark.parametrize(("home", "no_cache"), [("a-folder", ""), ("a-file", "true")])
def test_where_the_cache_cannot_be_written_none_is_used(
    home: str, no_cache: str, machine: Machine, tmp_path: Path
) -> None:
    # Found in astral-sh/uv#9962
    machine.has("python3.13")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").touch()  # not even root can make a folder below it
    seen = tmp_path / "seen"
    uv = f'#!/bin/sh\n[ "$1" = cache ] && echo "$HOME/.cache/uv" || echo "$UV_NO_CACHE" > {seen}\n'

    done = machine.set_up(HOME=str(tmp_path / home), UV=str(machine.write("uv", uv)))

    assert (done.returncode, seen.read_text().strip()) == (0, no_cache)


def test_a_second_command_waits_for_the_first_and_finds_the_environment_ready(machine: Machine) -> None:
    # Found in astral-sh/uv#11219
    (machine.bin / "flock").symlink_to(shutil.which("flock") or pytest.skip("no flock"))
    machine.has("python3.13")
    command = ["bash", str(ROOT / "scripts" / "venv"), str(machine.made), "requirements.txt"]
    with Path(f"{machine.made}.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = subprocess.Popen(command, env={"PATH": str(machine.bin)}, stdout=subprocess.PIPE, text=True)
        machine.made.mkdir()
        (machine.made / ".ready").touch()
    said, _ = second.communicate(timeout=60)

    assert (second.returncode, said) == (0, "")


def test_without_any_python_the_error_names_the_versions(machine: Machine) -> None:
    done = machine.set_up()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no Python 3.11, 3.12 or 3.13 found; ")


def test_an_environment_is_made_again_by_the_interpreter_below_it(tmp_path: Path) -> None:
    """An activated environment's own Python is the first on the PATH, and is deleted with it."""
    script = (ROOT / "scripts" / "venv").read_text()
    (code,) = [line.strip() for line in script.splitlines() if VERSION in line]
    venv.create(tmp_path, with_pip=False)

    done = subprocess.run(
        ["bash", "-c", code, "-", tmp_path / "bin" / "python"], capture_output=True, text=True, check=True
    )

    assert Path(done.stdout.strip()).is_file()
    assert tmp_path not in Path(done.stdout.strip()).parents


@pytest.mark.parametrize(
    "folder",
    [
        ".pyenv/versions/3.13.0",
        ".asdf/installs/python/3.13.9",
        ".local/share/mise/installs/python/3.13.2",
        ".local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu",
        "versions/3.13.0",
    ],
)
def test_a_build_finds_the_interpreter_behind_a_shim_that_does_not_run(
    folder: str, machine: Machine, tmp_path: Path
) -> None:
    machine.write("python3.13", SHIM)
    (tmp_path / folder / "bin").mkdir(parents=True)
    real = machine.write("real", BUILDING.format(complete="yes")).rename(tmp_path / folder / "bin" / "python3.13")
    home = {"HOME": "/none", "PYENV_ROOT": str(tmp_path)} if folder.startswith("versions") else {"HOME": str(tmp_path)}

    done = machine.run("python313", **home)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{real}\n", "")


@pytest.mark.parametrize("named", ["", "/no/such/python"])
@pytest.mark.parametrize("text", [SHIM, BUILDING.format(complete="no")])
def test_a_build_without_python_3_13_and_pip_says_in_one_line_what_to_do(
    text: str, named: str, machine: Machine
) -> None:
    machine.write("python3.13", text)

    done = machine.run("python313", **({"PYTHON": named} if named else {}))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {f'PYTHON={named}: ' if named else ''}no Python 3.13 with pip found")
    assert "set PYTHON=/path/to/python3.13" in done.stderr


def test_a_build_runs_the_scripts_beside_the_makefile_in_a_folder_with_spaces(tmp_path: Path) -> None:
    """SAM names the Makefile by its whole path, and starts make in a folder of its own."""
    # Found in PX4/PX4-Autopilot#10895
    folder = tmp_path / "a folder" / "with  spaces"
    folder.mkdir(parents=True)
    made = shutil.copy(ROOT / "Makefile", folder)
    command = ["make", "--makefile", str(made), "--dry-run", "build-SendFunction", "ARTIFACTS_DIR=built"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.startswith(f'"$("{folder}/scripts/python313")" -I "{folder}/scripts/package.py" . "built"')
