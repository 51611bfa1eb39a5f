// What the pages share: language, token, words and marks. Each page has its own TEXTS and MARKS, draw() and refresh().
'use strict';

const store = (kind, key, value) => {
  try { return value === undefined ? kind.getItem(key) : kind.setItem(key, value); } catch { return null; }
};
let language = store(localStorage, 'language');
let token = store(sessionStorage, 'token') || '';

const $ = (id) => document.getElementById(id);
const word = (key) => TEXTS[language][key] || TEXTS.en[key] || key;

function element(name, text, classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

// Colour, icon and word together: nobody has to tell colours apart.
function mark(key) {
  const [colour, icon] = MARKS[key] || ['off', '·'];
  const span = element('span', undefined, 'mark ' + colour);
  const sign = element('span', icon, 'icon');
  sign.setAttribute('aria-hidden', 'true');
  span.append(sign, word(key));
  return span;
}

function say(key, bad) {
  $('state').textContent = key ? word(key) : '';
  $('state').className = bad ? 'bad' : '';
}

const withToken = () => (token ? { Authorization: 'Bearer ' + token } : {});

async function ask(path) {
  const answer = await fetch('api/v1/' + path, { headers: withToken() });
  return answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)));
}

// Answers why not, in the server's words; nothing when it was done.
async function command(path, body) {
  const headers = { 'Content-Type': 'application/json', ...withToken() };
  const answer = await fetch('api/v1/' + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.ok) return '';
  const problem = await answer.json().catch(() => ({}));
  return problem.detail || String(answer.status);
}

// The words that stand in the page itself.
function drawWords() {
  document.documentElement.lang = language;
  document.querySelectorAll('[data-text]').forEach((e) => { e.textContent = word(e.dataset.text); });
  document.querySelectorAll('[data-language]').forEach((e) => {
    e.setAttribute('aria-pressed', String(e.dataset.language === language));
  });
}

// To be called once, when TEXTS are there; `tokenChanged` is called before the page is refreshed with another token.
function begin(tokenChanged) {
  const preferred = (navigator.languages || []).map((l) => l.slice(0, 2)).find((l) => TEXTS[l]);
  language = language || preferred || 'en';
  $('login').addEventListener('submit', (event) => {
    event.preventDefault();
    token = $('token').value.trim();
    store(sessionStorage, 'token', token);
    tokenChanged();
    refresh();
  });
  $('languages').addEventListener('click', (event) => {
    const chosen = event.target.dataset.language;
    if (!chosen) return;
    language = chosen;
    store(localStorage, 'language', language);
    draw();
  });
  draw();
}
