import { Graph, layout as place } from '@dagrejs/dagre';
import type { Definition, State } from './archive';

export const NODE = { width: 188, height: 54 } as const;
/** The small node where a parallel state begins and ends. */
const JOINT = 10;
const MARGIN = 16;
/** Room around the branches of a parallel state; its name stands above them. */
const FRAME = { side: 14, above: 34, below: 14 } as const;

export interface Placed {
  readonly name: string;
  readonly state: State;
  /** Centre. */
  readonly x: number;
  readonly y: number;
}

export interface Frame {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Drawn without a head where it ends in a joint. */
  readonly head: boolean;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed[];
  /** Parallel states, outermost first. */
  readonly frames: readonly Frame[];
  readonly joints: readonly { readonly x: number; readonly y: number }[];
  readonly lines: readonly Line[];
}

/** Places the states of a definition from top to bottom; a parallel state is a frame around its branches. */
export function layOut(definition: Definition): Layout {
  const graph = new Graph({ multigraph: false, compound: false });
  graph.setGraph({ rankdir: 'TB', nodesep: 24, ranksep: 26, marginx: MARGIN + FRAME.side, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  const states = new Map<string, State>();
  const members = new Map<string, string[]>();
  addStates(definition, []);
  addEdges(definition, undefined);
  place(graph);

  const joints = graph.nodes().filter((id: string) => !states.has(id));
  const frames = [...members].map(([name, inside]) => frameOf(name, inside));
  const right = Math.max(
    ...graph.nodes().map((id: string) => at(id).x + NODE.width / 2),
    ...frames.map((f) => f.x + f.width),
  );
  const bottom = Math.max(
    ...graph.nodes().map((id: string) => at(id).y + NODE.height / 2),
    ...frames.map((f) => f.y + f.height),
  );
  return {
    width: Math.ceil(right + MARGIN),
    height: Math.ceil(bottom + MARGIN),
    nodes: [...states].map(([name, state]) => ({ name, state, ...at(name) })),
    frames,
    joints: joints.map(at),
    lines: graph.edges().map(({ v, w }: { v: string; w: string }) => ({
      points: (graph.edge(v, w) as { points: readonly { x: number; y: number }[] }).points,
      head: states.has(w),
    })),
  };

  function at(id: string): { x: number; y: number } {
    const { x = 0, y = 0 } = graph.node(id) as { x?: number; y?: number };
    return { x, y };
  }

  function addStates({ States }: Definition, parents: readonly string[]): void {
    for (const [name, state] of Object.entries(States)) {
      const branches = branchesOf(state);
      if (branches.length === 0) {
        states.set(name, state);
        add(name, NODE.width, NODE.height, parents);
        continue;
      }
      members.set(name, []);
      const inside = [...parents, name];
      // The frame's heading stands in the room that the upper joint takes.
      add(begin(name), JOINT, FRAME.above, inside);
      add(end(name), JOINT, JOINT, inside);
      for (const branch of branches) addStates(branch, inside);
    }
  }

  function add(id: string, width: number, height: number, parents: readonly string[]): void {
    graph.setNode(id, { width, height });
    for (const parent of parents) members.get(parent)?.push(id);
  }

  function addEdges({ States }: Definition, after: string | undefined): void {
    const entry = (name: string) => (branchesOf(States[name]).length > 0 ? begin(name) : name);
    for (const [name, state] of Object.entries(States)) {
      const branches = branchesOf(state);
      for (const branch of branches) {
        const first = branchesOf(branch.States[branch.StartAt]).length > 0 ? begin(branch.StartAt) : branch.StartAt;
        graph.setEdge(begin(name), first, {});
        addEdges(branch, end(name));
      }
      const from = branches.length > 0 ? end(name) : name;
      const targets = [state.Next, ...(state.Choices ?? []).map(({ Next }) => Next), state.Default];
      const next = targets.filter((target) => target !== undefined).map(entry);
      if (next.length === 0 && after !== undefined) next.push(after);
      for (const target of new Set(next)) graph.setEdge(from, target, {});
    }
  }

  function frameOf(name: string, inside: readonly string[]): Frame {
    const boxes = inside.map((id) => {
      const { x, y } = at(id);
      const { width = 0, height = 0 } = graph.node(id) as { width?: number; height?: number };
      return { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
    });
    const left = Math.min(...boxes.map((box) => box.left)) - FRAME.side;
    const top = Math.min(...boxes.map((box) => box.top));
    return {
      name,
      x: left,
      y: top,
      width: Math.max(...boxes.map((box) => box.right)) + FRAME.side - left,
      height: Math.max(...boxes.map((box) => box.bottom)) + FRAME.below - top,
    };
  }
}

const branchesOf = (state: State | undefined): readonly Definition[] => [
  ...(state?.Branches ?? []),
  ...(state?.ItemProcessor ? [state.ItemProcessor] : []),
];
/** No state name has a control character: these ids meet none. */
const begin = (name: string): string => `${name}\u0001begin`;
const end = (name: string): string => `${name}\u0001end`;
