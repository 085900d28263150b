type Row = { readonly id: number; readonly a: number | null; readonly b: number | null; readonly t: string | null };

const ROWS = 25;

/** Few values and many nulls, so that ties, duplicates and unknowns are common. */
export function randomRows(round: number): readonly Row[] {
  const count = round === 0 ? 0 : ROWS;
  return Array.from({ length: count }, (_, id) => ({ id, a: small(), b: small(), t: letter() }));
}

function small(): number | null {
  const drawn = Math.floor(Math.random() * 6);
  return drawn === 5 ? null : drawn - 1;
}

function letter(): string | null {
  return ['a', 'b', 'ü', '', null][Math.floor(Math.random() * 5)] ?? null;
}

const none = (): readonly unknown[] => [];
const two = (): readonly unknown[] => [small(), small()];
const three = (): readonly unknown[] => [small(), small(), small()];

/** Each rule in several places, with what makes values for it. */
export const REWRITTEN: readonly (readonly [string, () => readonly unknown[]])[] = [
  ['SELECT * FROM left_side WHERE a = 1 OR a = 2 OR a = -1', none],
  ['SELECT id, a = 1 OR a = 2 OR a = 3 AS is_one FROM left_side', none],
  ['SELECT * FROM left_side WHERE NOT (a = 1 OR a = 2 OR a = 3)', none],
  ['SELECT id, (a = ? OR a = ? OR a = ?) AS is_one FROM left_side', three],
  [`SELECT * FROM left_side l WHERE (l.t = 'a' OR l.t = 'ü' OR l.t = '') AND b > 0`, none],
  ['SELECT id, a > 1 OR (a = 1 AND b > 2) AS is_after FROM left_side', none],
  ['SELECT id, a < 2 OR a = 2 AND b <= 1 AS is_before FROM left_side', none],
  ['SELECT id, (a > $1 OR (a = $1 AND b >= $2)) AS is_after FROM left_side', two],
  ['SELECT * FROM left_side WHERE NOT (a < $1 OR (a = $1 AND b < $2))', two],
  ['SELECT id, (SELECT count(*) FROM right_side r WHERE r.a = l.a) > 0 AS has FROM left_side l', none],
  ['SELECT id, (SELECT count(*) FROM right_side r WHERE r.a = l.b) = 0 AS has_none FROM left_side l', none],
  ['SELECT * FROM left_side l WHERE (SELECT count(*) FROM right_side r WHERE r.b = l.b AND r.a > 0) >= 1', none],
  ['SELECT * FROM left_side l WHERE NOT (SELECT count(*) FROM right_side r WHERE r.b = l.b) < 1 OR l.a = 0', none],
  ['SELECT id, a IN (SELECT DISTINCT b FROM right_side ORDER BY b) AS has FROM left_side', none],
  ['SELECT id, a NOT IN (SELECT DISTINCT b FROM right_side WHERE b IS NOT NULL) AS has_not FROM left_side', none],
  ['SELECT id, a > ALL (SELECT DISTINCT b FROM right_side WHERE b < 1) AS is_above FROM left_side', none],
  [
    'SELECT id, a IN (SELECT a FROM right_side WHERE id < 5 UNION SELECT b FROM right_side WHERE id > 20) AS has FROM left_side',
    none,
  ],
  ['SELECT * FROM left_side l WHERE EXISTS (SELECT DISTINCT r.a FROM right_side r WHERE r.a = l.a ORDER BY r.a)', none],
  ['SELECT DISTINCT a, count(*), sum(b) FROM left_side GROUP BY a', none],
  ['SELECT DISTINCT l.a, l.b FROM left_side l GROUP BY l.a, l.b HAVING count(*) > 1', none],
  ['SELECT DISTINCT a FROM left_side UNION SELECT DISTINCT b FROM right_side', none],
];
