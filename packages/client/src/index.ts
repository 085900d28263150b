export { CLIENT_ERRORS, ClientError } from './errors.ts';
export {
  type StreamedAnswer,
  type StreamedCommand,
  type StreamOptions,
  streamCommands,
} from './http/command-stream.ts';
export type { GatewayAddress } from './http/gateway-request.ts';
export {
  type CandleFilter,
  type OrderFilter,
  openSession,
  type Page,
  type ReadOptions,
  type ReadPreference,
  Session,
  type TradeFilter,
} from './http/session.ts';
export { openTradestream, type Tradestream, type TradestreamOptions } from './open-tradestream.ts';
export type { Publication, Published } from './publisher.ts';
