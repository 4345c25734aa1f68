"""The start of a process without garbage collection."""

import gc

import pytest

from stoa.base.loading import loading


def test_nothing_is_collected_while_loading_and_what_is_there_stays() -> None:
    before = gc.get_freeze_count()
    try:
        with loading():
            assert not gc.isenabled()
            kept = [object()]
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert kept
    finally:
        gc.unfreeze()


def test_a_failed_start_collects_again() -> None:
    try:
        with pytest.raises(ValueError, match="no port"), loading():
            raise ValueError("no port")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
