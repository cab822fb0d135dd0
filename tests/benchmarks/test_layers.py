"""The sweep over layers: its oracle knows the channels of what it is shown, and its table has every kind of model."""

from __future__ import annotations

import csv
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.layer_axes import Evidence
from benchmarks.layers import COLUMNS, of_open_clip, of_timm, verdict
from rdx._torchvision import ensure_torchvision
from rdx.features.layouts import Layout

TABLE = Path(__file__).resolve().parents[2] / "benchmarks/layers.csv"


class Net(nn.Module):
    """Maps (b, 5, h, w), then the same with channels last, tokens, and windows whose rows are no images."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 5, 2, stride=2), nn.ReLU(inplace=True)
        self.fc, self.drop, self.windows = nn.Linear(5, 7), nn.Identity(), nn.Identity()

    def forward(self, images):
        maps = self.act(self.conv(images)).movedim(1, -1)
        tokens = self.drop(self.fc(maps)).flatten(1, 2)
        return self.windows(tokens.reshape(2, -1, tokens.shape[1] // 2, 7).transpose(0, 1).flatten(1, 2)[:2])


@pytest.fixture(scope="module")
def evidence():
    torch.manual_seed(0)
    net = Net().eval()
    found = Evidence(net, torch.rand(2, 3, 8, 8))
    found.see_larger(net, torch.rand(2, 3, 16, 16))
    return found


@pytest.mark.parametrize(("layer", "axis"), [("conv", 1), ("act", 1), ("fc:input", 3), ("fc", 3), ("drop", 3)])
def test_the_oracle_knows_the_channels(evidence, layer, axis):
    assert evidence.by_weights(layer, None) == {axis} and evidence.grown(layer, None) == {1, 2, 3} - {axis}
    for other in (1, 2, 3):
        assert verdict(evidence, layer, Layout(other, shape=(5, 4, 4))) == ("weights", other == axis)


def test_by_size_alone_and_by_rows(evidence):
    assert verdict(evidence, "conv:input", Layout(1)) == ("size", True)
    assert verdict(evidence, "conv:input", Layout(2)) == ("size", False)
    assert verdict(evidence, "windows", Layout(2)) == ("weights", False)


def test_the_table_has_a_model_of_each_kind_and_none_is_read_along_a_wrong_axis():
    with TABLE.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows = {row["model"]: row for row in table}
    assert tuple(table.fieldnames) == COLUMNS
    assert {row["wrong"] for row in rows.values()} == {"0"} and not any(row["error"] for row in rows.values())
    ensure_torchvision()
    if all((row["timm"], row["open_clip"]) == (version("timm"), version("open_clip_torch")) for row in rows.values()):
        assert list(rows) == [*of_timm(), *of_open_clip()]
