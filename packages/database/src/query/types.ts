/** Tables and the types of their columns, as a program declares them for the builder. */
export type Schema = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What `build` gives: text with `$1`, `$2`, ... and its values. `row` is a type alone and is never set. */
export type BuiltQuery<Row = Record<string, unknown>> = {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly row?: Row;
};

/** Aliases of the tables of a query: `trades t` is `{t: 'trades'}`. */
export type AliasOf<Table extends string> = Table extends
  | `${infer Name} AS ${infer Alias}`
  | `${infer Name} as ${infer Alias}`
  ? { readonly [Key in Alias]: Name }
  : Table extends `${infer Name} ${infer Alias}`
    ? { readonly [Key in Alias]: Name }
    : { readonly [Key in Table]: Table };

/** The row of a query; any names where no schema was declared. */
export type RowOf<S extends Schema, Tables, Columns extends string> = string extends keyof S
  ? Record<string, unknown>
  : Flat<Named<S, Tables, Exclude<Columns, '*' | `${string}.*`>> & Starred<S, Tables, Columns>>;

/** The columns of one table; any names where no schema was declared. */
export type ColumnsOf<S extends Schema, Table extends string> = string extends keyof S
  ? Readonly<Record<string, unknown>>
  : Table extends keyof S
    ? S[Table]
    : never;

type Named<S extends Schema, Tables, Columns extends string> = {
  [Column in Columns as NameOf<Column>]: TypeOf<S, Tables, ExpressionOf<Column>>;
};

type Starred<S extends Schema, Tables, Columns extends string> = ('*' extends Columns
  ? Merged<{ [Alias in keyof Tables]: TableOf<S, Tables[Alias]> }>
  : unknown) &
  Merged<{
    [Column in Columns as Column extends `${infer Alias}.*` ? Alias : never]: Column extends `${infer Alias}.*`
      ? Alias extends keyof Tables
        ? TableOf<S, Tables[Alias]>
        : unknown
      : unknown;
  }>;

type TableOf<S extends Schema, Name> = Name extends keyof S ? S[Name] : unknown;
type ExpressionOf<Column extends string> = Column extends `${infer Expression} ${'AS' | 'as'} ${string}`
  ? Expression
  : Column;
type NameOf<Column extends string> = Column extends `${string} ${'AS' | 'as'} ${infer Name}`
  ? Name
  : Column extends `${infer Call}(${string}`
    ? Call
    : Column extends `${string}.${infer Name}`
      ? Name
      : Column;

/** Aggregates of numbers come as text: bigint and numeric have no exact number in JavaScript. */
type TypeOf<S extends Schema, Tables, Expression extends string> = Expression extends `count(${string}`
  ? string
  : Expression extends `${string}(${string}`
    ? unknown
    : Expression extends `${infer Alias}.${infer Name}`
      ? Alias extends keyof Tables
        ? PropertyOf<TableOf<S, Tables[Alias]>, Name>
        : unknown
      : { [Alias in keyof Tables]: PropertyOf<TableOf<S, Tables[Alias]>, Expression, never> }[keyof Tables];

type PropertyOf<Table, Name, Missing = unknown> = Name extends keyof Table ? Table[Name] : Missing;
type Merged<Parts> = Intersection<Parts[keyof Parts]>;
type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : unknown;
type Flat<T> = { readonly [Key in keyof T]: T[Key] };
