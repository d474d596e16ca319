import { type Dimension, dimensionTerms, isStatic, type Shape } from '../dimensions.ts';
import {
  type ConstantAttributes,
  constant,
  constantRule,
  type InitializerAttributes,
  initializerRule,
  inputRule,
} from '../operations/sources.ts';
import { type DataType, type Operation, ShapeError, type Tensor } from '../tensor.ts';
import type { OnnxForm, OnnxWriter, WrittenGraph, WrittenNode } from './form.ts';

/** Turns operations into nodes, each once, inputs before what uses them. */
export class GraphWriter implements OnnxWriter {
  nodes: WrittenNode[] = [];
  readonly inputs: Tensor[] = [];
  readonly constants: { name: string; attributes: ConstantAttributes }[] = [];
  readonly initializers: InitializerAttributes[] = [];
  private values = new Map<Operation, readonly string[]>();
  /** For each named dimension a written value that carries it. */
  private carriers = new Map<string, { value: string; axis: number }>();
  private dimensions = new Map<Dimension, string>();
  private readonly lists = new Map<string, string>();
  private readonly names = new Set<string>();
  private operation = 'graph';
  private readonly standard: boolean;

  /** Registers inputs and initialisers first: they keep their names, and inputs carry the named dimensions. */
  constructor(operations: readonly Operation[], { standard = false }: { standard?: boolean | undefined } = {}) {
    this.standard = standard;
    for (const op of operations) {
      const [tensor] = op.outputs;
      if (op.rule === inputRule) {
        this.claim(tensor!.name!, 'inputs');
        this.inputs.push(tensor!);
        this.finish(op, [tensor!.name!]);
      }
    }
    for (const op of operations) {
      if (op.rule !== initializerRule) continue;
      const attributes = op.attributes as InitializerAttributes;
      const same = this.initializers.find(({ name, data }) => name === attributes.name && data === attributes.data);
      if (!same) {
        this.claim(attributes.name, 'initialisers');
        this.initializers.push(attributes);
      }
      this.finish(op, [attributes.name]);
    }
    for (const op of operations) this.write(op);
  }

  value(tensor: Tensor): string {
    for (const op of operationsBefore([tensor], (done) => this.values.has(done))) this.write(op);
    return this.values.get(tensor.op)![tensor.index]!;
  }

  node(
    type: string,
    inputs: readonly (string | undefined)[],
    options: Parameters<OnnxWriter['node']>[2] = {},
  ): string[] {
    const { attributes = {}, domain = '', outputs = 1 } = options;
    const kept = typeof outputs === 'number' ? new Array<boolean>(outputs).fill(true) : outputs;
    const given = [...inputs];
    while (given.length > 0 && given.at(-1) === undefined) given.pop();
    const names = kept.map((keep) => (keep ? this.fresh(this.operation) : undefined));
    this.nodes.push({
      type,
      name: `${this.operation}/${type}/${this.nodes.length}`,
      domain,
      inputs: given,
      outputs: names,
      attributes,
    });
    return names.filter((name) => name !== undefined);
  }

  int64s(values: readonly number[]): string {
    const key = values.join(',');
    const known = this.lists.get(key);
    if (known !== undefined) return known;
    const name = this.value(constant(values, 'int64', [values.length]));
    this.lists.set(key, name);
    return name;
  }

  scalar(value: number, dtype: DataType): string {
    return this.value(constant(value, dtype, []));
  }

  shape(shape: Shape): string {
    if (isStatic(shape)) return this.int64s(shape);
    if (shape.length === 1) return this.dimension(shape[0]!);
    const parts = shape.map((dimension) => this.dimension(dimension));
    return this.node('Concat', parts, { attributes: { axis: { int: 0 } } })[0]!;
  }

  dimension(dimension: Dimension): string {
    if (typeof dimension === 'number') return this.int64s([dimension]);
    const known = this.dimensions.get(dimension);
    if (known !== undefined) return known;
    const name = this.readDimension(dimension) ?? this.computeDimension(dimension);
    this.dimensions.set(dimension, name);
    return name;
  }

