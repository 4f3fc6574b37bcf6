"""No POSIX assumption in what runs on Windows: everything but the Celery shell and the programs of tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.checkout import ROOT, tracked_files

POSIX_MODULES = {"fcntl", "grp", "pwd", "resource", "pty", "termios", "tty", "syslog", "crypt", "posix", "uvloop"}
POSIX_NAMES = {
    *("os." + name for name in ("fork", "forkpty", "geteuid", "getuid", "getgid", "getegid", "getpgid", "killpg")),
    *("os." + name for name in ("setsid", "chown", "fchown", "fchmod", "mkfifo", "uname", "wait3", "wait4", "nice")),
    *("os." + name for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_DIRECTORY", "O_CLOEXEC", "sysconf")),
    *("os." + name for name in ("rename", "symlink", "link", "getppid", "sched_getaffinity", "statvfs")),
    *("select." + name for name in ("poll", "epoll", "select")),
    *("signal." + name for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGPIPE")),
    *("signal." + name for name in ("alarm", "pause", "pthread_sigmask", "setitimer", "sigwait")),
    "socket.AF_UNIX",
    "time.tzset",
}
POSIX_METHODS = {
    "create_subprocess_exec",
    "symlink_to",
    "add_signal_handler",
    "start_unix_server",
    "open_unix_connection",
    "create_unix_server",
}
POSIX_PATHS = (
    "/tmp",  # noqa: S108 - it is what nobody may use
    "/dev/",
    "/proc/",
    "/etc/",
    "/var/",
    "/usr/",
)

GUARDED = {
    ("orchestrator/settings/account.py", "pwd"): "only where os.name is not nt",
    ("orchestrator/settings/account.py", "os.getuid"): "likewise",
    ("orchestrator/store/engine/sqlite_file.py", "os.geteuid"): "the function returns earlier where os.name is nt",
}
"""Uses that Windows never comes to, with why."""


def assumptions(tree: ast.AST) -> Iterator[str]:
    """The names and paths in a module that Windows does not have."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.partition(".")[0] in POSIX_MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                if module.partition(".")[0] in POSIX_MODULES:
                    yield module
                yield from (name for each in names if (name := f"{module}.{each.name}") in POSIX_NAMES)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if f"{owner}.{name}" in POSIX_NAMES:
                yield f"{owner}.{name}"
            case ast.Attribute(attr=name) if name in POSIX_METHODS:
                yield name
            case ast.Constant(value=str(text)) if id(node) not in documented and text.startswith(POSIX_PATHS):
                yield text


def test_no_module_assumes_what_windows_does_not_have() -> None:
    found = {
        (file.relative_to(ROOT).as_posix(), each)
        for file in tracked_files("orchestrator/*.py")
        for each in assumptions(ast.parse(file.read_text(encoding="utf-8")))
    }

    assert found == GUARDED.keys()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("import fcntl", {"fcntl"}),
        ("from os import fork", {"os.fork"}),
        ("import signal\nsignal.signal(signal.SIGKILL, None)", {"signal.SIGKILL"}),
        ("loop.add_signal_handler(2, stop)", {"add_signal_handler"}),
        ("open('/dev/null')", {"/dev/null"}),
        ('"""/tmp is no place."""\nx = getattr(os, "O_NOFOLLOW", 0)', set()),
    ],
)
def test_an_assumption_would_be_found(text: str, wanted: set[str]) -> None:
    assert set(assumptions(ast.parse(text))) == wanted


def test_every_file_has_a_name_that_windows_takes() -> None:
    reserved = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
    names = {part for file in tracked_files("*") for part in file.relative_to(ROOT).parts}

    assert [name for name in names if reserved.fullmatch(name) or re.search(r'[<>:"|?*\\]|[. ]$', name)] == []


def test_powershell_stands_beside_every_shell_example_that_is_not_for_linux_alone() -> None:
    documents = [ROOT / "README.md", *tracked_files("docs/*.md")]
    alone = [
        f"{document.name}: {block.splitlines()[0]}"
        for document in documents
        for block, after in re.findall(
            r"```(?:bash|sh)\n(.*?)```\s*(\S*)", document.read_text(encoding="utf-8"), re.DOTALL
        )
        if after != "```powershell" and not re.search(r"^(?:make|sudo) |/opt/muster", block, re.MULTILINE)
    ]

    assert alone == []
