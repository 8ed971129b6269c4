"""Choosing the accelerator: by trial, once."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import pytest

from innkeeper.host import accelerator
from innkeeper.host.accelerator import Accelerator, boot_sector_trial, choose, kernel_trial, probe
from tests.host.guest_image import SOURCES, assembled

x86_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="the boot sector is x86")


@pytest.mark.skipif(not shutil.which("as"), reason="needs binutils")
@x86_only
def test_the_boot_sector_is_what_its_source_says(tmp_path: Path) -> None:
    assert assembled(SOURCES / "probe.s", tmp_path) == accelerator.BOOT_SECTOR


@pytest.mark.real
@x86_only
def test_the_boot_sector_runs_where_guests_can_run() -> None:
    complaint, seconds = boot_sector_trial("tcg", cpu="max")
    assert complaint == "" and seconds > 0


@pytest.mark.real
@x86_only
def test_a_cpu_that_is_too_old_fails_the_trial_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accelerator, "_SECTOR_TIME", 3.0)
    complaint, _ = boot_sector_trial("tcg", cpu="486")
    assert complaint.startswith("it said nothing (after ")
    complaint, _ = boot_sector_trial("tcg", cpu="abacus")
    assert "abacus" in complaint


@pytest.mark.real
@x86_only
def test_a_file_that_is_no_kernel_fails_the_trial(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(b"not a kernel" * 1000)
    complaint, _ = kernel_trial("tcg", tmp_path / "vmlinuz", cpu="max")
    assert complaint


def test_without_a_device_or_libvirts_word_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "kvm")
    assert probe(None, offered=True) == Accelerator("tcg", f"there is no {tmp_path}/kvm")
    (tmp_path / "kvm").touch()
    found = probe(None, offered=False)
    assert found.name == "tcg" and "libvirt has no KVM here" in found.reason


def test_what_was_found_is_remembered_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "kvm")
    memory = tmp_path / "accelerator.json"
    first = choose(memory, "7.2.22", None, offered=True)
    assert first.name == "tcg"
    saved = json.loads(memory.read_text())
    assert saved["kernel"] == platform.release() and saved["qemu"] == "7.2.22"
    memory.write_text(json.dumps({**saved, "accelerator": "kvm", "reason": "it was remembered"}))
    assert choose(memory, "7.2.22", None, offered=True) == Accelerator("kvm", "it was remembered")
    for qemu, offered in (("8.0.0", True), ("8.0.0", False)):
        assert choose(memory, qemu, None, offered).name == "tcg"
