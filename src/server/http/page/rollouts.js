// The page of rollouts: the roadmap of all options, stage, share, both arms side by side, how sure the difference is, what was
// decided, and orders, which the API obeys by the role of the token.
'use strict';

const TEXTS = {
  en: {
    newFlow: 'New flow', presentFlow: 'Present flow', flow: 'flow',
    rollouts: 'Rollouts', house: 'Queues, agents and calls', live: 'live', lost: 'no connection: trying again',
    tokenLabel: 'Token (role monitor or higher)', tokenSend: 'Show', tokenRefused: 'This token is not known.',
    none: 'No rollout has a plan: rollouts/plans/*.toml', arms: 'Both arms, as drawn', metric: 'Metric', role: 'Role', bot: 'Bot',
    people: 'People', difference: 'Difference', margin: 'Margin', decisions: 'Decisions', share: 'share', nobody: 'nobody is drawn',
    stage: 'stage', of: 'of', sample: 'of the planned sample', projected: 'decided about', asOf: 'as of', missed: 'did not reach it',
    breaker: 'the breaker is open until', at_least: 'at the soonest', approval: 'a person must approve', now: 'now',
    plot: 'The new against the present, better is up: what the difference can be at any time, and the margin', reproduces: 'counted again: the same', changed: 'counted again: NOT the same',
    draft: 'not begun', running: 'running', hold: 'held', awaiting_approval: 'waits for approval', paused: 'paused', halted: 'halted',
    rolled_back: 'rolled back', stopped: 'stopped', completed: 'has the last share', unread: 'decisions not read yet', set_aside: 'set aside',
    roadmap: 'Roadmap', roadmapSays: 'Of each option\'s calls, those drawn for a bot, or for a new flow, by month', option: 'Option', lastShare: 'last share',
    total: 'Of all calls, for bots', noPlan: 'no plan', after: 'after', why: 'Why? It is kept with the name of the token.', sure: 'Do it?',
    order_start: 'Begin', order_promote: 'Next stage', order_pause: 'Pause', order_resume: 'Go on', order_abort: 'New callers to people', order_abort_flow: 'New callers to the present flow',
    'order_drain-now': 'Everybody to people now',
    guardrail: 'guardrail', sensitivity: 'sensitivity', success: 'success', floor: 'floor', ceiling: 'ceiling', information: 'information',
  },
  ru: {
    newFlow: 'Новый сценарий', presentFlow: 'Нынешний сценарий', flow: 'сценарий',
    rollouts: 'Постепенный ввод', house: 'Очереди, операторы и звонки', live: 'на связи', lost: 'нет связи: пробуем снова',
    tokenLabel: 'Токен (роль monitor или выше)', tokenSend: 'Показать', tokenRefused: 'Такого токена нет.',
    none: 'Ни у одного ввода нет плана: rollouts/plans/*.toml', arms: 'Оба рукава, как разыграны', metric: 'Метрика', role: 'Роль', bot: 'Робот',
    people: 'Люди', difference: 'Разница', margin: 'Допуск', decisions: 'Решения', share: 'доля', nobody: 'розыгрыша нет',
    stage: 'ступень', of: 'из', sample: 'плановой выборки', projected: 'решение около', asOf: 'на', missed: 'до него не дошли',
    breaker: 'автомат разомкнут до', at_least: 'самое раннее', approval: 'нужно одобрение человека', now: 'сейчас',
    plot: 'Новое против нынешнего, лучше выше: в каких пределах разница в любой момент, и допуск', reproduces: 'пересчитано: совпадает', changed: 'пересчитано: НЕ совпадает',
    draft: 'не начат', running: 'идёт', hold: 'задержан', awaiting_approval: 'ждёт одобрения', paused: 'приостановлен', halted: 'остановлен: данные',
    rolled_back: 'откачен', stopped: 'прекращён', completed: 'последняя доля', unread: 'решения ещё не прочитаны', set_aside: 'отложен',
    roadmap: 'Дорожная карта', roadmapSays: 'Из звонков каждой опции разыграно роботу или новому сценарию, по месяцам', option: 'Опция', lastShare: 'последняя доля',
    total: 'Из всех звонков роботам', noPlan: 'без плана', after: 'после', why: 'Почему? Сохраняется вместе с именем токена.', sure: 'Выполнить?',
    order_start: 'Начать', order_promote: 'Следующая ступень', order_pause: 'Приостановить', order_resume: 'Продолжить', order_abort: 'Новых к людям', order_abort_flow: 'Новых в нынешний сценарий',
    'order_drain-now': 'Всех к людям сейчас',
    guardrail: 'ограждение', sensitivity: 'чувствительность', success: 'успех', floor: 'не меньше', ceiling: 'не больше', information: 'для сведения',
  },
  kk: {
    newFlow: 'Жаңа сценарий', presentFlow: 'Қазіргі сценарий', flow: 'сценарий',
    rollouts: 'Кезең-кезеңмен енгізу', house: 'Кезектер, операторлар және қоңыраулар', live: 'байланыста', lost: 'байланыс жоқ: қайта қосылуда',
    tokenLabel: 'Токен (monitor рөлі немесе жоғары)', tokenSend: 'Көрсету', tokenRefused: 'Мұндай токен жоқ.',
    none: 'Бірде-бір енгізудің жоспары жоқ: rollouts/plans/*.toml', arms: 'Екі тармақ, жеребе бойынша', metric: 'Метрика', role: 'Рөлі', bot: 'Робот',
    people: 'Адамдар', difference: 'Айырма', margin: 'Шек', decisions: 'Шешімдер', share: 'үлес', nobody: 'жеребе жоқ',
    stage: 'саты', of: '/', sample: 'жоспарланған іріктеме', projected: 'шешім шамамен', asOf: 'уақыты', missed: 'оған жетпеді',
    breaker: 'автомат ажыратулы, кемінде', at_least: 'дейін', approval: 'адам мақұлдауы керек', now: 'қазір',
    plot: 'Жаңасы мен қазіргісі, жоғарысы жақсырақ: кез келген сәттегі айырма шегі және рұқсат', reproduces: 'қайта есептелді: бірдей', changed: 'қайта есептелді: бірдей ЕМЕС',
    draft: 'басталмаған', running: 'жүріп жатыр', hold: 'кідіртілді', awaiting_approval: 'мақұлдау күтуде', paused: 'тоқтатып қойылды', halted: 'деректер бұзылған',
    rolled_back: 'кері қайтарылды', stopped: 'тоқтатылды', completed: 'соңғы үлес', unread: 'шешімдер әлі оқылмады', set_aside: 'шетке қойылды',
    roadmap: 'Жол картасы', roadmapSays: 'Әр опцияның қоңырауларынан роботқа не жаңа сценарийге түскені, айлар бойынша', option: 'Опция', lastShare: 'соңғы үлес',
    total: 'Барлық қоңыраулардан роботқа', noPlan: 'жоспарсыз', after: 'кейін:', why: 'Неге? Токен атымен бірге сақталады.', sure: 'Орындау керек пе?',
    order_start: 'Бастау', order_promote: 'Келесі саты', order_pause: 'Кідірту', order_resume: 'Жалғастыру', order_abort: 'Жаңаларды адамдарға', order_abort_flow: 'Жаңаларды қазіргі сценарийге',
    'order_drain-now': 'Барлығын қазір адамдарға',
    guardrail: 'қоршау', sensitivity: 'сезімталдық', success: 'жетістік', floor: 'кемінде', ceiling: 'артық емес', information: 'мәлімет үшін',
  },
};

