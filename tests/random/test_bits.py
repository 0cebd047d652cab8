"""Keys and words: published known answers, slices, indices beyond 32 bits."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.random import Key, key, words
from initwise.random._philox import philox, words_at, words_between

KNOWN_ANSWERS = [  # Random123's kat_vectors, philox4x32 with 10 rounds
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "philox_key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    counter: tuple[int, int, int, int], philox_key: tuple[int, int], expected: str
) -> None:
    c0, c1, c2, c3 = (np.array([word], dtype=np.uint64) for word in counter)
    assert " ".join(f"{int(word[0]):08x}" for word in philox((c0, c1, c2, c3), philox_key)) == expected


def test_the_key_is_the_digest_of_the_length_prefixed_message() -> None:
    name, label = "λ.weight".encode(), b"mask"
    message = struct.pack("<Q", 7) + struct.pack("<I", len(name)) + name + struct.pack("<I", len(label)) + label
    digest = hashlib.blake2b(message, digest_size=16, person=b"initwise/v1").digest()
    assert key(7, "λ.weight", "mask") == Key(*struct.unpack("<4I", digest))


def test_moving_a_letter_from_name_to_label_changes_the_key() -> None:
    assert key(0, "ab", "c") != key(0, "a", "bc")


def test_an_element_takes_word_and_counter_as_the_contract_says() -> None:
    stream = key(3, "w")
    for element in (0, 15, 16, 63, 64, 1000, 2**40 + 37):
        tile, r = divmod(element, 64)
        word, lane = divmod(r, 16)
        block = 16 * tile + lane
        c0, c1, c2, c3 = (
            np.array([value], dtype=np.uint64) for value in (block % 2**32, block >> 32, stream.c2, stream.c3)
        )
        expected = philox((c0, c1, c2, c3), (stream.k0, stream.k1))[word][0]
        assert words(3, "w", element, element + 1)[0] == expected


@pytest.mark.parametrize("first", [0, 2**38 - 100, 2**62 - 300])
def test_any_slice_equals_the_slice_of_the_whole(first: int) -> None:
    whole = words(1, "w", first, first + 300)
    for start, stop in ((0, 1), (1, 64), (63, 65), (17, 300), (128, 192), (5, 5)):
        assert (words(1, "w", first + start, first + stop) == whole[start:stop]).all()


def test_words_at_single_indices_equal_the_run() -> None:
    stream = key(5, "w")
    indices = np.random.default_rng(0).permutation(np.arange(2**36 - 200, 2**36 + 200, dtype=np.uint64))
    run = words_between(stream, 2**36 - 200, 2**36 + 200)
    assert (words_at(stream, indices) == run[(indices - np.uint64(2**36 - 200)).astype(np.intp)]).all()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_an_error(seed: int) -> None:
    with pytest.raises(ArgumentError, match=r"seed is -?\d+, allowed is 0 <= seed < 2\*\*64"):
        words(seed, "w", 0, 1)


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_a_seed_of_another_type_is_an_error(seed: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"seed is .* allowed is an integer"):
        words(seed, "w", 0, 1)  # type: ignore[arg-type]


def test_numpy_integers_are_seeds() -> None:
    assert key(int(np.uint64(2**63)), "w") == key(np.uint64(2**63), "w")  # type: ignore[arg-type]


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (2, 1), (0, 2**62 + 1)])
def test_a_range_that_is_not_one_is_an_error(start: int, stop: int) -> None:
    with pytest.raises(ArgumentError, match=r"allowed is 0 <= start <= stop <= 2\*\*62"):
        words(0, "w", start, stop)


def test_names_must_be_text_that_utf8_can_hold() -> None:
    with pytest.raises(ArgumentTypeError, match=r"name is 3 .* allowed is a string"):
        key(0, 3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"label .* has no UTF-8 form"):
        key(0, "w", "\ud800")
