"""Every example about a framework is on the page, and run by a test."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = {path.stem for path in (ROOT / "examples" / "frameworks").glob("*.py")} - {"net"}


def test_every_example_is_named_by_the_page_and_run_by_a_test() -> None:
    page = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(EXAMPLES) >= 7
    for name in EXAMPLES:
        assert f"(../examples/frameworks/{name}.py)" in page
        assert f"examples.frameworks.{name} import" in tests
