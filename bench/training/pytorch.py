"""python pytorch.py TASK eager|compile SHAPE: steps of AdamW by PyTorch on two threads, in the protocol of ../peers/protocol.py; SHAPE is tasks.mjs's, as JSON."""

import json
import pathlib
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent / "../peers"))
from protocol import seconds_of, serve  # noqa: E402

task, mode, shape, *folder = sys.argv[1:]
shape = json.loads(shape)
rows, length, hidden, heads = shape["rows"], shape["length"], shape["hidden"], shape["heads"]
torch.set_num_threads(2)
torch.manual_seed(0)


class Block(nn.Module):
    """GPT-2's."""

    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.inner, self.outer = nn.Linear(hidden, shape["intermediate"]), nn.Linear(shape["intermediate"], hidden)

    def forward(self, x):
        q, k, v = self.qkv(self.before(x)).view(*x.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape))
        return x + self.outer(F.gelu(self.inner(self.between(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(shape["vocabulary"], hidden), nn.Embedding(length, hidden)
        self.blocks = nn.ModuleList(Block() for _ in range(shape["layers"]))
        self.norm = nn.LayerNorm(hidden)
        nn.init.normal_(self.tokens.weight, std=0.02)

    def forward(self, ids):
        x = self.tokens(ids) + self.places.weight
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


class Classifier(nn.Module):
    def __init__(self):
        import transformers

        super().__init__()
        self.encoder = transformers.AutoModel.from_pretrained(folder[0], add_pooling_layer=False)
        self.encoder.config.hidden_dropout_prob = self.encoder.config.attention_probs_dropout_prob = 0.0
        self.head = nn.Linear(hidden, shape["classes"], bias=False)

    def forward(self, ids, mask):
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        counted = mask.unsqueeze(2).float()
        return self.head((states * counted).sum(1) / counted.sum(1))


class Lora(nn.Module):
    """The file's weights, as transformers makes them of a GGUF, with peft's adapter."""

    def __init__(self):
        import peft
        import transformers

        super().__init__()
        base = transformers.AutoModelForCausalLM.from_pretrained(str(gguf().parent), gguf_file=gguf().name, dtype=torch.float32)
        config = peft.LoraConfig(r=shape["rank"], lora_alpha=shape["rank"], target_modules=shape["targets"])
        self.model = peft.get_peft_model(base, config)

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False).logits


def gguf():
    return next(pathlib.Path(folder[0]).rglob("*.gguf"))


def batch():
    if task in ("gpt", "lora"):
        ids = torch.randint(0, shape["vocabulary"], (rows, length + 1))
        return (ids[:, :-1],), ids[:, 1:].flatten()
    ids = torch.randint(0, shape["vocabulary"], (rows, length))
    return (ids, torch.ones_like(ids)), torch.randint(0, shape["classes"], (rows,))


def load():
    model = {"gpt": GPT, "lora": Lora, "minilm": Classifier}[task]()
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.1, fused=True)
    forward = torch.compile(model) if mode == "compile" else model

    def train(message):
        loss = None

        def steps():
            nonlocal loss
            for _ in range(message["steps"]):
                inputs, labels = batch()
                loss = F.cross_entropy(forward(*inputs).flatten(0, -2), labels)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
                optimiser.step()

        return {"seconds": seconds_of(steps) / message["steps"], "loss": loss.item()}

    return {"train": train}


serve(f"torch {torch.__version__}", load)
