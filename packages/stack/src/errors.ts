import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

export const STACK_ERRORS = {
  STACK_PLATFORM_UNSUPPORTED: {
    retry: 'never',
    summary: 'the embedded stack does not run on this platform',
    advice:
      'use Linux with glibc on x64 or arm64, give endpoints (KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, DATABASE_REPLICA_URLS, REDIS_URL), or set TRADESTREAM_STACK=containers',
  },
  STACK_JAVA_MISSING: {
    retry: 'never',
    summary: 'Java 17 or newer is needed for Kafka and the schema registry',
    advice: 'install a JRE (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME',
  },
  STACK_MAVEN_MISSING: {
    retry: 'never',
    summary: 'Maven is needed once, to fetch Kafka, the schema registry and Redis',
    advice: 'install it (Debian: apt-get install maven); after the first start it is not needed any more',
  },
  STACK_TOOL_MISSING: {
    retry: 'never',
    summary: 'a program that the embedded stack needs is not on the PATH',
    advice: 'install the program that the message names',
  },
  STACK_DISK_LOW: {
    retry: 'never',
    summary: 'too little free disk space',
    advice: 'free some space, or move the folder: XDG_CACHE_HOME for fetched parts, TMPDIR or a data folder for data',
  },
  STACK_FETCH_FAILED: {
    retry: 'later',
    summary: 'a part of the stack could not be fetched',
    advice: 'see the lines of the tool in the message; behind a proxy, set it up for Maven and npm',
  },
  STACK_CHECKSUM_MISMATCH: {
    retry: 'never',
    summary: 'a fetched file is not the expected one',
    advice: 'something between here and the package registry changes files; nothing of it was used',
  },
  STACK_FETCH_BUSY: {
    retry: 'later',
    summary: 'another process is fetching the parts of the stack and did not end in time',
    advice: 'wait for it, or end the process that the message names',
  },
  STACK_PART_FAILED: {
    retry: 'never',
    summary: 'a part of the stack did not start',
    advice: 'read the log file that the message names; its last lines are in the message',
  },
  STACK_PORT_TAKEN: {
    retry: 'now',
    summary: 'a port is taken by another process',
    advice: 'free the port, or leave the choice to the stack',
  },
  STACK_DATA_FOLDER_BUSY: {
    retry: 'never',
    summary: 'another stack is running on this data folder',
    advice: 'end it, or choose another folder',
  },
  STACK_FOLDER_CLOSED: {
    retry: 'never',
    summary: 'PostgreSQL runs as an unprivileged user, who cannot reach this folder',
    advice: 'choose a folder whose parents all users may enter (mode o+x), or start as a plain user',
  },
  STACK_USER_MISSING: {
    retry: 'never',
    summary: 'PostgreSQL refuses to run as root and no unprivileged user was found',
    advice: 'start as a plain user, or create one named postgres (useradd --system postgres)',
  },
  STACK_ENDPOINTS_INVALID: {
    retry: 'never',
    summary: 'a given endpoint or the endpoints file cannot be understood',
    advice: 'correct the variable or the file that the message names',
  },
  STACK_PART_UNKNOWN: {
    retry: 'never',
    summary: 'this stack does not run that part',
    advice: 'parts that are given from outside are started, stopped and promoted by whoever runs them',
  },
  STACK_PROMOTE_FAILED: {
    retry: 'later',
    summary: 'the standby did not become primary',
    advice: 'see the log file of the standby that the message names',
  },
  STACK_CONTAINERS_FAILED: {
    retry: 'never',
    summary: 'the stack could not be started in containers',
    advice: 'start a Docker engine with the compose plugin, or set TRADESTREAM_STACK=embedded',
  },
} as const satisfies ErrorTable;

/** Errors of fetching, starting and steering the parts of the stack. */
export class StackError extends AppError {
  declare readonly code: keyof typeof STACK_ERRORS;

  constructor(code: keyof typeof STACK_ERRORS, options?: AppErrorOptions) {
    super(STACK_ERRORS, code, options);
  }
}
