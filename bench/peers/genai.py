"""python genai.py FOLDER: onnxruntime-genai on files that bench/prepare.py made, two threads."""

import json
import sys

import numpy as np
import onnxruntime_genai as og
from protocol import seconds_of, serve, timed_steps

folder = sys.argv[1]
threads = {"intra_op_num_threads": 2, "inter_op_num_threads": 1}


def load() -> dict:
    config = og.Config(folder)
    config.overlay(json.dumps({"model": {"decoder": {"session_options": threads}}}))
    model = og.Model(config)

    def generator(rows: int, length: int) -> og.Generator:
        parameters = og.GeneratorParams(model)
        # At least as many tokens as it may hold: the end of a text does not end the measurement.
        parameters.set_search_options(max_length=length, min_length=length, batch_size=rows, do_sample=False)
        return og.Generator(model, parameters)

    def tokens(message: dict) -> dict:
        prompts, steps = np.array(message["prompts"], dtype=np.int32), message["steps"]
        rows, length = prompts.shape
        made = generator(rows, length + steps + 2)

        def prompt() -> None:
            made.append_tokens(prompts)
            made.generate_next_token()

        prefill = seconds_of(prompt)
        return {"prefill": prefill, "decode": timed_steps(made.generate_next_token, steps)}

    def nll(message: dict) -> dict:
        total, count = 0.0, 0
        for window in message["windows"]:
            made = generator(1, len(window) + 1)
            made.append_tokens(np.array([window], dtype=np.int32))
            logits = made.get_output("logits")[0].astype(np.float32)
            if len(logits) != len(window):
                raise ValueError(f"gives logits of {len(logits)} of {len(window)} tokens")
            logits, wanted = logits[:-1], window[1:]
            top = logits.max(-1)
            log_sum = top + np.log(np.exp(logits - top[:, None]).sum(-1))
            total += float((log_sum - logits[np.arange(len(wanted)), wanted]).sum())
            count += len(wanted)
        return {"sum": total, "count": count}

    return {"tokens": tokens, "nll": nll}


serve(f"onnxruntime-genai {og.__version__}", load)
