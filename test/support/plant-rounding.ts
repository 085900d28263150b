import { registerHooks } from 'node:module';

/**
 * For a worker of a test, with `--import`: the cost of a trade is rounded up instead of down. Only what
 * is loaded is changed, so that no switch for it is in the product.
 */
const RIGHT = /(function floorMultiply18\([^{]*\{)[^}]*\}/;
const WRONG = '$1 return (a * b + (UNIT - 1n)) / UNIT; }';

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/packages/trading/src/amount.ts')) return loaded;
    const { source = '' } = loaded;
    const right = typeof source === 'string' ? source : new TextDecoder().decode(source);
    const wrong = right.replace(RIGHT, WRONG);
    if (wrong === right) throw new Error('the rule to plant a fault in is not where it was');
    return { ...loaded, source: wrong };
  },
});