const MARKS = {
  draft: ['off', '○'], running: ['busy', '▶'], hold: ['pause', '⏸'], awaiting_approval: ['pause', '✋'], paused: ['pause', '⏸'],
  halted: ['bad', '⚠'], rolled_back: ['bad', '↩'], stopped: ['bad', '■'], completed: ['good', '✔'], unread: ['off', '…'], set_aside: ['bad', '⚠'],
};

// What can be ordered in each state; nothing where a rollout is over.
const ENDS = ['abort', 'drain-now'];
const ORDERS = {
  draft: ['start'], running: ['promote', 'pause', ...ENDS], hold: ['promote', 'pause', ...ENDS],
  awaiting_approval: ['promote', ...ENDS], paused: ['promote', 'resume', ...ENDS], halted: ['resume', ...ENDS], completed: ENDS,
};

let shown = null;
let plan = null;
// Whether we may look, with the token or, on the switch's own machine, without one.
let admitted = true;

const moment = (text) => new Date(text).toLocaleString(language);
const number = (value, digits) => (value === null || value === undefined ? '–' : value.toLocaleString(language, { maximumFractionDigits: digits }));
const signed = (value) => (value === null ? '–' : (value > 0 ? '+' : '') + number(value, 4));

// What both arms are called: a flow is tried against another one, and its callers stay in it.
const ofFlow = (r) => r.tried === 'flow';
const arms = (r) => (ofFlow(r) ? [word('newFlow'), word('presentFlow')] : [word('bot'), word('people')]);
const orderWord = (r, order) => word('order_' + order + (ofFlow(r) && order === 'abort' ? '_flow' : ''));

