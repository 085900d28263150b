import 'pg';

// pg 8.23 has these; its published types do not name them yet.
declare module 'pg' {
  interface ClientConfig {
    /** Sends statements without waiting for the answers of those before. */
    pipeline?: boolean;
  }
  interface Client {
    readonly connection: Connection;
    readonly processID: number | null;
    readonly secretKey: number | null;
  }
}
