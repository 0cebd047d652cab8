"""Every test of a law can fail: the checks that accept our initializers reject wrong ones."""

from __future__ import annotations

import pytest
import torch

import initwise.initializers as iw
from tests.cases import values
from tests.checks import haar_problems, problems
from tests.mutants import HAAR_MUTANTS, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_checks_reject_a_wrong_implementation_and_accept_the_right_one(mutant: Mutant) -> None:
    law = mutant.asked.law(mutant.target)
    assert law is not None
    assert problems(values(mutant.asked, mutant.target), law) == []
    assert problems(mutant.wrong(), law) != []


@pytest.mark.parametrize("mistake", HAAR_MUTANTS)
def test_the_haar_check_rejects_wrong_orthogonal_matrices(mistake: str) -> None:
    normal = [iw.Stream(seed, "w").normal((4, 4)) for seed in range(200)]
    wrong = torch.stack([HAAR_MUTANTS[mistake](x) for x in normal])
    law = iw.Orthogonal().law(iw.Target((4, 4)))
    assert law is not None
    assert all(invariant.check(matrix) is None for matrix in wrong for invariant in law.invariants)
    assert haar_problems(wrong) != []
