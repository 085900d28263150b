import type { WireRequest } from '../kafkajs-internals.ts';
import { ByteReader } from './byte-reader.ts';
import { compactArray, compactText, skipTags } from './flexible.ts';

export const LIST_GROUPS = { apiKey: 16, apiVersion: 5 } as const;

export type ListedGroup = {
  readonly group: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: string;
};

type ListGroupsResponse = {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly groups: readonly ListedGroup[];
};

/**
 * ListGroups, version 5 (brokers since 3.8): the first that says which protocol a group speaks.
 * kafkajs writes the header without tagged fields, so the one empty set of them leads the body.
 */
export function listGroupsRequest(): WireRequest<ListGroupsResponse> {
  const [headerTags, anyState, anyType, tags] = [0, 1, 1, 0];
  const buffer = Buffer.from([headerTags, anyState, anyType, tags]);
  return {
    request: { ...LIST_GROUPS, apiName: 'ListGroups', encode: async () => ({ buf: buffer, buffer }) },
    response: { decode: async (payload) => decode(payload), parse: async (decoded) => decoded },
  };
}

function decode(payload: Buffer): ListGroupsResponse {
  const reader = new ByteReader(payload);
  skipTags(reader);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  const groups = compactArray(reader, () => {
    const group = compactText(reader) ?? '';
    const protocolType = compactText(reader) ?? '';
    const state = compactText(reader) ?? '';
    const type = compactText(reader) ?? '';
    skipTags(reader);
    return { group, protocolType, state, type: type.toLowerCase() };
  });
  return { clientSideThrottleTime, errorCode, groups };
}
