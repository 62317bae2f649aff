/** A directed graph of events, and its strongly connected components. */

export interface Edge {
  readonly to: number;
  /** Strictly before; else at the same time or before. */
  readonly strict: boolean;
}

/**
 * The number of each node's component; a component's number is greater than that of every component that it leads to
 * (R. Tarjan, "Depth-first search and linear graph algorithms", 1972; without recursion).
 */
export function componentsOf(edges: readonly (readonly Edge[])[]): number[] {
  const order = new Array<number>(edges.length).fill(-1);
  const low = new Array<number>(edges.length).fill(0);
  const component = new Array<number>(edges.length).fill(-1);
  const open: number[] = [];
  let counter = 0;
  let components = 0;
  const close = (node: number): void => {
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      component[one] = components;
      if (one === node) break;
    }
    components += 1;
  };
  for (let start = 0; start < edges.length; start++) {
    if (order[start] !== -1) continue;
    const path: { readonly node: number; next: number }[] = [];
    const enter = (node: number): void => {
      order[node] = low[node] = counter++;
      open.push(node);
      path.push({ node, next: 0 });
    };
    enter(start);
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const { node } = at;
      const edge = edges[node]?.[at.next++];
      if (edge === undefined) {
        path.pop();
        const parent = path.at(-1)?.node;
        if (parent !== undefined) low[parent] = Math.min(low[parent] ?? 0, low[node] ?? 0);
        if (low[node] === order[node]) close(node);
      } else if (order[edge.to] === -1) enter(edge.to);
      else if (component[edge.to] === -1) low[node] = Math.min(low[node] ?? 0, order[edge.to] ?? 0);
    }
  }
  return component;
}
