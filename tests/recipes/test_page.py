"""docs/recipes.md is what the recipes say of themselves, and the command line shows all of them at any width."""

from __future__ import annotations

import re

import pytest

from initwise.cli.recipes import listing
from initwise.cli.topics import find
from initwise.recipes import RECIPES
from initwise.reporting import text
from scripts import recipes_page

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_the_page_of_recipes_is_current() -> None:
    there, due = recipes_page.PAGE.read_text(encoding="utf-8").splitlines(), recipes_page.page().splitlines()
    assert set(due) ^ set(there) == set(), "run `make docs`"
    assert there == due, "run `make docs`"


def test_every_recipe_is_on_the_page_once_with_its_laws() -> None:
    page = recipes_page.page()
    assert sorted(re.findall(r"^### (\S+)$", page, re.MULTILINE)) == sorted(RECIPES)
    for recipe in RECIPES.values():
        assert recipe.laws
        assert page.count(f"| {recipes_page._cell(recipe.laws[0][0])} | {recipes_page._cell(recipe.laws[0][1])} |") >= 1


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("below", [False, True])
def test_the_list_of_recipes_fits_a_terminal(width: int, below: bool) -> None:
    shown = STYLE.sub("", text(listing(below=below), terminal=True, width=width)).splitlines()
    assert max(map(len, shown)) <= width
    assert set(RECIPES) <= {line.split()[0] for line in shown if line.strip()}
    if below:
        assert len(shown) < 6 * len(RECIPES)


def test_the_list_says_the_same_in_both_forms() -> None:
    wide, narrow = listing(below=False).rows, listing(below=True).rows
    assert narrow == tuple((name, f"{summary}\n({source})") for name, summary, source in wide)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_explains_itself_and_how_it_is_used(name: str) -> None:
    said = find(name).text(terminal=False)
    recipe = RECIPES[name]
    assert said.startswith(f"{name}\n\n{recipe.summary}\n")
    assert recipe.source in said
    assert all(law in said for _, law in recipe.laws)


def test_a_recipe_that_takes_arguments_says_so() -> None:
    assert 'iw.plan(model, "siren")' in find("siren").text(terminal=False)
    assert "iw.plan(model, iw.recipes.siren(omega=30.0)): with its arguments" in find("siren").text(terminal=False)
    said = find("mup").text(terminal=False)
    assert "iw.plan(model, iw.recipes.mup(base, delta=None, *, rules=None" in said
    assert "--recipe mup" not in said
