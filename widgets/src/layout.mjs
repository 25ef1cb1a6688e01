// Where the nodes and edges of a directed graph are drawn: layers from left to right, after Sugiyama. Numbers in,
// numbers out; drawing is in job_graph.mjs.
//
// Parts that do not touch are laid out one by one and packed like words on lines, so that jobs without any edge
// become a tidy block instead of a column as long as the list. Cycles are tolerated: an edge that closes one is laid
// out backwards.

export const NODE_WIDTH = 188; // px: a name of 20 letters in 13 px, and its mark
export const NODE_HEIGHT = 46; // px: two lines of text
const LAYER_GAP = 64; // px: room for an edge to turn
const NODE_GAP = 16; // px
const EDGE_GAP = 10; // px that an edge passing through a layer keeps free around itself
const PART_GAP = 32; // px between parts that do not touch
const PORT_STEP = 7; // px between the ends of two edges on one side of a node
const ASPECT = 1.7; // width by height the whole drawing aims at: a little wider than a notebook cell is high
const ORDER_SWEEPS = 12; // more than twelve hardly ever remove another crossing
const PLACE_SWEEPS = 16; // the drawing is still by then, to a pixel or two

/**
 * Return where to draw `count` nodes and `edges` (pairs of node numbers):
 * `nodes` as `{x, y}` of the upper left corner, `paths` as lists of `[x, y]` from the edge's source to its target,
 * empty for an edge from a node to itself; `width`, `height`; `crossings` between neighbouring layers.
 */
export function layout(count, edges) {
  const nodes = new Array(count);
  const paths = edges.map(() => []);
  let crossings = 0;
  const parts = partsOf(count, edges).map((part) => {
    const drawn = drawPart(part.nodes.length, part.edges);
    crossings += drawn.crossings;
    return { ...part, drawn, width: drawn.width, height: drawn.height };
  });
  const size = pack(parts);
  for (const { x, y, nodes: members, edgeIds, drawn } of parts) {
    members.forEach((node, i) => {
      nodes[node] = { x: drawn.nodes[i].x + x, y: drawn.nodes[i].y + y };
    });
    edgeIds.forEach((edge, i) => {
      paths[edge] = drawn.paths[i].map(([px, py]) => [px + x, py + y]);
    });
  }
  return { nodes, paths, ...size, crossings };
}

/** Return the connected parts, the one with most nodes first; edges in each speak of its own node numbers. */
function partsOf(count, edges) {
  const root = Array.from({ length: count }, (_, i) => i);
  const find = (i) => {
    while (root[i] !== i) i = root[i] = root[root[i]];
    return i;
  };
  for (const [a, b] of edges) root[find(a)] = find(b);
  const parts = new Map();
  const place = new Array(count);
  for (let node = 0; node < count; node++) {
    const key = find(node);
    if (!parts.has(key)) parts.set(key, { nodes: [], edges: [], edgeIds: [] });
    place[node] = parts.get(key).nodes.push(node) - 1;
  }
  edges.forEach(([a, b], id) => {
    if (a === b) return;
    const part = parts.get(find(a));
    part.edges.push([place[a], place[b]]);
    part.edgeIds.push(id);
  });
  return [...parts.values()].sort((p, q) => q.nodes.length - p.nodes.length);
}

/** Give every part its `x` and `y`, in lines from the top, and return the size of all. */
function pack(parts) {
  const area = parts.reduce((sum, p) => sum + (p.width + PART_GAP) * (p.height + PART_GAP), 0);
  const widest = Math.max(0, ...parts.map((p) => p.width));
  const limit = Math.max(widest, Math.sqrt(area * ASPECT));
  let [x, y, lineHeight, width] = [0, 0, 0, 0];
  for (const part of parts) {
    // Single nodes keep the distance of neighbours, not of strangers.
    const gap = part.nodes.length === 1 ? NODE_GAP : PART_GAP;
    if (x > 0 && x + part.width > limit) {
      x = 0;
      y += lineHeight + gap;
      lineHeight = 0;
    }
    part.x = x;
    part.y = y;
    x += part.width + gap;
    width = Math.max(width, part.x + part.width);
    lineHeight = Math.max(lineHeight, part.height);
  }
  return { width, height: y + lineHeight };
}

