"""A small image-text model of open_clip with random weights, in a folder as open_clip keeps its own.

Use: `from made_clip import make_clip` (the tests' folder is on the path).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.models.vision_model import seeded

WIDTH = 24  # of the space that images and texts share
VISION = {"image_size": 32, "patch_size": 16, "layers": 2, "width": 32, "head_width": 16}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}


def make_clip(folder: Path, *, custom: bool = False, seed: int = 0, weights: bool = True, **text: Any) -> Any:
    """Writes configuration and weights; returns open_clip's own whole model. `text` changes the text tower.

    custom: the weights have the text tower behind a prefix, as all newer kinds, else at the top level.
    """
    ensure_torchvision()
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
    from safetensors.torch import save_file

    described = {"embed_dim": WIDTH, "vision_cfg": VISION, "text_cfg": {**TEXT, **text}, "custom_text": custom}
    folder.mkdir(parents=True, exist_ok=True)
    content = {"model_cfg": described, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(content), encoding="utf-8")
    if not weights:
        return None
    with seeded(seed):
        towers = CLIPVisionCfg(**VISION), CLIPTextCfg(**described["text_cfg"])
        model = (CustomTextCLIP if custom else CLIP)(WIDTH, *towers)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return model.eval()
