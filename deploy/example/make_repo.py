"""Makes the example service a git repository with changes to ship: `python deploy/example/make_repo.py DEST`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = "sayso.example"
"""A key in the repository's own git configuration: by it we know a repository that we made."""


class CannotMake(Exception):
    """The repository can't be made; the message is the sentence for the person."""


@dataclass(frozen=True)
class Change:
    """One commit, and the branch that it becomes the tip of."""

    branch: str
    parent: str | None
    patch: str | None
    author: str
    when: str
    message: str
    tag: str | None = None


CHANGES = (
    Change(
        "main",
        None,
        None,
        "Mina Park <mina@example.com>",
        "2026-01-12T09:00:00+00:00",
        "Price a basket\n\nThe first version that went to production.",
        tag="v1.0.0",
    ),
    Change(
        "main",
        "main",
        "discount.patch",
        "Alice Moreau <alice@example.com>",
        "2026-01-19T10:30:00+00:00",
        "Give 10 % off from three pieces on",
    ),
    Change(
        "faster-checkout",
        "main",
        "faster-checkout.patch",
        "Bob Lindqvist <bob@example.com>",
        "2026-01-20T14:15:00+00:00",
        "Say when the order is ready",
    ),
    Change(
        "broken-discount",
        "main",
        "broken-discount.patch",
        "Bob Lindqvist <bob@example.com>",
        "2026-01-21T16:45:00+00:00",
        "Give 20 % off from ten pieces on",
    ),
)


def git(folder: Path, *arguments: str, **extra: str) -> str:
    """Run git as if nobody had configured it, so that commits come out the same everywhere; gives what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **extra,
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], env=environment, capture_output=True, text=True, check=True
        )
    except FileNotFoundError as error:
        raise CannotMake("git was not found; install it and try again.") from error
    except subprocess.CalledProcessError as error:
        raise CannotMake(f"git {arguments[0]} failed: {(error.stderr or error.stdout).strip()}") from error
    return done.stdout.strip()


def make(destination: Path) -> dict[str, str]:
    """Make the repository and give its branches and tags with their commits.

    One that was made before is left as it is, with everything that was committed to it since. It appears whole or
    not at all. Raises `CannotMake`.
    """
    if (destination / ".git").is_dir() and git(destination, "config", "--local", "--default", "", "--get", OURS):
        return tips(destination)
    if destination.is_file() or (destination.is_dir() and any(destination.iterdir())):
        raise CannotMake(f"{destination} exists and was not made by this program; name another folder.")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}-") as beside:
            repository = Path(beside, "checkout")
            copy_service(repository)
            commit_all(repository)
            repository.rename(destination)
    except OSError as error:
        raise CannotMake(f"{destination} can't be written ({error.filename}: {error.strerror}).") from error
    return tips(destination)


def copy_service(repository: Path) -> None:
    """Lay out the first version's files, with the modes that its hooks need however this folder came here."""
    shutil.copytree(HERE / "service", repository, ignore=shutil.ignore_patterns("__pycache__", "reports", "COMMIT"))
    for path in repository.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.read_bytes().startswith(b"#!") else 0o644)


def commit_all(repository: Path) -> None:
    """Make the history: every change on its branch, `main` checked out at the end."""
    git(repository, "init", "--quiet")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/main")
    git(repository, "config", OURS, "true")
    for change in CHANGES:
        if change.parent:
            git(repository, "checkout", "--quiet", "-B", change.branch, change.parent)
        if change.patch:
            git(repository, "apply", "--index", str(HERE / "changes" / change.patch))
        git(repository, "add", "--all")
        name, _, address = change.author.rstrip(">").partition(" <")
        person = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", address), ("DATE", change.when))
        }
        git(repository, "commit", "--quiet", "--no-verify", "--message", change.message, **person)
        if change.tag:
            git(repository, "tag", change.tag)
    git(repository, "checkout", "--quiet", "main")


def tips(repository: Path) -> dict[str, str]:
    """Give every branch and tag with its commit's full hash."""
    listed = git(repository, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads", "refs/tags")
    return dict(line.split(" ", 1) for line in listed.splitlines())


def main() -> None:
    """Make it where the command line says, and print its branches."""
    if len(sys.argv) != 2:
        sys.exit("Usage: make_repo.py DEST (a folder that does not exist yet)")
    try:
        made = make(Path(sys.argv[1]).absolute())
    except CannotMake as error:
        sys.exit(str(error))
    for name, commit in made.items():
        print(f"{commit} {name}")


if __name__ == "__main__":
    main()