/** Lay out one connected part. */
function drawPart(count, edges) {
  const forward = withoutCycles(count, edges);
  const graph = splitLongEdges(count, forward, layersOf(count, forward));
  const crossings = order(graph);
  const y = place(graph);
  const reach = (vertex) => (vertex < count ? NODE_HEIGHT : EDGE_GAP) / 2;
  const shift = Math.min(...y.map((at, vertex) => at - reach(vertex)));
  const height = Math.max(...y.map((at, vertex) => at + reach(vertex))) - shift;
  const left = (vertex) => graph.layerOf[vertex] * (NODE_WIDTH + LAYER_GAP);
  const nodes = Array.from({ length: count }, (_, i) => ({ x: left(i), y: y[i] - NODE_HEIGHT / 2 - shift }));
  const ends = ports(graph, y, count);
  const paths = graph.chains.map((chain, e) => {
    const last = chain.length - 1;
    const points = chain.flatMap((vertex, i) => {
      const at = y[vertex] - shift;
      if (i === 0) return [[left(vertex) + NODE_WIDTH, at + ends.out[e]]];
      if (i === last) return [[left(vertex), at + ends.into[e]]];
      return [
        [left(vertex), at],
        [left(vertex) + NODE_WIDTH, at],
      ];
    });
    return forward[e].isReversed ? points.reverse() : points;
  });
  const width = graph.layers.length * (NODE_WIDTH + LAYER_GAP) - LAYER_GAP;
  return { nodes, paths, crossings, width, height };
}

/** Return the edges with those that close a cycle turned round. */
function withoutCycles(count, edges) {
  const out = Array.from({ length: count }, () => []);
  for (const [e, [from]] of edges.entries()) out[from].push(e);
  const forward = edges.map(([from, to]) => ({ from, to, isReversed: false }));
  const [ON_PATH, DONE] = [1, 2];
  const state = new Uint8Array(count);
  for (let start = 0; start < count; start++) {
    if (state[start]) continue;
    state[start] = ON_PATH;
    const path = [{ node: start, next: 0 }];
    while (path.length) {
      const step = path[path.length - 1];
      if (step.next === out[step.node].length) {
        state[step.node] = DONE;
        path.pop();
        continue;
      }
      const e = out[step.node][step.next++];
      const [from, to] = edges[e];
      if (state[to] === ON_PATH) forward[e] = { from: to, to: from, isReversed: true };
      else if (!state[to]) {
        state[to] = ON_PATH;
        path.push({ node: to, next: 0 });
      }
    }
  }
  return forward;
}

/** Return each node's layer: right of everything it depends on; a node nothing leads to stands beside its first user. */
function layersOf(count, forward) {
  const out = Array.from({ length: count }, () => []);
  const waits = new Int32Array(count);
  for (const { from, to } of forward) {
    out[from].push(to);
    waits[to]++;
  }
  const isSource = Array.from(waits, (n) => n === 0);
  const queue = [];
  for (let node = 0; node < count; node++) if (isSource[node]) queue.push(node);
  const layerOf = new Int32Array(count);
  for (let i = 0; i < queue.length; i++) {
    for (const to of out[queue[i]]) {
      layerOf[to] = Math.max(layerOf[to], layerOf[queue[i]] + 1);
      if (--waits[to] === 0) queue.push(to);
    }
  }
  for (let node = 0; node < count; node++) {
    if (isSource[node] && out[node].length)
      layerOf[node] = Math.min(...out[node].map((to) => layerOf[to])) - 1;
  }
  return layerOf;
}

/**
 * Return the graph in which every edge joins neighbouring layers: an edge over several layers becomes a chain of
 * vertices, so that it takes part in the order of each layer it passes. Vertices from `count` on are such links.
 */
function splitLongEdges(count, forward, layers) {
  const graph = { count, layerOf: Array.from(layers), before: [], after: [], chains: [], layers: [] };
  for (let i = 0; i < count; i++) {
    graph.before.push([]);
    graph.after.push([]);
  }
  const join = (a, b) => {
    graph.after[a].push(b);
    graph.before[b].push(a);
  };
  for (const { from, to } of forward) {
    const chain = [from];
    for (let layer = layers[from] + 1; layer < layers[to]; layer++) {
      const link = graph.layerOf.push(layer) - 1;
      graph.before.push([]);
      graph.after.push([]);
      join(chain[chain.length - 1], link);
      chain.push(link);
    }
    join(chain[chain.length - 1], to);
    chain.push(to);
    graph.chains.push(chain);
  }
  graph.layers = Array.from({ length: Math.max(...graph.layerOf) + 1 }, () => []);
  return graph;
}

/** Order the vertices inside each layer so that few edges cross; return how many still do. */
function order(graph) {
  const { layers, before, after, layerOf } = graph;
  for (const vertex of depthFirst(graph)) layers[layerOf[vertex]].push(vertex);
  const rank = new Int32Array(layerOf.length);
  const number = (layer) => {
    for (const [i, vertex] of layer.entries()) rank[vertex] = i;
  };
  layers.forEach(number);
  let fewest = crossingsOf(graph, rank);
  let best = layers.map((layer) => layer.slice());
  for (let sweep = 0; sweep < ORDER_SWEEPS && fewest > 0; sweep++) {
    const isDown = sweep % 2 === 0;
    const neighbours = isDown ? before : after;
    for (const layer of isDown ? layers : layers.slice().reverse()) {
      const centre = new Map(
        layer.map((vertex) => [vertex, barycenter(neighbours[vertex], rank) ?? rank[vertex]]),
      );
      layer.sort((a, b) => centre.get(a) - centre.get(b));
      number(layer);
    }
    const crossings = crossingsOf(graph, rank);
    if (crossings < fewest) {
      fewest = crossings;
      best = layers.map((layer) => layer.slice());
    }
  }
  graph.layers = best;
  return fewest;
}

