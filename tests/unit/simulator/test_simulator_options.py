from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.simulator.__main__ import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--write-limit", "many"], "'many' is not a limit such as 200/20s, or none"),
        (["--lose", "101"], "101 is not a percentage"),
        (["--fail", "teapot=1"], "invalid"),
        (["--latency", "quick"], "invalid"),
        (["--devices", str(Path("no") / "such.txt")], "cannot read"),
        (["--window", "open"], "invalid choice"),
    ],
)
def test_a_wrong_option_is_bad_usage_and_said(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
