import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from service.contracts.cli import contract as app
from tests.contracts.conftest import body, company
from tests.work_orders.orders import Town

LATER = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> Path:
    url = town.session.get_bind().engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("RASID_DATABASE_URL", url)
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))
    for clock in ("service.core.clock.utc_now", "service.contracts.charging.utc_now"):
        monkeypatch.setattr(clock, lambda: LATER)
    town.session.commit()
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def written(folder: Path, name: str, value: dict[str, Any]) -> str:
    (folder / name).write_text(json.dumps(value), "utf-8")
    return str(folder / name)


def test_a_contract_lives_from_its_first_day_to_its_statement_at_the_command_line(folder: Path, town: Town) -> None:
    made = run("contractor", written(folder, "company.json", company(town)))
    assert made.output == "2050012345: id 1\n"
    assert run("create", written(folder, "contract.json", body(town, 1))).output == "DMM-2026-17: id 1\n"
    price = written(folder, "price.json", {"class_key": "garbage", "unit_price": "9", "first_day": "2026-01-01"})
    assert run("price", "DMM-2026-17", price).output == "garbage from 2026-01-01: id 2\n"
    rule = {"kind": "start_breach", "amount": 5, "first_day": "2026-01-01"}
    assert run("penalty", "DMM-2026-17", written(folder, "rule.json", rule)).output.startswith("start_breach from")
    order = town.bring(town.accept()["id"], "assign", "start", "done", "pass")
    assert run("charge").output == "1 new\n"
    assert json.loads(run("cost", str(order["id"])).output)["amount"] == "251.25"
    shown = run("statement", "DMM-2026-17", "--month", "2026-03")
    assert (shown.exit_code, "pothole" in shown.output, "288.94 SAR" in shown.output) == (0, True, True)
    for month in ("2026-01", "2026-02", "2026-03"):
        issued = run("statement", "DMM-2026-17", "--month", month, "--issue", "--format", "json")
        assert json.loads(issued.stdout)["state"] == "issued"
    assert "issued until 2026-03" in run("list").output
    assert "the same statement" in run("statement", "DMM-2026-17", "--month", "2026-03", "--check").output
    for kind, start in (("pdf", b"%PDF-"), ("xlsx", b"PK")):
        out = folder / f"march.{kind}"
        done = run("statement", "DMM-2026-17", "--month", "2026-03", "--format", kind, "--out", str(out))
        assert done.exit_code == 0 and out.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("statement", "X", "--month", "2026-03"), "expected the reference of a contract (none), got 'X'"),
        (("statement", "X", "--month", "March"), "expected a month like 2026-03, got 'March'"),
        (("statement", "X", "--month", "2026-03", "--format", "pdf"), "expected --out FILE for pdf, got none"),
    ],
)
def test_a_wrong_request_is_told_in_a_line(folder: Path, words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_body_that_is_no_contract_is_told_with_its_fields(folder: Path) -> None:
    assert "unit_ids" in run("create", written(folder, "c.json", {"reference": "x"})).output
    (folder / "bad.json").write_text("{", "utf-8")
    assert "expected JSON" in run("create", str(folder / "bad.json")).output
