// The operator's token lives in this variable and nowhere else: it is gone with the page.
let token = '';

export function hasToken() {
  return token !== '';
}

export function takeToken(text) {
  token = text.trim();
}

/** Reads; on loopback everyone may. */
export async function read(path) {
  const response = await fetch(path, token === '' ? {} : { headers: { authorization: `Bearer ${token}` } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.title ?? `the monitor answered ${response.status}`);
  return body;
}

/** Asks for a change. A token that is not taken is forgotten. */
export async function ask(path, given) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(given),
  });
  const body = await response.json();
  if (response.status === 401 || response.status === 403) token = '';
  if (!response.ok) throw new Error(messageOf(body) || `the monitor answered ${response.status}`);
  return body;
}

/** What is wrong, and what can be done about it where that is known. */
function messageOf({ title, advice }) {
  return [title, advice].filter((part) => part !== undefined).join(': ');
}
