import { describe, expect, test } from 'vitest';
import {
  type ConfigSpec,
  describeConfig,
  flag,
  int,
  list,
  oneOf,
  readConfig,
  redactConfig,
  type Setting,
  secret,
  text,
  url,
} from './config.ts';
import { RuntimeError } from './errors.ts';

const SPEC = {
  APP_PORT: int({ doc: 'the port', min: 0, max: 65_535, fallback: 8_080 }),
  APP_NAME: text({ doc: 'the name', pattern: /^[a-z]+$/, rule: 'small letters' }),
  APP_FAST: flag({ doc: 'whether it hurries', fallback: false }),
  APP_MODE: oneOf(['one', 'two'], { doc: 'the mode', fallback: 'one' }),
  APP_URL: url(['https', 'postgres'], { doc: 'where', fallback: 'https://localhost' }),
  APP_HOSTS: list({ doc: 'the hosts', fallback: [] }),
  APP_TOKEN: secret({ doc: 'the token', charactersMin: 8, fallback: '' }),
} as const satisfies ConfigSpec;

function problemsOf(env: Record<string, string>, options = {}): readonly string[] {
  try {
    readConfig(SPEC, env, options);
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error).toMatchObject({ code: 'RT_CONFIG_INVALID', retry: 'never' });
    return error instanceof Error ? error.message.split('\n  ').slice(1) : [];
  }
  return [];
}

function valueOf<T>(setting: Setting<T>, given: string | undefined): unknown {
  const read = setting.parse(given);
  return 'value' in read ? read.value : 'refused';
}

test('values are read, and what is absent or empty takes its fallback', () => {
  expect(readConfig(SPEC, { APP_NAME: 'abc', APP_PORT: '', APP_MODE: 'two', APP_HOSTS: 'a, b' })).toEqual({
    APP_PORT: 8_080,
    APP_NAME: 'abc',
    APP_FAST: false,
    APP_MODE: 'two',
    APP_URL: 'https://localhost',
    APP_HOSTS: ['a', 'b'],
    APP_TOKEN: '',
  });
});

test('the configuration cannot be changed', () => {
  expect(Object.isFrozen(readConfig(SPEC, { APP_NAME: 'abc' }))).toBe(true);
});

test('every problem is reported at once, with the rule and what was given', () => {
  const env = { APP_PORT: '70000', APP_FAST: 'yes', APP_MODE: 'three', APP_URL: 'ftp://x', APP_HOSTS: 'a,,b' };
  expect(problemsOf(env)).toEqual([
    'APP_PORT: must be a whole number from 0 to 65535; it is "70000"',
    'APP_NAME: must be small letters; it is not set',
    'APP_FAST: must be `true` or `false`; it is "yes"',
    'APP_MODE: must be one of `one`, `two`; it is "three"',
    'APP_URL: must be a URL starting with https:// or postgres://; it is not (its value is not shown)',
    'APP_HOSTS: must be values separated by commas; it is not (its value is not shown)',
  ]);
});

test('a name that starts with the prefix and is no setting is refused, others are not looked at', () => {
  const env = { APP_NAME: 'abc', APP_PROT: '1', PATH: '/bin', APPLE: '1' };
  expect(problemsOf(env, { prefix: 'APP_' })).toEqual(['APP_PROT: no setting has this name']);
  expect(problemsOf(env)).toEqual([]);
  expect(problemsOf(env, { prefix: 'APP_', alsoKnown: ['APP_PROT'] })).toEqual([]);
});

test('a secret that is refused is not shown', () => {
  const problems = problemsOf({ APP_NAME: 'abc', APP_TOKEN: 'hunter2' });
  expect(problems).toEqual(['APP_TOKEN: must be at least 8 characters; it is not (its value is not shown)']);
});

test('a secret has its least length or more', () => {
  const setting = secret({ doc: '', charactersMin: 3 });
  expect(['ab', 'abc', 'abcd'].map((given) => valueOf(setting, given))).toEqual(['refused', 'abc', 'abcd']);
});

test('a long value is shown by its beginning', () => {
  expect(problemsOf({ APP_NAME: 'A'.repeat(500) })[0]?.length).toBeLessThan(160);
});

describe('int', () => {
  const setting = int({ doc: '', min: -5, max: 10 });

  test('takes its bounds and nothing beyond', () => {
    expect(['-5', '10', '0'].map((given) => valueOf(setting, given))).toEqual([-5, 10, 0]);
    expect(['-6', '11', '9'.repeat(16)].map((given) => valueOf(setting, given))).toEqual(Array(3).fill('refused'));
  });

  test('coerces nothing', () => {
    for (const given of ['1.5', '1e1', '0x1', ' 1', '1 ', '+1', '', 'NaN', 'one']) {
      expect(valueOf(setting, given), given).toBe('refused');
    }
  });
});

test('text without a pattern takes any', () => {
  expect(valueOf(text({ doc: '' }), 'Any thing!')).toBe('Any thing!');
});

test('a flag is one of two words', () => {
  const setting = flag({ doc: '' });
  expect(['true', 'false', 'TRUE', '1', 'on'].map((given) => valueOf(setting, given))).toEqual([
    true,
    false,
    'refused',
    'refused',
    'refused',
  ]);
});

test('a URL has one of the schemes', () => {
  const setting = url(['http'], { doc: '' });
  expect(['http://a:1', 'https://a', 'a:1', '//a', 'http//a'].map((given) => valueOf(setting, given))).toEqual([
    'http://a:1',
    ...Array(4).fill('refused'),
  ]);
});

test('each value of a list keeps to the pattern', () => {
  const setting = list({ doc: '', pattern: /^\w+:\d+$/ });
  expect(valueOf(setting, 'a:1 , b:2')).toEqual(['a:1', 'b:2']);
  expect(valueOf(setting, 'a:1,b')).toBe('refused');
  expect(valueOf(setting, ',')).toBe('refused');
});

test('secrets and passwords are not printed', () => {
  const config = readConfig(SPEC, {
    APP_NAME: 'abc',
    APP_URL: 'postgres://me:hunter2@db:5432/app',
    APP_TOKEN: 'hunter2hunter2',
    APP_HOSTS: 'http://a:hunter2@h1,h2',
  });
  const printed = redactConfig(SPEC, config);
  expect(JSON.stringify(printed)).not.toContain('hunter2');
  expect(printed).toMatchObject({
    APP_PORT: 8_080,
    APP_URL: 'postgres://me:[redacted]@db:5432/app',
    APP_TOKEN: '[redacted]',
    APP_HOSTS: 'http://a:[redacted]@h1,h2',
  });
  expect(redactConfig(SPEC, readConfig(SPEC, { APP_NAME: 'abc' }))).toMatchObject({ APP_TOKEN: '' });
});

test('the settings describe themselves', () => {
  expect(describeConfig(SPEC).slice(0, 2)).toEqual([
    { name: 'APP_PORT', rule: 'a whole number from 0 to 65535', fallback: '8080', doc: 'the port' },
    { name: 'APP_NAME', rule: 'small letters', fallback: 'required', doc: 'the name' },
  ]);
});
