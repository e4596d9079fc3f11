"""`sayso demo` as people run it: the main job by itself, and nothing left behind, however it ends."""

from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path

import httpx
import psutil

from tests.support.commands import SECONDS, Running, carrying, running, sayso

MARK = "SAYSO_DEMO"


def nothing_left(folder: Path) -> bool:
    """Tell whether all processes of a demo are gone, giving the last ones a moment to vanish."""
    deadline = time.monotonic() + SECONDS
    while carrying(MARK, str(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not carrying(MARK, str(folder))


def command_line(process: psutil.Process) -> str:
    """Give a process's command line; nothing if it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def page(demo: Running) -> str:
    """Wait until the demo is ready, and give its page's address."""
    found = re.search(r"Open (http://\S+)", demo.until(lambda output: "Ready." in output))
    assert found
    return found[1]


def arguments(folder: Path) -> tuple[str, ...]:
    """Run the demo in this folder on free ports."""
    return "demo", "--folder", str(folder), "--port", "0", "--playground-port", "0"


def test_the_headless_demo_ships_to_production_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with running("demo", "--headless", "--folder", str(folder), "--deadline", "300", folder=tmp_path) as demo:
        code = demo.process.wait(400)
        output = demo.output
    assert code == 0, output
    assert "Ana types: /deploy checkout prod" in output
    assert "Waiting for an approval" in output
    assert output.index("Ben clicks Approve") > output.index("Waiting for an approval")
    assert "54 passed" in output
    assert re.search(r"/version answers: version 1\.1\.0", output)
    assert output.rstrip().endswith("Stopped.")
    assert nothing_left(folder)


def test_a_headless_demo_that_can_not_succeed_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = sayso("demo", "--headless", "--folder", str(folder), "--deadline", "1", folder=tmp_path)
    assert done.returncode == 1
    assert "It was not done after 1 seconds." in done.stderr
    assert "Traceback" not in done.stderr
    assert nothing_left(folder)


def test_a_demo_runs_once_in_its_folder_and_ends_with_a_signal(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with running(*arguments(folder), folder=tmp_path) as demo:
        address = page(demo)
        assert httpx.get(address).status_code == 200
        second = sayso(*arguments(folder), folder=tmp_path)
        assert second.returncode == 2
        assert second.stderr.startswith(f"The demo runs already: {address} (process {demo.process.pid}).")
        assert demo.end(signal.SIGINT) == 0
        assert demo.output.rstrip().endswith("Stopped.")
    assert nothing_left(folder)


def test_a_demo_that_was_killed_is_cleaned_up_by_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with running(*arguments(folder), folder=tmp_path) as demo:
        address = page(demo)
        httpx.post(
            f"{address}_ui/say",
            json={"persona": "U0ANA", "channel": "C0RELEASES", "text": "/deploy checkout staging"},
            timeout=60,
        )
        _wait_for_a_deployed_service(folder, demo)
        demo.process.kill()
        demo.process.wait()
    left = {process.pid for process in carrying(MARK, str(folder))}
    assert len(left) >= 3
    with running(*arguments(folder), folder=tmp_path) as demo:
        page(demo)
        assert "Ended what an earlier demo had left running." in demo.output
        assert not left & {process.pid for process in carrying(MARK, str(folder))}
        assert demo.end() == 0
    assert nothing_left(folder)


def _wait_for_a_deployed_service(folder: Path, demo: Running) -> None:
    deadline = time.monotonic() + SECONDS
    while not any("-m checkout" in command_line(process) for process in carrying(MARK, str(folder))):
        logs = "\n".join(each.read_text(encoding="utf-8") for each in sorted((folder / "logs").glob("*.log")))
        assert time.monotonic() < deadline, f"{demo.output}\n{logs}"
        time.sleep(0.2)


def test_a_part_that_dies_is_said_with_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with running(*arguments(folder), folder=tmp_path) as demo:
        page(demo)
        (playground,) = [each for each in carrying(MARK, str(folder)) if " playground " in command_line(each)]
        playground.kill()
        assert demo.process.wait(SECONDS) == 1
        assert "playground has ended by itself" in demo.output
        assert "The playground is at" in demo.output
    assert nothing_left(folder)


def test_a_taken_port_and_a_folder_that_is_not_ours_are_sentences(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--port", "--playground-port"):
            done = sayso(*arguments(tmp_path / "demo"), option, str(port), folder=tmp_path)
            assert done.returncode == 2
            assert done.stderr.strip().endswith(f"or choose another port with {option}.")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").touch()
    for name, told in (("mine", "has files in it that the demo did not make"), ("file", "The demo can't use")):
        done = sayso(*arguments(tmp_path / name), folder=tmp_path)
        assert done.returncode == 2
        assert told in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
