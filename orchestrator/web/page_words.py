"""Messages and hints in the words of the pages: what the command line calls an option is a field here; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import declared
from orchestrator.domain.schedule import SCHEDULE_OPTIONS


def in_page_words(text: object) -> str:
    """The text without backticks and names of settings, options and commands that have words on the pages."""
    said = str(text)
    for pattern, words in _SENTENCES:
        said = pattern.sub(words, said)
    said = _COMMAND.sub(_place_of, said)
    said = _OPTION.sub(_field_of, said)
    said = _SETTING.sub(lambda found: _SETTINGS.get(found[1], "the settings"), _BESIDE.sub("", said))
    return " ".join(said.replace("`", "").split())


def _place_of(found: re.Match[str]) -> str:
    # The longest name of a command that is known; what follows it are its arguments.
    words = found["command"].split()
    for length in range(len(words), 0, -1):
        place = _PLACES.get(" ".join(words[:length]))
        if place is not None:
            begins = found.start() == 0 or found.string[: found.start()].endswith((". ", "! ", "? "))
            return place[0].upper() + place[1:] if begins else place
    return f"the command {found['command']}" if words[:1] != ["muster"] else found["command"]


def field_words(name: str) -> str:
    """Returns the label of a field of a form by its name; the name where the field has no label here."""
    return _FIELDS.get(_CAPITAL.sub("-", name).casefold().replace("_", "-"), name)


def _field_of(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    label = _FIELDS.get(name, name.replace("-", " "))
    return f"“{label}”" if value is None else f"“{label}” {value}"


def _patterns() -> Iterator[tuple[re.Pattern[str], str]]:
    for pattern, words in (
        (r"Mend the file, or take the good rows with --skip-invalid", "Mend the file, or take the good rows"),
        (r",? ?\(`?--only-eligible`?\)", " with “Leave out rows that cannot take a ConfigMgr action”"),
        (r"Then go on with `muster job resume[^`]*`", "Then resume the job"),
        (r"mend it, and go on with `muster job resume[^`]*`", "mend it, and resume the job"),
        (r"See `muster job errors[^`]*`", "See what went wrong below"),
        (r"`muster job pause[^`]*` or `cancel[^`]*` ends it sooner", "Pausing or cancelling the job ends it sooner"),
        (
            r"`(?:muster )?job retry --status uncertain[^`]*` sends it again",
            "a retry of the uncertain devices sends it again",
        ),
        (r"`(?:muster )?job retry[^`]*` later", "retry it later"),
        (r"then `(?:muster )?job retry[^`]*`", "then retry"),
        (r"or `(?:muster )?job retry[^`]*`", "or retry"),
        (r"then `(?:muster )?job resume[^`]*`", "then resume the job"),
        (r"`muster job retry [^`]*` calls it all the same", "A retry of the waiting devices calls them all the same"),
        (
            r"`muster job watch [^`]*` follows it, `muster job cancel [^`]*` ends it",
            "Its page follows it, and can cancel it",
        ),
        (r"every option of `muster schedule add` can be given", "every field of the form can be changed"),
    ):
        yield re.compile(pattern), words


_SENTENCES = tuple(_patterns())
_COMMAND = re.compile(r"`(?P<command>(?:muster )?[a-z][a-z ]*[^`]*)`")
_CAPITAL = re.compile(r"(?=[A-Z])")
_OPTION = re.compile(r"(?<![\w-])--(?P<name>[a-z][a-z-]*)(?: (?P<value>[A-Z0-9][\w/.:-]*))?")
_BESIDE = re.compile(r" \(MUSTER_[A-Z_]+\)")
_SETTING = re.compile(r"MUSTER_([A-Z_]+)")
_SETTINGS = {
    "ACCESS_TOKEN": "the access token in the settings",
    "AUTHORITY": "the sign-in authority in the settings",
    "BATCHING": "the setting of batching",
    "BROKER_URL": "the address of the broker in the settings",
    "CA_BUNDLE": "the certificates in the settings",
    "CLIENT_ID": "the app in the settings",
    "CLOUD": "the cloud in the settings",
    "DATABASE_URL": "the address of the database in the settings",
    "GRAPH_URL": "the address of Graph in the settings",
    "TENANT_ID": "the tenant ID in the settings",
    "WRITE_LIMIT": "the write limit in the settings",
}
_PLACES = {
    "muster job list": "the page Jobs",
    "muster job show": "the page of the job",
    "muster job errors": "the page of the job",
    "job retry": "a retry",
    "muster job retry": "a retry",
    "job resume": "Resume",
    "muster job resume": "Resume",
    "muster schedule list": "the page Schedules",
    "muster schedule history": "the history of the schedule",
    "muster schedule remove": "Remove",
    "muster schedule resume": "Resume",
    "muster list list": "the page Lists",
    "muster list import": "the page Lists",
    "muster key list": "the page Access keys",
    "muster lane list": "the page Rate limits",
    "muster schedule show": "the page of the schedule",
    "muster schedule blackout list": "the page Blackouts",
    "muster inventory refresh": "a refresh",
    "muster inventory import": "an import",
    "muster inventory show": "the page Inventory",
    "muster notify log": "the page Notifications",
    "muster notify test": "a test there",
    "muster halt": "an admin, on the page of the emergency stop,",
    "muster audit": "the page Audit log",
    "doctor": "muster doctor at the command line",
    "muster doctor": "muster doctor at the command line",
    "tenant check": "the test on the page Tenants",
    "muster tenant check": "the test on the page Tenants",
    "muster tenant list": "the page Tenants",
    "muster notify list": "the page Notifications",
}
_FIELDS = {
    **{each.flag: each.label for each in (*SCHEDULE_OPTIONS, *declared(JobSpec))},
    "force": "Remove it although a schedule needs it",
    "skip-invalid": "Take the good rows although others are bad",
    "only-eligible": "Leave out rows that cannot take a ConfigMgr action",
    "all": "Take every row of a report, also those that need no retry",
    "column": "Column with the id",
    "timezone": "Time zone",
    "cron": "When",
    "every": "When",
    "at": "When",
    "schedule": "schedule",
}
