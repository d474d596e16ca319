"""python pytorch.py causal FOLDER float32|bfloat16, or pytorch.py embed FOLDER: transformers on the processor, two threads."""

import sys

import torch
import transformers
from protocol import seconds_of, serve, timed_steps

task, folder = sys.argv[1:3]
torch.set_num_threads(2)
torch.set_grad_enabled(False)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def decoder() -> dict:
    dtype = getattr(torch, sys.argv[3])
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()

    def tokens(message: dict) -> dict:
        ids = torch.tensor(message["prompts"])
        past = transformers.DynamicCache(config=model.config)

        def step() -> None:
            nonlocal ids
            ids = model(ids, cache=past, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)

        # The prompt is the first step: all of it, with logits for its last token alone.
        prefill = seconds_of(step)
        return {"prefill": prefill, "decode": timed_steps(step, message["steps"])}

    def nll(message: dict) -> dict:
        total, count = 0.0, 0
        for window in message["windows"]:
            ids = torch.tensor([window])
            logits = model(ids, use_cache=False).logits[0, :-1].float()
            total += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
            count += len(window) - 1
        return {"sum": total, "count": count}

    return {"tokens": tokens, "nll": nll}


def encoder() -> dict:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()

    def run(texts: list[str]) -> torch.Tensor:
        given = tokenizer(texts, padding=True, truncation=True, max_length=512, return_tensors="pt")
        mask = given["attention_mask"][..., None].float()
        mean = (model(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=-1)

    def embed(message: dict) -> dict:
        texts = message["texts"] if message["how"] == "alone" else sorted(message["texts"], key=len)
        size = 1 if message["how"] == "alone" else 32
        return {"seconds": seconds_of(lambda: [run(texts[i : i + size]) for i in range(0, len(texts), size)])}

    return {"embed": embed}


serve(f"torch {torch.__version__}, transformers {transformers.__version__}", encoder if task == "embed" else decoder)