  subgraph(inputs: readonly Tensor[], outputs: readonly Tensor[]): WrittenGraph {
    const { nodes, values, carriers, dimensions } = this;
    // What is written within is not known outside.
    this.nodes = [];
    [this.values, this.carriers, this.dimensions] = [new Map(values), new Map(carriers), new Map(dimensions)];
    try {
      const given = inputs.map((tensor) => {
        const name = this.fresh(`${this.operation}/slice`);
        this.finish(tensor.op, [name]);
        return { name, dtype: tensor.dtype, shape: tensor.shape };
      });
      const made = outputs.map((tensor) => {
        const [name] = this.node('Identity', [this.value(tensor)]);
        return { name: name!, dtype: tensor.dtype, shape: tensor.shape };
      });
      return { nodes: this.nodes, inputs: given, outputs: made };
    } finally {
      Object.assign(this, { nodes, values, carriers, dimensions });
    }
  }

  private readDimension(dimension: string): string | undefined {
    const carrier = this.carriers.get(dimension);
    if (!carrier) return undefined;
    const { value, axis } = carrier;
    return this.node('Shape', [value], { attributes: { start: { int: axis }, end: { int: axis + 1 } } })[0];
  }

  private computeDimension(dimension: string): string {
    const terms = dimensionTerms(dimension);
    if (terms.length === 1 && terms[0]!.coefficient === 1 && terms[0]!.names.length === 1) {
      throw new ShapeError(
        `${this.operation}: the size of the dimension '${dimension}' cannot be known: no input of the graph carries it.`,
      );
    }
    const values = terms.map(({ coefficient, names }) => {
      const factors = names.map((name) => this.dimension(name));
      if (coefficient !== 1 || factors.length === 0) factors.push(this.int64s([coefficient]));
      return factors.reduce((product, factor) => this.node('Mul', [product, factor])[0]!);
    });
    return values.reduce((sum, value) => this.node('Add', [sum, value])[0]!);
  }

  private write(op: Operation): void {
    if (this.values.has(op)) return;
    if (op.rule === constantRule) {
      const name = this.fresh('constant');
      this.constants.push({ name, attributes: op.attributes as ConstantAttributes });
      this.finish(op, [name]);
      return;
    }
    const outer = this.operation;
    this.operation = op.outputs.find((output) => output.name)?.name ?? op.rule.name;
    const form = op.rule.onnx as OnnxForm<typeof op.inputs, unknown>;
    const plain = this.standard && 'standard' in form ? form.standard?.(op.inputs, op.attributes) : undefined;
    const expanded = plain ?? ('expand' in form ? form.expand?.(op.inputs, op.attributes) : undefined);
    if (expanded) this.finish(op, [this.value(expanded)]);
    else {
      const values = op.inputs.map((tensor) => tensor && this.value(tensor));
      if ('write' in form) this.finish(op, form.write(this, values, op));
      else if ('type' in form) {
        const { type, domain, outputs = op.outputs.length } = form;
        this.finish(op, this.node(type, values, { attributes: form.attributes?.(op.attributes), domain, outputs }));
      } else throw new ShapeError(`${op.rule.name} has no ONNX form for ${op.outputs[0]!.dtype}.`);
    }
    this.operation = outer;
  }

  private finish(op: Operation, names: readonly string[]): void {
    this.values.set(op, names);
    for (const [index, name] of names.entries()) {
      for (const [axis, dimension] of op.outputs[index]!.shape.entries()) {
        if (typeof dimension === 'string' && !this.carriers.has(dimension)) {
          this.carriers.set(dimension, { value: name, axis });
        }
      }
    }
  }

  private claim(name: string, kind: string): void {
    if (this.names.has(name)) {
      throw new ShapeError(`Two ${kind} have the name '${name}'; names of inputs and initialisers must differ.`);
    }
    this.names.add(name);
  }

  private fresh(prefix: string): string {
    let name = prefix;
    for (let number = 1; this.names.has(name); number++) name = `${prefix}_${this.names.size + number}`;
    this.names.add(name);
    return name;
  }
}

/** All operations that lead to the tensors, inputs first; without recursion, because graphs are deep. */
export function operationsBefore(
  tensors: readonly Tensor[],
  done: (op: Operation) => boolean = () => false,
): Operation[] {
  const order: Operation[] = [];
  const seen = new Set<Operation>();
  const stack: { op: Operation; next: number }[] = [];
  const visit = (op: Operation) => {
    if (seen.has(op) || done(op)) return;
    seen.add(op);
    stack.push({ op, next: 0 });
  };
  for (const tensor of tensors) {
    visit(tensor.op);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      if (top.next < top.op.inputs.length) {
        const input = top.op.inputs[top.next++];
        if (input) visit(input.op);
      } else {
        order.push(top.op);
        stack.pop();
      }
    }
  }
  return order;
}
