"""python llamacpp.py FILE.gguf [flash]: llama.cpp built for this machine, through llama-cpp-python's bindings of its C interface."""

import ctypes
import sys

import llama_cpp as lib
import numpy as np
from protocol import seconds_of, serve, timed_steps

file, flash = sys.argv[1], "flash" in sys.argv[2:]
chunk = 512


@lib.llama_log_callback
def silent(*_) -> None:
    pass


class Sequences:
    """A context of so many sequences of so many tokens at most."""

    def __init__(self, model, rows: int, length: int):
        given = lib.llama_context_default_params()
        # It lays the places of a sequence out in multiples of 256.
        given.n_ctx, given.n_seq_max = rows * -(-length // 256) * 256, rows
        given.n_batch, given.n_ubatch = max(chunk, rows), chunk
        given.n_threads = given.n_threads_batch = 2
        given.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = lib.llama_init_from_model(model, given)
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
        self.batch = lib.llama_batch_init(max(chunk, rows), 0, 1)

    def decode(self, tokens: list[tuple[int, int, int, bool]]) -> None:
        """Puts (id, position, sequence, whether its logits are wanted) through the model in one batch."""
        self.batch.n_tokens = len(tokens)
        for i, (token, position, sequence, wanted) in enumerate(tokens):
            self.batch.token[i], self.batch.pos[i] = token, position
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
            self.batch.logits[i] = wanted
        if status := lib.llama_decode(self.context, self.batch):
            raise ValueError(f"llama_decode answers {status}")

    def logits(self, place: int) -> np.ndarray:
        """Those of a place of the last batch, where they lie."""
        return np.ctypeslib.as_array(lib.llama_get_logits_ith(self.context, place), (self.vocabulary,))

    def close(self) -> None:
        lib.llama_batch_free(self.batch)
        lib.llama_free(self.context)


def load() -> dict:
    lib.llama_log_set(silent, ctypes.c_void_p(0))
    lib.llama_backend_init()
    given = lib.llama_model_default_params()
    given.n_gpu_layers = 0
    model = lib.llama_model_load_from_file(file.encode(), given)

    def tokens(message: dict) -> dict:
        prompts, steps = message["prompts"], message["steps"]
        length = len(prompts[0])
        sequences = Sequences(model, len(prompts), length + steps + 2)
        newest, reached = [0] * len(prompts), length

        def prompt() -> None:
            flat = [
                (token, place, row, place + 1 == length)
                for row, ids in enumerate(prompts)
                for place, token in enumerate(ids)
            ]
            for start in range(0, len(flat), chunk):
                part = flat[start : start + chunk]
                sequences.decode(part)
                for i, (_, _, row, wanted) in enumerate(part):
                    if wanted:
                        newest[row] = int(sequences.logits(i).argmax())

        def step() -> None:
            nonlocal reached
            sequences.decode([(token, reached, row, True) for row, token in enumerate(newest)])
            newest[:] = [int(sequences.logits(row).argmax()) for row in range(len(newest))]
            reached += 1

        prefill = seconds_of(prompt)
        decode = timed_steps(step, steps)
        sequences.close()
        return {"prefill": prefill, "decode": decode}

    def nll(message: dict) -> dict:
        total, count = 0.0, 0
        for window in message["windows"]:
            sequences = Sequences(model, 1, len(window))
            for start in range(0, len(window), chunk):
                part = window[start : start + chunk]
                sequences.decode([(token, start + i, 0, True) for i, token in enumerate(part)])
                for i, wanted in enumerate(window[start + 1 : start + 1 + len(part)]):
                    logits = sequences.logits(i)
                    top = logits.max()
                    total += float(top + np.log(np.exp(logits - top).sum()) - logits[wanted])
            count += len(window) - 1
            sequences.close()
        return {"sum": total, "count": count}

    return {"tokens": tokens, "nll": nll}


serve(f"llama-cpp-python {lib.__version__}", load)