function standing(p, r) {
  const share = r.share === null ? word('nobody') : word('share') + ' ' + r.share;
  const facts = [share];
  if (r.reason) facts.push(r.reason);
  if (r.breaker.open) facts.push(word('breaker') + ' ' + moment(r.breaker.until) + ' ' + word('at_least'));
  if (r.projected_at) facts.push(word('projected') + ' ' + moment(r.projected_at));
  p.append(mark(r.state), ' · ' + facts.join(' · '));
}

function stages(list, r) {
  r.stages.forEach((stage, place) => {
    const here = place + 1 === r.stage;
    const approval = stage.needs_approval ? ' (' + word('approval') + ')' : '';
    const item = element('li', stage.name + ': ' + stage.share + approval + (here ? ' ← ' + word('now') : ''), here ? 'here' : '');
    if (here) item.setAttribute('aria-current', 'step');
    list.append(item);
  });
}

async function give(r, order) {
  const what = orderWord(r, order) + ': ' + r.name + '\n' + word('why');
  const reason = prompt(what, '');
  if (reason === null || !confirm(orderWord(r, order) + ': ' + r.name + '. ' + word('sure'))) return;
  const refused = await command('rollouts/' + encodeURIComponent(r.name) + '/' + order, { reason }).catch((error) => String(error));
  if (refused) alert(refused);
  refresh();
}

// Without a token nothing can be ordered, so nothing is offered.
function orders(p, r) {
  const all = (ORDERS[r.state] || []).filter((order) => !ofFlow(r) || order !== 'drain-now');
  p.hidden = !token || all.length === 0;
  all.forEach((order) => {
    const button = element('button', orderWord(r, order));
    button.type = 'button';
    button.addEventListener('click', () => give(r, order));
    p.append(button);
  });
}

function roadmap() {
  $('roadmap').hidden = plan === null || plan.options.length === 0;
  if ($('roadmap').hidden) return;
  const heads = [word('option'), word('stage'), word('share'), word('lastShare')].concat(plan.months);
  $('months').replaceChildren(...heads.map((text) => { const th = element('th', text); th.scope = 'col'; return th; }));
  const months = (row, all) => all.forEach((m) => {
    const share = m.share === null ? '–' : number(m.share * 100, 0) + ' %';
    row.append(element('td', share + ' (' + m.bot + ' / ' + m.calls + ')', 'number'));
  });
  const rows = plan.options.map((o) => {
    const row = element('tr');
    const name = element('th', o.name + (ofFlow(o) ? ' (' + word('flow') + ')' : ''));
    name.scope = 'row';
    const where = element('td');
    if (o.planned) where.append(mark(o.state), ' ' + o.stage[0] + ' ' + word('of') + ' ' + o.stage[1]);
    else where.append(word('noPlan'));
    if (o.state === 'draft' && o.after) where.append(' · ' + word('after') + ' ' + o.after);
    const last = o.last_share_at ? new Date(o.last_share_at).toLocaleDateString(language) : '–';
    row.append(name, where, element('td', o.share || '–'), element('td', last));
    months(row, o.months);
    return row;
  });
  const total = element('tr', undefined, 'total');
  const name = element('th', word('total'));
  name.scope = 'row';
  name.colSpan = 4;
  total.append(name);
  months(total, plan.total);
  $('options').replaceChildren(...rows, total);
}

function callers(p, r) {
  if (r.as_of === null) return;
  const [tried, present] = arms(r);
  const missed = ofFlow(r) ? '' : ' (' + r.callers_not_delivered + ' ' + word('missed') + ')';
  p.textContent = word('asOf') + ' ' + moment(r.as_of) + ': ' + tried + ' ' + r.callers_bot + missed + ', ' + present + ' ' + r.callers_people + '; ' + number(r.progress * 100, 0) + ' % ' + word('sample');
}

function metrics(body, r) {
  r.metrics.forEach((m) => {
    const row = element('tr');
    const arm = (a) => number(a.mean, 4) + ' / ' + a.n;
    const name = element('th', m.name);
    name.scope = 'row';
    row.append(name, element('td', word(m.role)));
    const half = m.half === null ? '' : ' ± ' + number(m.half, 4);
    [arm(m.bot), arm(m.people), signed(m.difference) + half, number(m.margin, 4), m.difference === null ? '–' : number(m.z, 3)]
      .forEach((text) => row.append(element('td', text, 'number')));
    body.append(row);
  });
}

