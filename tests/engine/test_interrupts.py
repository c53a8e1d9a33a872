"""Requests to stop: who asks, what it means, and which exit code comes of it."""

import os
import signal
from pathlib import Path

import pytest

from engine.execution.signals import Interrupts
from engine.rundir import run_folder
from engine.rundir.run_folder import RunFolder

GRACE = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder.create(tmp_path, b"", "")


def test_nobody_asked(folder: RunFolder) -> None:
    interrupts = Interrupts()
    interrupts.look(folder)
    assert not interrupts.stopping
    assert not interrupts.fresh()
    assert not interrupts.kill_due(0.0)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_asks_to_stop_and_gives_its_exit_code(number: int, code: int) -> None:
    interrupts = Interrupts()
    with interrupts.watching():
        os.kill(os.getpid(), number)
    assert interrupts.stopping
    assert interrupts.code == code
    assert not interrupts.kill_due(GRACE)


def test_a_request_is_passed_on_once() -> None:
    interrupts = Interrupts()
    interrupts.stop(130)
    assert interrupts.fresh()
    assert not interrupts.fresh()


def test_a_terminal_that_is_gone_asks_once_however_often_that_is_noticed() -> None:
    interrupts = Interrupts()
    with interrupts.watching():
        interrupts.hang_up()
        os.kill(os.getpid(), signal.SIGHUP)
        interrupts.hang_up()
    assert interrupts.code == 129
    assert not interrupts.kill_due(GRACE)


def test_under_nohup_the_signal_of_a_terminal_that_goes_is_not_heard() -> None:
    interrupts = Interrupts()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.watching():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not interrupts.stopping


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_kills_once_and_keeps_the_code_of_the_first(second: int) -> None:
    interrupts = Interrupts()
    with interrupts.watching():
        os.kill(os.getpid(), signal.SIGINT)
        assert not interrupts.kill_due(GRACE)
        os.kill(os.getpid(), second)
    assert interrupts.kill_due(GRACE)
    assert not interrupts.kill_due(GRACE)
    assert interrupts.code == 130


@pytest.mark.parametrize("code", [143, 129])
def test_who_cannot_ask_twice_kills_after_a_grace(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    interrupts = Interrupts()
    interrupts.stop(code)
    now = 109.9
    assert not interrupts.kill_due(GRACE)
    now = 110.1
    assert interrupts.kill_due(GRACE)
    assert not interrupts.kill_due(GRACE)


@pytest.mark.parametrize("code", [130, 1])
def test_who_can_ask_twice_is_waited_for(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    interrupts = Interrupts()
    interrupts.stop(code)
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    assert not interrupts.kill_due(GRACE)


def test_a_reader_asks_through_the_folder_as_often_as_it_likes(folder: RunFolder) -> None:
    interrupts = Interrupts()
    folder.request_stop()
    for _ in range(3):
        interrupts.look(folder)
    assert interrupts.code == 130
    assert not interrupts.kill_due(GRACE)
    folder.request_stop(kill=True)
    interrupts.look(folder)
    assert interrupts.kill_due(GRACE)


def test_a_reader_may_kill_at_once(folder: RunFolder) -> None:
    interrupts = Interrupts()
    folder.request_stop(kill=True)
    interrupts.look(folder)
    assert interrupts.code == 130
    assert interrupts.kill_due(GRACE)


def test_a_request_in_the_folder_changes_no_code(folder: RunFolder) -> None:
    interrupts = Interrupts()
    interrupts.stop(143)
    folder.request_stop()
    interrupts.look(folder)
    assert interrupts.code == 143
    assert not interrupts.kill_due(GRACE)


def test_signals_are_given_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with Interrupts().watching():
        assert all(
            signal.getsignal(number) != handler
            for number, handler in zip(numbers, before, strict=True)
        )
    assert [signal.getsignal(number) for number in numbers] == before
