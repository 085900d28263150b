import type { CommandType, EventType } from '@tradestream/trading';

/** Headers as a Kafka client gives them. */
export type HeaderValues = Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>;

const SPEC_VERSION = '1.0';
const CONTENT_TYPE = 'application/avro';
const MESSAGE_MAX = 1000;

type Traced = {
  /** W3C trace context, passed through as it came. */
  readonly traceparent?: string | undefined;
};

/** CloudEvents binary mode of a command's record. `source` names the producer. */
export function commandHeaders(
  options: Traced & {
    readonly commandId: string;
    readonly type: CommandType;
    readonly source: string;
    readonly timeMs: number;
  },
): Record<string, string> {
  const { commandId, type, source, timeMs, traceparent } = options;
  return cloudEvent({ id: commandId, type, source, timeMs, traceparent });
}

/** CloudEvents binary mode of an event's record; published twice, it has the same id twice. */
export function eventHeaders(
  options: Traced & {
    readonly partition: number;
    readonly seq: number;
    readonly timeline: number;
    readonly type: EventType;
    readonly source: string;
    readonly timeMs: number;
  },
): Record<string, string> {
  const { partition, seq, timeline, type, source, timeMs, traceparent } = options;
  return cloudEvent({ id: eventId({ partition, seq, timeline }), type, source, timeMs, traceparent });
}

/** An event's id: its place, and the timeline that tells it from a lost one at the same place. */
export function eventId(place: {
  readonly partition: number;
  readonly seq: number;
  readonly timeline: number;
}): string {
  return `${place.timeline}/${place.partition}/${place.seq}`;
}

/** The headers that a record had, and those that tell where it lay and why it was set aside. */
export function deadLetterHeaders(options: {
  readonly headers: HeaderValues;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly reason: string;
  readonly message: string;
}): HeaderValues {
  return {
    ...options.headers,
    'original-topic': options.topic,
    'original-partition': String(options.partition),
    'original-offset': String(options.offset),
    'original-timestamp': String(options.timestampMs),
    reason: options.reason,
    message: options.message.slice(0, MESSAGE_MAX),
  };
}

/** A header's text, or null where there is none; of several with one name the last counts, as in Kafka. */
export function headerText(headers: HeaderValues, name: string): string | null {
  if (!Object.hasOwn(headers, name)) return null;
  const given = headers[name];
  const value = given === undefined || typeof given === 'string' || Buffer.isBuffer(given) ? given : given.at(-1);
  return value === undefined ? null : value.toString('utf8');
}

function cloudEvent(
  options: Traced & { readonly id: string; readonly type: string; readonly source: string; readonly timeMs: number },
): Record<string, string> {
  const { id, type, source, timeMs, traceparent } = options;
  const headers: Record<string, string> = {
    ce_specversion: SPEC_VERSION,
    ce_id: id,
    ce_type: type,
    ce_source: source,
    ce_time: isoTime(timeMs),
    'content-type': CONTENT_TYPE,
  };
  if (traceparent !== undefined) headers['traceparent'] = traceparent;
  return headers;
}

let lastTime = { ms: 0, iso: new Date(0).toISOString() };

/** Records come in bursts of one millisecond: its text is made once. */
function isoTime(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, iso: new Date(ms).toISOString() };
  return lastTime.iso;
}
