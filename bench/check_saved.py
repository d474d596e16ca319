"""What `papers models save` writes, against transformers, llama.cpp's converter and ONNX Runtime.

    python bench/check_saved.py tiny TOKENIZER_FOLDER OUT       a tiny random model of each architecture, with that tokenizer
    python bench/check_saved.py logits FOLDER...                transformers opens each, and its logits are those of ours
    python bench/check_saved.py gguf OURS.gguf THEIRS.gguf      every tensor and all metadata of llama.cpp's convert_hf_to_gguf.py
    python bench/check_saved.py blocks FILE.gguf F32.gguf       Q8_0 and Q4_0 blocks are those of gguf-py
    python bench/check_saved.py onnx FILE.onnx REFERENCE        onnx.checker and onnxruntime take it, and its outputs are those of ours

Needs torch, transformers, gguf, onnx and onnxruntime, which the project does not depend on. Ends with 1 where something differs.
"""
import json, pathlib, shutil, subprocess, sys, tempfile
import numpy as np

papers = pathlib.Path(__file__).parent.parent / 'apps/cli/bin/papers.js'
tokens = [[504, 3575, 282, 4649, 314], [1, 20, 300, 4000, 77]]
wrong = []


def report(what, good, detail):
    print(('the same   ' if good else 'DIFFERENT  ') + what, detail)
    if not good:
        wrong.append(what)


def ours(reference, names, vocabulary):
    from safetensors.numpy import load_file

    rows = [[token % vocabulary for token in row] for row in tokens]
    with tempfile.TemporaryDirectory() as folder:
        file = f'{folder}/x.safetensors'
        text = ';'.join(','.join(map(str, row)) for row in rows)
        command = ['node', papers, 'activations', '--model', reference, '--tokens', text, '--names', names, '--out', file]
        subprocess.run(command, check=True, capture_output=True)
        return rows, load_file(file)


def tiny(tokenizer, out):
    import torch
    import transformers as t

    size = json.loads(pathlib.Path(tokenizer, 'config.json').read_text())['vocab_size']
    llama = dict(vocab_size=size, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
                 max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=2)
    grouped = dict(llama, num_key_value_heads=2)
    models = {
        'llama': t.LlamaForCausalLM(t.LlamaConfig(**grouped, tie_word_embeddings=False)),
        'llama3': t.LlamaForCausalLM(t.LlamaConfig(**grouped, rope_parameters={
            'rope_type': 'llama3', 'rope_theta': 1e4, 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,
            'original_max_position_embeddings': 32})),
        'llama-linear': t.LlamaForCausalLM(t.LlamaConfig(**grouped, rope_parameters={
            'rope_type': 'linear', 'rope_theta': 1e4, 'factor': 4.0})),
        'llama-yarn': t.LlamaForCausalLM(t.LlamaConfig(**grouped, rope_parameters={
            'rope_type': 'yarn', 'rope_theta': 1e4, 'factor': 8.0, 'original_max_position_embeddings': 32})),
        'qwen2-yarn': t.Qwen2ForCausalLM(t.Qwen2Config(**grouped, rope_parameters={
            'rope_type': 'yarn', 'rope_theta': 1e4, 'factor': 8.0, 'original_max_position_embeddings': 32, 'attention_factor': 0.8})),
        'mistral': t.MistralForCausalLM(t.MistralConfig(**grouped, sliding_window=None)),
        'qwen2': t.Qwen2ForCausalLM(t.Qwen2Config(**grouped, tie_word_embeddings=True)),
        'qwen3': t.Qwen3ForCausalLM(t.Qwen3Config(**grouped, head_dim=32)),
        'smollm3': t.SmolLM3ForCausalLM(t.SmolLM3Config(**grouped)),
        'gpt2': t.GPT2LMHeadModel(t.GPT2Config(vocab_size=size, n_embd=64, n_layer=2, n_head=4, n_positions=256, n_ctx=256)),
        'gpt_neox': t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**llama, rotary_pct=0.25)),
        'bert': t.BertModel(t.BertConfig(**{**llama, 'bos_token_id': None, 'eos_token_id': None})),
    }
    for name, model in models.items():
        torch.manual_seed(3)
        for parameter_name, parameter in model.named_parameters():
            norm = parameter.ndim == 1 and parameter_name.endswith('weight')
            torch.nn.init.normal_(parameter, float(norm), 0.1 if parameter.ndim == 1 else 0.2)
        folder = pathlib.Path(out, name)
        model.save_pretrained(folder)
        for file in ('tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'):
            if pathlib.Path(tokenizer, file).exists():
                shutil.copy(pathlib.Path(tokenizer, file), folder)
        print(folder)


