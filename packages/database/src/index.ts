export { amountFromNumeric } from './binary/amount-from-numeric.ts';
export { arrays, withColumnMemory } from './binary/arrays.ts';
export { ColumnMemory } from './binary/binary-writer.ts';
export {
  type CopyInput,
  type CopyStatement,
  copyInto,
  copyUnnumbered,
  type PackedColumn,
  type RowFields,
  type UnnumberedCopy,
} from './binary/copy-rows.ts';
export type { CacheReading, CacheStore } from './cache/cache-store.ts';
export { type MemoryCacheOptions, MemoryCacheStore } from './cache/memory-cache-store.ts';
export {
  type CachedQueryOptions,
  type CachedResult,
  type CacheFigures,
  QueryCache,
  type QueryCacheConfig,
} from './cache/query-cache.ts';
export { type RedisCacheOptions, RedisCacheStore } from './cache/redis-cache-store.ts';
export type { Connection, ExecuteOptions, QueryResult } from './connection.ts';
export type { DatabaseConfig } from './database-config.ts';
export { openAbortableSession, openSession, type SessionOptions } from './driver/open-session.ts';
export { DatabaseErrorType } from './error-entry.ts';
export {
  DatabaseErrorHandler,
  type DatabaseErrorHandlerConfig,
  type ErrorContext,
  type HandledError,
  type Recoverable,
  type Recoveries,
} from './error-handler.ts';
export {
  DATABASE_ERROR_TABLE,
  DATABASE_ERRORS,
  DatabaseError,
  type DatabaseErrorCode,
  isAccessRefused,
} from './errors.ts';
export {
  type HealthCheck,
  HealthChecker,
  type HealthCheckerConfig,
  type HealthCheckName,
  type HealthReport,
  type HealthResult,
} from './health/health-checker.ts';
export type {
  IndexAdviceAction,
  IndexAnalysis,
  IndexReport,
  IndexVerdict,
  MissingIndex,
  ObservedNode,
} from './indexes/index-analysis.ts';
export {
  type AnalyzeOptions,
  type ApplyStrategyOptions,
  type CreateIndexOptions,
  type DropIndexOptions,
  IndexManager,
} from './indexes/index-manager.ts';
export type { IndexManagerConfig, IndexProgress } from './indexes/index-settings.ts';
export type { IndexStrategy, StrategyIndex, StrategyStep } from './indexes/index-strategy.ts';
export { DatabaseManager, type GetConnectionOptions } from './manager/database-manager.ts';
export type { Figures } from './manager/figures.ts';
export type { DatabaseEvent, DatabaseManagerConfig, ReplicationSettings } from './manager/manager-config.ts';
export type { Observed } from './manager/observed.ts';
export type { DatabaseResult, QueryOptions } from './manager/query-runner.ts';
export type { Snapshot, SnapshotOptions } from './manager/snapshot-reader.ts';
export {
  type AlertThresholds,
  DatabaseMetrics,
  type DatabaseMetricsConfig,
  type MetricAlert,
  type MetricName,
  type PerformanceMetrics,
} from './metrics/database-metrics.ts';
export { DatabaseUsage } from './metrics/database-usage.ts';
export type { HistoryPoint } from './metrics/metric-history.ts';
export type { UsageObserver } from './metrics/usage-observer.ts';
export { type MigrateOptions, migrate } from './migrations/migrate.ts';
export type {
  Complexity,
  CostlyNode,
  Finding,
  FindingRule,
  IndexAdvice,
  PlanSummary,
  QueryAnalysis,
  QuerySuggestions,
  RepeatedStatement,
  SequentialScan,
  Suggestion,
} from './optimizer/query-analysis.ts';
export { QueryOptimizer, type QueryOptimizerConfig } from './optimizer/query-optimizer.ts';
export type { Rewriting } from './optimizer/rewrite.ts';
export type { StatementInput } from './placeholders.ts';
export {
  ConnectionManager,
  type ConnectionManagerConfig,
  type ConnectionMetrics,
  type HealthStatus,
} from './pool/connection-manager.ts';
export type { ConnectionPool } from './pool/connection-pool.ts';
export type { ConnectionPoolConfig, PoolConfig, PoolSettings } from './pool/pool-config.ts';
export type { PoolEvent } from './pool/pool-events.ts';
export type { DeleteBuilder } from './query/delete-builder.ts';
export { type Fragment, sql } from './query/fragment.ts';
export type { InsertBuilder } from './query/insert-builder.ts';
export { QueryBuilder, type Subquery } from './query/query-builder.ts';
export type { BuiltQuery, Schema } from './query/types.ts';
export type { UpdateBuilder } from './query/update-builder.ts';
export type { ReadPreference } from './replication/choose-readers.ts';
export type { NodeStatus } from './replication/cluster-node.ts';
export type { ReplicationConfig, ReplicationOptions } from './replication/replication-config.ts';
export type { ReplicationStatus } from './replication/replication-status.ts';
export type { CommitOptions, PipelineAnswer, Rows, Session, Statement } from './session.ts';
export type { DeadlockParty, DeadlockReport } from './transaction/deadlock-report.ts';
export { lockParties } from './transaction/explain-deadlock.ts';
export type { LongRunningFinding, LongRunningPolicy, RunningTransaction } from './transaction/long-running.ts';
export type { Transaction, TransactionScope } from './transaction/transaction.ts';
export {
  IsolationLevel,
  type RetryPolicy,
  type SettleHook,
  type TransactionConfig,
  type TransactionOptions,
  type TransactionOutcome,
  type UnknownCommit,
} from './transaction/transaction-config.ts';
export {
  type ConnectionSource,
  type TransactionEvent,
  TransactionManager,
  type TransactionManagerConfig,
} from './transaction/transaction-manager.ts';
