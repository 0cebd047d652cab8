"""Language models: transformers, state-space models, and what changes them for depth and width."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.language._deepnorm import DEEPNORM
from initwise.recipes.language._gpt2 import GPT2
from initwise.recipes.language._normal import BERT, GEMMA, GPT_OSS, LLAMA, MIXTRAL, OLMO_NORMAL, QWEN3, ROBERTA
from initwise.recipes.language._olmo import OLMO_MITCHELL
from initwise.recipes.language._scaled import MEGATRON, NEOX
from initwise.recipes.language._t5 import T5
from initwise.recipes.language._tfixup import T_FIXUP
from initwise.recipes.language._torchtitan import TORCHTITAN_LLAMA3

RECIPES: tuple[Recipe, ...] = (
    BERT,
    DEEPNORM,
    GEMMA,
    GPT2,
    GPT_OSS,
    LLAMA,
    MEGATRON,
    MIXTRAL,
    NEOX,
    OLMO_MITCHELL,
    OLMO_NORMAL,
    QWEN3,
    ROBERTA,
    T5,
    T_FIXUP,
    TORCHTITAN_LLAMA3,
)
