"""Two to eight real processes: GPT-2, Mixtral and ResNet-50 hold on every rank what one process writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch.distributed as dist

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from tests.shards.ranks import launched
from tests.shards.real import MODELS, by_one_process, recipes
from tests.shards.real_ranks import rank_of, stages_of

pytestmark = pytest.mark.long

MATRIX = {  # ranks: (model, way, equal seeds of torch)
    2: [("gpt2", "FSDP1", True), ("mixtral", "1-D", False), ("resnet50", "FSDP1", False)],
    3: [("gpt2", "1-D", False), ("mixtral", "FSDP1", True), ("resnet50", "1-D", True)],
    4: [
        ("gpt2", "2-D", True),
        ("mixtral", "2-D", False),
        ("resnet50", "hybrid", False),
        ("gpt2", "FSDP1", False),
        ("resnet50", "FSDP1 hybrid", True),
    ],
    8: [
        ("gpt2", "hybrid", True),
        ("mixtral", "2-D", True),
        ("resnet50", "1-D", False),
        ("gpt2", "FSDP1 hybrid", False),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The weights that one process writes."""
    for library in ("transformers", "torchvision"):
        pytest.importorskip(library)
    made = tmp_path_factory.mktemp("whole")
    by_one_process(made)
    yield made
    for path in made.iterdir():
        path.unlink()


@pytest.mark.parametrize("world", MATRIX)
def test_every_rank_holds_its_part_of_what_one_process_writes(world: int, folder: Path, tmp_path: Path) -> None:
    cases = [rank_of(str(folder), name, way, equal=equal) for name, way, equal in MATRIX[world]]
    if world == 4:
        cases.append(stages_of(str(folder)))
    empty = 0
    for rank in launched(cases, world, tmp_path):
        assert len(rank) == len(cases)
        for case, found in rank.items():
            assert not isinstance(found, str), found
            assert tuple(found) == recipes(case.split()[0])
            for wrong, nothing in found.values():
                assert wrong == [], case
                empty += nothing
    assert world != 3 or empty > 0  # of flat parameters some ranks hold nothing
    assert set(MODELS) == {name for name, _, _ in MATRIX[world]}
