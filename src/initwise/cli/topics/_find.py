"""From a name to its explanation; a name that means nothing is an error with the nearest ones."""

from __future__ import annotations

from initwise._arguments import nearest
from initwise.cli.topics._codes import code
from initwise.cli.topics._layers import layer, layer_names
from initwise.cli.topics._recipes import recipe, recipe_names
from initwise.cli.topics._schemes import scheme, scheme_names
from initwise.cli.topics._topic import Topic
from initwise.errors import TargetError
from initwise.findings import CATALOGUE


def names() -> tuple[str, ...]:
    """Every name that can be explained, one spelling of each."""
    return (*layer_names(), *scheme_names(), *CATALOGUE, *recipe_names())


def find(name: str) -> Topic:
    """The explanation of `name`.

    A recipe is looked for before an initializer: "xavier" and "kaiming" are recipes, "xavier_uniform" is none. What is
    spelled as an initializer is one: "ICNR" and the recipe "icnr" are two things.
    """
    spelled = name.rpartition(".")[2] in scheme_names()
    for look in (layer, code, *((scheme, recipe) if spelled else (recipe, scheme))):
        topic = look(name)
        if topic is not None:
            return topic
    raise TargetError(
        f"explain {name!r}: there is nothing of this name to explain; give a layer (torch.nn.Linear), an initializer"
        f" (kaiming_normal, Orthogonal), a finding code (INI101) or a recipe (gpt2){_near(name)}"
    )


def _near(name: str) -> str:
    spellings = {known.rpartition(".")[2] for known in names()}
    return nearest(name.rpartition(".")[2], sorted(spellings))
