"""One normal law for all that is drawn: `llama`, `qwen3`, `gemma`, `bert`, `roberta`, `mixtral` and their kin.

So transformers draws these families: N(0, initializer_range²), no depth scaling, biases zero, norms neutral. The std is
that of the model's configuration where it has one, else 0.02.
"""

from __future__ import annotations

from collections.abc import Callable

from initwise.initializers import Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.language._common import (
    STD,
    SUPPORTING_LAWS,
    Decide,
    is_drawn,
    setting,
    subject,
    supporting,
)


def initializer_range(reading: Reading, parameter: Parameter) -> tuple[float, str]:
    """Return the std of a model's configuration for a parameter, and where it comes from in words."""
    found = setting(reading, parameter, "initializer_range")
    return (float(found), "the model's initializer_range") if found else (STD, "no initializer_range is given")


def _decide(also: Callable[[Parameter], bool] = lambda parameter: False) -> Callable[[Reading], Decide]:
    def decide(reading: Reading) -> Decide:
        def of_parameter(parameter: Parameter) -> Decision:
            if not is_drawn(parameter) and not also(parameter):
                return supporting(parameter)
            std, source = initializer_range(reading, parameter)
            return Normal(std=std), f"{subject(parameter)}: N(0, {std:g}²), {source}"

        return of_parameter

    return decide


def _recipe(
    name: str,
    drawn: str,
    source: str,
    *,
    laws: tuple[tuple[str, str], ...] = (),
    decide: Callable[[Reading], Decide] = _decide(),  # noqa: B008 - a function, made once
) -> Recipe:
    return Recipe(
        name=name,
        summary=f"N(0, 0.02) on {drawn}, without depth scaling; zero biases",
        source=source,
        laws=(
            (drawn, "N(0, std²), std the configuration's initializer_range, else 0.02; padding rows 0"),
            *laws,
            *SUPPORTING_LAWS,
        ),
        decide=decide,
    )


def _is_sink_or_score(parameter: Parameter) -> bool:
    """Return whether a bias is one that gpt-oss draws: attention sinks and the router's."""
    router = parameter.module_name.rpartition(".")[2] == "router"
    return parameter.attribute == "sinks" or (router and parameter.attribute == "bias")


_LIBRARY = "transformers 5.23, models"
_MATRICES = "weights and embeddings"

LLAMA = _recipe("llama", _MATRICES, f"Touvron et al. 2023 (arXiv:2302.13971); {_LIBRARY}/llama")
QWEN3 = _recipe(
    "qwen3", "weights and embeddings, queries' and keys' norms at one", f"arXiv:2505.09388; {_LIBRARY}/qwen3"
)
GEMMA = _recipe(
    "gemma",
    _MATRICES,
    f"Gemma Team 2024 (arXiv:2403.08295); {_LIBRARY}/gemma",
    laws=(("norms of Gemma", "weight 0: the forward adds 1 to it"),),
)
BERT = _recipe(
    "bert",
    "weights, words, positions and token types",
    f"Devlin et al. 2018 (arXiv:1810.04805), which cuts at ±2σ; {_LIBRARY}/bert, which does not",
)
ROBERTA = _recipe(
    "roberta",
    "weights, words, positions and token types",
    f"Liu et al. 2019 (arXiv:1907.11692); {_LIBRARY}/roberta",
)
MIXTRAL = _recipe(
    "mixtral",
    "weights, embeddings, routers and every expert",
    f"Jiang et al. 2024 (arXiv:2401.04088); {_LIBRARY}/mixtral",
    laws=(("bias that balances experts", "0"), ("attention sinks", "0")),
)
GPT_OSS = _recipe(
    "gpt-oss",
    "weights, embeddings, experts, routers with their biases, and attention sinks",
    f"OpenAI 2025 (arXiv:2508.10925); {_LIBRARY}/gpt_oss",
    decide=_decide(_is_sink_or_score),
)
OLMO_NORMAL = _recipe(
    "olmo-normal",
    _MATRICES,
    "OLMo 2 (arXiv:2501.00656); OLMo, init_fn normal with init_std 0.02 and no init_cutoff_factor",
)