/** Return all vertices so that neighbours follow each other, whichever way the edge goes: few crossings to begin with. */
function depthFirst({ before, after, layerOf }) {
  const found = [];
  const isSeen = new Uint8Array(layerOf.length);
  for (let start = 0; start < layerOf.length; start++) {
    const stack = [start];
    while (stack.length) {
      const vertex = stack.pop();
      if (isSeen[vertex]) continue;
      isSeen[vertex] = 1;
      found.push(vertex);
      stack.push(...after[vertex], ...before[vertex]);
    }
  }
  return found;
}

/** Return the barycenter of these vertices: the mean of where they are `at`; undefined for none. */
function barycenter(vertices, at) {
  return vertices.length
    ? vertices.reduce((sum, vertex) => sum + at[vertex], 0) / vertices.length
    : undefined;
}

/** Return how many pairs of edges cross, counted with a Fenwick tree per pair of layers. */
function crossingsOf({ layers, after }, rank) {
  let crossings = 0;
  for (let l = 0; l + 1 < layers.length; l++) {
    const width = layers[l + 1].length;
    const passed = new Int32Array(width + 1);
    let edges = 0;
    // Sorted by source, then target: every earlier edge with a target further down crosses this one.
    for (const vertex of [...layers[l]].sort((a, b) => rank[a] - rank[b])) {
      for (const target of after[vertex].map((to) => rank[to]).sort((a, b) => a - b)) {
        let above = 0;
        for (let i = target + 1; i > 0; i -= i & -i) above += passed[i];
        crossings += edges++ - above;
        for (let i = target + 1; i <= width; i += i & -i) passed[i]++;
      }
    }
  }
  return crossings;
}

/** Return the y of every vertex's middle: as near to the mean of its neighbours as order and distance allow. */
function place({ layers, before, after, layerOf, count }) {
  const y = new Float64Array(layerOf.length);
  const extent = (vertex) => (vertex < count ? NODE_HEIGHT + NODE_GAP : EDGE_GAP);
  const distance = (a, b) => (extent(a) + extent(b)) / 2;
  for (const layer of layers) {
    for (const [i, v] of layer.entries()) y[v] = i ? y[layer[i - 1]] + distance(layer[i - 1], v) : 0;
  }
  for (let sweep = 0; sweep < PLACE_SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0;
    const neighbours = isDown ? before : after;
    for (const layer of isDown ? layers : layers.slice().reverse()) {
      const wanted = layer.map((v) => barycenter(neighbours[v], y) ?? y[v]);
      for (const [i, at] of spread(layer, wanted, distance).entries()) y[layer[i]] = at;
    }
  }
  return Array.from(y);
}

/**
 * Return the positions nearest to `wanted` (least squares) that keep the order and the distances: isotonic regression
 * by pooling neighbours that want to overlap into a block with one mean.
 */
function spread(layer, wanted, distance) {
  const offset = [];
  const blocks = [];
  layer.forEach((vertex, i) => {
    offset.push(i ? offset[i - 1] + distance(layer[i - 1], vertex) : 0);
    let block = { sum: wanted[i] - offset[i], size: 1 };
    while (blocks.length && mean(blocks[blocks.length - 1]) > mean(block)) {
      const upper = blocks.pop();
      block = { sum: upper.sum + block.sum, size: upper.size + block.size };
    }
    blocks.push(block);
  });
  let i = 0;
  return blocks.flatMap((block) => Array.from({ length: block.size }, () => mean(block) + offset[i++]));
}

const mean = (block) => block.sum / block.size;

/** Return how far from a node's middle each edge leaves and arrives, so that the ends of edges lie side by side. */
function ports({ chains }, y, count) {
  const leaving = Array.from({ length: count }, () => []);
  const arriving = Array.from({ length: count }, () => []);
  chains.forEach((chain, e) => {
    leaving[chain[0]].push({ e, towards: y[chain[1]] });
    arriving[chain[chain.length - 1]].push({ e, towards: y[chain[chain.length - 2]] });
  });
  const offsets = (sides) => {
    const found = [];
    for (const side of sides) {
      side.sort((a, b) => a.towards - b.towards);
      const step = Math.min(PORT_STEP, (NODE_HEIGHT - 2 * PORT_STEP) / side.length);
      for (const [i, { e }] of side.entries()) found[e] = (i - (side.length - 1) / 2) * step;
    }
    return found;
  };
  return { out: offsets(leaving), into: offsets(arriving) };
}
