"""Opening Hugging Face folders with transformers, in float32 and without dropout, for the scripts beside it."""
import pathlib

import torch
from safetensors import safe_open


def load_model(folder, dtype=torch.float32):
    """The language model of `folder`, in eval mode. transformers' GPT-2 has no bias in its head: where the
    file has `lm_head.bias`, it is added here."""
    from transformers import AutoModelForCausalLM

    folder = pathlib.Path(folder)
    if not (folder / "config.json").is_file():
        raise SystemExit(f"{folder} is not a Hugging Face folder: it has no config.json")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    model.config.use_cache = False
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            if "lm_head.bias" in tensors.keys():
                model.lm_head.bias = torch.nn.Parameter(tensors.get_tensor("lm_head.bias").to(dtype))
    return model.eval()
