import type { DatabaseManager } from '../manager/database-manager.ts';
import type { StatementSurvey } from '../replication/parse-statement.ts';

type Relation = {
  readonly name: string;
  /** Someone's rows may be others than another one's. */
  readonly rowSecurity: boolean;
  /** Triggers and rules, which may write anything. */
  readonly reacts: boolean;
  /** A view that calls a function of the application. */
  readonly calls: boolean;
  /** What a view stands on, and the tables it shares rows with by inheritance or partitioning. */
  readonly uses: readonly string[];
  /** Tables that a change here may change too, by a foreign key. */
  readonly cascades: readonly string[];
};

/** The stamp that every entry bears: it changes when nobody can tell what a write touched. */
export const EVERYTHING = '*';

const RELATIONS = `SELECT relname::text AS name, bool_or(relrowsecurity) AS "rowSecurity",
    bool_or(EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
      OR (relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid))) AS reacts,
    bool_or(EXISTS (SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
      WHERE ev_class = c.oid AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))) AS calls,
    (SELECT coalesce(jsonb_agg(DISTINCT used.relname), '[]') FROM pg_class used WHERE used.oid IN (
       SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
         WHERE ev_class = ANY (array_agg(c.oid)) AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> ev_class
       UNION SELECT inhparent FROM pg_inherits WHERE inhrelid = ANY (array_agg(c.oid))
       UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY (array_agg(c.oid)))) AS uses,
    (SELECT coalesce(jsonb_agg(DISTINCT child.relname), '[]') FROM pg_constraint k JOIN pg_class child ON child.oid = conrelid
       WHERE contype = 'f' AND confrelid = ANY (array_agg(c.oid))
         AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))) AS cascades
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'v', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND relpersistence <> 't'
  GROUP BY relname`;

const OWN_NAMES = `SELECT proname::text AS name FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname <> 'pg_catalog'
  UNION SELECT oprname::text FROM pg_operator JOIN pg_namespace n ON n.oid = oprnamespace WHERE nspname <> 'pg_catalog'`;

/** What makes the same statement mean something else. */
const SCOPE = `SELECT concat_ws('/', current_database(), current_user, current_setting('search_path'),
  current_setting('TimeZone'), current_setting('DateStyle')) AS scope`;

/** Which tables a statement reads, and which a write may touch, by the server's catalog of one moment. */
export class TableDependencies {
  readonly scope: string;
  readonly #relations: ReadonlyMap<string, Relation>;
  readonly #ownNames: ReadonlySet<string>;

  constructor(scope: string, relations: readonly Relation[], ownNames: ReadonlySet<string>) {
    this.scope = scope;
    this.#relations = new Map(relations.map((relation) => [relation.name, relation]));
    this.#ownNames = ownNames;
  }

  /** @throws {DatabaseError} as `getConnection` */
  static async load(database: DatabaseManager): Promise<TableDependencies> {
    await using connection = await database.getConnection();
    const { rows } = await connection.execute<Relation>(RELATIONS);
    const names = await connection.execute<{ name: string }>(OWN_NAMES);
    const scope = await connection.execute<{ scope: string }>(SCOPE);
    return new TableDependencies(scope.rows[0]?.scope ?? '', rows, new Set(names.rows.map(({ name }) => name)));
  }

  /** The tables that decide a read's answer; null where they cannot be told, or do not decide it alone. */
  readBy(survey: StatementSurvey): readonly string[] | null {
    if (this.#callsOwn(survey)) return null;
    const found = this.#closure(survey.relations, ({ uses }) => uses);
    const isKnown = found.every((name) => {
      const relation = this.#relations.get(name);
      return relation !== undefined && !relation.rowSecurity && !relation.calls;
    });
    return isKnown ? [EVERYTHING, ...found.toSorted()] : null;
  }

  /** The tables that a write may have changed. */
  touchedBy(survey: StatementSurvey): readonly string[] {
    const isTold = survey.kinds.every((kind) => TELLING.has(kind)) && !this.#callsOwn(survey);
    const found = this.#closure(survey.relations, ({ uses, cascades }) => [...uses, ...cascades]);
    const isKnown = found.every((name) => this.#relations.get(name)?.reacts === false);
    return isTold && isKnown ? found : [EVERYTHING];
  }

  /** A statement that changes nothing by its text may do so by what it calls. */
  mayWrite(survey: StatementSurvey): boolean {
    return this.#callsOwn(survey) || survey.relations.some((name) => this.#relations.get(name)?.calls === true);
  }

  #callsOwn({ functions, operators }: StatementSurvey): boolean {
    return [...functions, ...operators].some((name) => this.#ownNames.has(name));
  }

  #closure(names: readonly string[], next: (relation: Relation) => readonly string[]): readonly string[] {
    const found = new Set(names);
    for (const name of found) {
      const relation = this.#relations.get(name);
      // A set gives what is added to it while it is walked.
      if (relation !== undefined) for (const each of next(relation)) found.add(each);
    }
    return [...found];
  }
}

/** Statements whose tables are all named in them. */
const TELLING: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'TruncateStmt',
]);