def logits(*folders):
    import torch
    import transformers as t

    for folder in folders:
        config = t.AutoConfig.from_pretrained(folder)
        decoder = any('CausalLM' in name or 'LMHead' in name for name in config.architectures)
        model = (t.AutoModelForCausalLM if decoder else t.AutoModel).from_pretrained(folder, dtype=torch.float32)
        t.AutoTokenizer.from_pretrained(folder)
        name = 'logits' if decoder else 'hidden'
        rows, answer = ours(folder, name, config.vocab_size)
        with torch.no_grad():
            out = model(torch.tensor(rows))
        theirs = (out.logits if decoder else out.last_hidden_state).numpy()
        error = np.abs(answer[name] - theirs).max() / np.abs(theirs).max()
        report(folder, error < 1e-4, f'{name}, largest relative difference {error:.1e}')


def gguf(mine, theirs):
    from gguf import GGUFReader

    a, b = GGUFReader(mine), GGUFReader(theirs)
    tensors, others = [{t.name: t for t in reader.tensors} for reader in (a, b)]
    raw = lambda t: (t.tensor_type.name, list(t.shape), np.asarray(t.data).tobytes())
    odd = [name for name in tensors if name in others and raw(tensors[name]) != raw(others[name])]
    report(mine, not odd and set(tensors) == set(others), f'{len(tensors)} tensors; {odd[:4]} {sorted(set(tensors) ^ set(others))[:4]}')
    fields = [{k: v.contents() for k, v in reader.fields.items() if not k.startswith('GGUF.')} for reader in (a, b)]
    for key in sorted(set(fields[0]) | set(fields[1])):
        one, other = (f.get(key) for f in fields)
        if one != other:
            print('  ', key, *(repr(value)[:70] for value in (one, other)), sep=' | ')


def blocks(file, floats):
    from gguf import GGUFReader, quants

    source = {t.name: t for t in GGUFReader(floats).tensors}
    count = odd = 0
    for tensor in GGUFReader(file).tensors:
        if tensor.tensor_type.name in ('Q8_0', 'Q4_0'):
            expected = quants.quantize(np.asarray(source[tensor.name].data), tensor.tensor_type)
            count += expected.size
            odd += int((np.asarray(tensor.data).view(np.uint8).ravel() != expected.view(np.uint8).ravel()).sum())
    report(file, odd == 0 and count > 0, f'{count} bytes of blocks, {odd} differ')


def onnx(file, reference):
    import onnx as format
    import onnxruntime

    format.checker.check_model(file)
    session = onnxruntime.InferenceSession(file)
    known = {'logits': 'logits', 'last_hidden_state': 'hidden', 'pooler_output': 'pooled'}
    names = [output.name for output in session.get_outputs() if output.name in known]
    rows, answer = ours(reference, ','.join(known[name] for name in names), 1000)
    ids = np.array(rows)
    feeds = {'input_ids': ids, 'attention_mask': np.ones_like(ids), 'token_type_ids': np.zeros_like(ids)}
    theirs = session.run(names, {i.name: feeds[i.name] for i in session.get_inputs()})
    for name, value in zip(names, theirs):
        error = np.abs(answer[known[name]] - value).max() / np.abs(value).max()
        report(f'{file} {name}', error < 1e-4, f'largest relative difference {error:.1e}')


command, *arguments = sys.argv[1:] or ['']
commands = {'tiny': tiny, 'logits': logits, 'gguf': gguf, 'blocks': blocks, 'onnx': onnx}
if command not in commands:
    sys.exit(__doc__)
commands[command](*arguments)
sys.exit(1 if wrong else 0)
