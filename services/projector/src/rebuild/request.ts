/** What an operator wants done with a projection; see views.requests. */
export type ProjectionRequest = {
  readonly id: string;
  readonly kind: 'rebuild' | 'verify' | 'repair' | 'rollback' | 'drop-kept';
  readonly projection: string;
  readonly key: string | null;
  readonly actor: string;
  readonly why: string;
};

/** How a request is told how far it is. @throws {RequestCancelled} when it is wanted no more */
export type Report = (progress: {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}) => Promise<void>;

/** The operator has taken the request back. */
export class RequestCancelled extends Error {
  override readonly name = 'RequestCancelled';
}
