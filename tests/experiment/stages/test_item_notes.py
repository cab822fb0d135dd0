"""What a user should know about the choice of items is in the plan and in the run's log."""

from __future__ import annotations

import numpy as np
import yaml
from made_commands import rdx


def test_a_shortage_is_in_the_plan_and_in_the_log(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        np.save(f"{name}.npy", np.random.default_rng(ord(name)).normal(size=(365, 4)))
    config = {
        "name": "few",
        "data": {"dataset": "digits", "classes": [3, 5], "images_per_class": 183},
        "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": [{"method": "kmeans", "n_clusters": 2}],
        "figures": False,
    }
    (tmp_path / "few.yaml").write_text(yaml.safe_dump(config))
    for arguments in (["--dry-run"], []):
        assert rdx("run", "few.yaml", "--device", "cpu", *arguments) == 0
        assert "note: fewer than 183 images in 5 182" in capsys.readouterr().out
    assert "items: fewer than 183 images in 5 182" in (tmp_path / "outputs/few/run.log").read_text()
