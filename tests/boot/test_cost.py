"""What a start costs, in guest instructions: they are the same however busy the host is."""

import importlib.machinery
import importlib.util

import pytest

import qemu
from conftest import ROOT

MOST = 60_000_000


def tools_bench():
    loader = importlib.machinery.SourceFileLoader("tools_bench", str(ROOT / "tools/bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tools_bench", loader))
    loader.exec_module(module)
    return module


@pytest.mark.long
def test_from_entry_to_prompt(monkeypatch):
    monkeypatch.setattr(qemu, "kvm_usable", qemu.kvm_usable)  # tools/bench does without KVM
    figures = tools_bench().measure_start()
    assert 0 < figures["start.loader"] < MOST, figures
    assert 0 < figures["start.kernel.noscreen"] < figures["start.kernel"] < MOST, figures