// Turned so that better is higher, as the margin is asked for.
function plot(box, r, metric, points) {
  const turn = metric.lower_is_better ? -1 : 1;
  const own = points.filter((p) => p.metric === metric.name && p.half !== null);
  if (own.length < 2) return;
  const values = own.map((p) => ({ at: Date.parse(p.at), middle: turn * p.difference, half: p.half }));
  const margin = metric.margin === null ? 0 : metric.margin;
  const all = values.flatMap((v) => [v.middle - v.half, v.middle + v.half]).concat([-margin * 1.5, margin * 0.5]);
  const [low, high] = [Math.max(Math.min(...all), -4 * margin || -Infinity), Math.min(Math.max(...all), 4 * margin || Infinity)];
  const [from, to] = [values[0].at, values[values.length - 1].at];
  const x = (at) => (600 * (at - from) / Math.max(1, to - from)).toFixed(1);
  const y = (v) => (170 - 160 * (Math.min(Math.max(v, low), high) - low) / Math.max(1e-9, high - low)).toFixed(1);
  const figure = $('plot').content.firstElementChild.cloneNode(true);
  const set = (selector, name, value) => figure.querySelector(selector).setAttribute(name, value);
  figure.querySelector('figcaption').textContent = metric.name + ': ' + word('plot');
  const last = own[own.length - 1];
  figure.querySelector('title').textContent = metric.name + ' ' + moment(last.at) + ': ' + signed(last.difference) + ' ± ' + number(last.half, 4);
  const above = values.map((v) => x(v.at) + ',' + y(v.middle + v.half));
  const below = values.map((v) => x(v.at) + ',' + y(v.middle - v.half)).reverse();
  set('.band', 'points', above.concat(below).join(' '));
  set('.middle', 'points', values.map((v) => x(v.at) + ',' + y(v.middle)).join(' '));
  [['.zero', 0], ['.margin', -margin]].forEach(([line, at]) => { set(line, 'y1', y(at)); set(line, 'y2', y(at)); });
  figure.querySelector('.top').textContent = signed(high);
  figure.querySelector('.bottom').textContent = signed(low);
  box.append(figure);
}

function decisions(box, all) {
  all.slice().reverse().forEach((d) => {
    box.append(element('pre', d.text), element('p', word(d.reproduces ? 'reproduces' : 'changed'), d.reproduces ? 'good' : 'bad'));
  });
}

function draw() {
  const main = $('rollouts');
  if (shown) {
    const open = new Set([...main.querySelectorAll('details[open]')].map((d) => d.dataset.rollout));
    const sections = shown.map(([r, all]) => {
      const section = $('rollout').content.firstElementChild.cloneNode(true);
      const part = (name) => section.querySelector(name);
      part('h2').textContent = r.name + ' · ' + (ofFlow(r) ? r.flow + ' → ' + r.candidate : r.bot) + ' ' + r.version;
      arms(r).forEach((text, place) => { part(place ? '.present' : '.tried').textContent = text; });
      standing(part('.standing'), r);
      stages(part('.stages'), r);
      orders(part('.orders'), r);
      callers(part('.callers'), r);
      metrics(part('.metrics'), r);
      const points = all.flatMap((d) => d.points.filter((p) => Date.parse(p.since) === Date.parse(r.since)).map((p) => ({ ...p, at: d.at })));
      r.metrics.filter((m) => m.role === 'guardrail').forEach((m) => plot(part('.plots'), r, m, points));
      decisions(part('.decisions'), all);
      part('details').dataset.rollout = r.name;
      part('details').open = open.has(r.name);
      return section;
    });
    main.replaceChildren(...(sections.length > 0 ? sections : [element('p', word('none'), 'none')]));
  }
  roadmap();
  drawWords();
}

async function refresh() {
  try {
    const rollouts = await ask('rollouts');
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
    plan = await ask('rollouts/roadmap?months=6&zone=' + encodeURIComponent(zone)).catch(() => null);
    const kept = (r) => ask('rollouts/' + encodeURIComponent(r.name) + '/decisions').catch(() => []);
    shown = await Promise.all(rollouts.map(async (r) => [r, await kept(r)]));
    admitted = true;
    // Who looks without a token may still give one, to order.
    $('login').hidden = Boolean(token);
    $('refused').textContent = '';
    say('live', false);
    draw();
  } catch (error) {
    const unknown = error.message === '401';
    admitted = !unknown;
    if (unknown) $('login').hidden = false;
    $('refused').textContent = unknown && token ? word('tokenRefused') : '';
    say(unknown ? '' : 'lost', !unknown);
  }
}

begin(() => {});
refresh();
setInterval(() => { if (admitted) refresh(); }, 15000);
