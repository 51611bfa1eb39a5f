// The live page: asks the API for queues, agents, calls and the last contacts, and shows them. It changes nothing.
'use strict';

const TEXTS = {
  en: {
    queues: 'Queues', rollouts: 'Rollouts', queue: 'Queue', waiting: 'Waiting', oldest: 'Longest wait', free: 'Free', busy: 'Busy', away: 'Away',
    agents: 'Agents', agent: 'Agent', team: 'Team', status: 'Status', activity: 'Activity', since: 'For',
    calls: 'Calls', caller: 'Caller', customer: 'Customer', several: 'Several', unknown: 'Unknown', state: 'State', place: 'Where', contacts: 'Last contacts', began: 'Began',
    outcome: 'Outcome', duration: 'Length', none: 'none', live: 'live', lost: 'no connection: trying again',
    running: 'running', then: 'then', unreachablePhone: 'phone not registered',
    tokenLabel: 'Token (role monitor or higher)', tokenSend: 'Show', tokenRefused: 'This token is not known.', by_number: 'by number', passed: 'identified',
    ready: 'Ready', lunch: 'Lunch', training: 'Training', short_break: 'Short break', huddle: 'Huddle',
    not_ready: 'Not ready', one_to_one: 'One-to-one', group_meeting: 'Group meeting',
    technical_problems: 'Technical problems', logged_out: 'Logged out', not_responding: 'Not responding',
    unreachable: 'Unreachable', idle: 'Free', reserved: 'Reserved', ringing: 'Ringing', connecting: 'Connecting',
    talking: 'Talking', hold: 'On hold', consult: 'Consulting', conference: 'Conference', supervising: 'Supervising', wrap_up: 'Wrap-up', outbound: 'Own call', ivr: 'Menu', bot: 'Bot',
    offered: 'Being offered', transfer: 'Transfer', survey: 'Survey', answered: 'Answered', abandoned: 'Gave up',
    short_abandoned: 'Gave up at once', callback: 'Callback', overflow: 'Overflow', timeout: 'Waited too long',
    no_agents: 'No agents', closed: 'Closed', rejected_full: 'Queue full', key_exit: 'Left by key',
    withdrawn: 'Withdrawn', failed: 'Failed', interrupted: 'Interrupted', hung_up: 'Hung up', flow_end: 'Menu ended',
  },
  ru: {
    queues: 'Очереди', rollouts: 'Постепенный ввод', queue: 'Очередь', waiting: 'Ждут', oldest: 'Дольше всех', free: 'Свободны', busy: 'Заняты',
    away: 'Не на линии', agents: 'Операторы', agent: 'Оператор', team: 'Группа', status: 'Статус', activity: 'Занятие',
    since: 'Уже', calls: 'Звонки', caller: 'Звонящий', customer: 'Клиент', several: 'Несколько', unknown: 'Неизвестен', state: 'Состояние', place: 'Где', contacts: 'Последние обращения',
    began: 'Начало', outcome: 'Итог', duration: 'Длительность', none: 'нет', live: 'на связи',
    lost: 'нет связи: пробуем снова', running: 'идёт', then: 'затем', unreachablePhone: 'телефон не зарегистрирован',
    tokenLabel: 'Токен (роль monitor или выше)', tokenSend: 'Показать', tokenRefused: 'Такого токена нет.', by_number: 'по номеру', passed: 'идентифицирован',
    ready: 'Готов', lunch: 'Обед', training: 'Обучение', short_break: 'Короткий перерыв', huddle: 'Пятиминутка',
    not_ready: 'Не готов', one_to_one: 'Индивидуальная встреча', group_meeting: 'Групповая встреча',
    technical_problems: 'Технические проблемы', logged_out: 'Не в системе', not_responding: 'Не отвечает',
    unreachable: 'Недоступен', idle: 'Свободен', reserved: 'Назначен', ringing: 'Вызов', connecting: 'Соединение',
    talking: 'Разговор', hold: 'Удержание', consult: 'Консультация', conference: 'Конференция', supervising: 'Наблюдение', wrap_up: 'Постобработка', outbound: 'Свой звонок', ivr: 'Меню', bot: 'Робот',
    offered: 'Предложен', transfer: 'Перевод', survey: 'Опрос', answered: 'Отвечен', abandoned: 'Не дождался',
    short_abandoned: 'Сразу положил трубку', callback: 'Перезвоним', overflow: 'Переполнение', timeout: 'Ждал слишком долго',
    no_agents: 'Нет операторов', closed: 'Закрыто', rejected_full: 'Очередь полна', key_exit: 'Вышел по клавише',
    withdrawn: 'Снят', failed: 'Сбой', interrupted: 'Прерван', hung_up: 'Положил трубку', flow_end: 'Меню завершено',
  },
  kk: {
    queues: 'Кезектер', rollouts: 'Кезең-кезеңмен енгізу', queue: 'Кезек', waiting: 'Күтуде', oldest: 'Ең ұзақ күту', free: 'Бос', busy: 'Бос емес',
    away: 'Желіде емес', agents: 'Операторлар', agent: 'Оператор', team: 'Топ', status: 'Мәртебе', activity: 'Әрекет',
    since: 'Уақыты', calls: 'Қоңыраулар', caller: 'Қоңырау шалушы', customer: 'Клиент', several: 'Бірнеше', unknown: 'Белгісіз', state: 'Күйі', place: 'Қайда',
    contacts: 'Соңғы өтініштер', began: 'Басы', outcome: 'Нәтиже', duration: 'Ұзақтығы', none: 'жоқ', live: 'байланыста',
    lost: 'байланыс жоқ: қайта қосылуда', running: 'жүріп жатыр', then: 'содан кейін',
    unreachablePhone: 'телефон тіркелмеген', tokenLabel: 'Токен (monitor рөлі немесе жоғары)', tokenSend: 'Көрсету',
    tokenRefused: 'Мұндай токен жоқ.', by_number: 'нөмірі бойынша', passed: 'расталған', ready: 'Дайын', lunch: 'Түскі ас', training: 'Оқыту', short_break: 'Қысқа үзіліс',
    huddle: 'Бесминуттық', not_ready: 'Дайын емес', one_to_one: 'Жеке кездесу', group_meeting: 'Топтық кездесу',
    technical_problems: 'Техникалық ақау', logged_out: 'Жүйеде емес', not_responding: 'Жауап бермейді',
    unreachable: 'Қолжетімсіз', idle: 'Бос', reserved: 'Тағайындалды', ringing: 'Шырылдауда', connecting: 'Қосылуда',
    talking: 'Сөйлесуде', hold: 'Ұстауда', consult: 'Кеңесуде', conference: 'Конференция', supervising: 'Бақылауда', wrap_up: 'Қорытындылау', outbound: 'Өз қоңырауы', ivr: 'Мәзір', bot: 'Робот',
    offered: 'Ұсынылды', transfer: 'Аудару', survey: 'Сауалнама', answered: 'Жауап берілді', abandoned: 'Күтпеді',
    short_abandoned: 'Бірден тұтқаны қойды', callback: 'Қайта қоңырау', overflow: 'Толып кетті', timeout: 'Тым ұзақ күтті',
    no_agents: 'Оператор жоқ', closed: 'Жабық', rejected_full: 'Кезек толы', key_exit: 'Пернемен шықты',
    withdrawn: 'Алынды', failed: 'Ақау', interrupted: 'Үзілді', hung_up: 'Тұтқаны қойды', flow_end: 'Мәзір аяқталды',
  },
};

const MARKS = {
  ready: ['good', '●'], lunch: ['pause', '☕'], training: ['pause', '✎'], short_break: ['pause', '◔'],
  huddle: ['pause', '⚑'], not_ready: ['pause', '⊘'], one_to_one: ['pause', '⇄'], group_meeting: ['pause', '⚏'],
  technical_problems: ['bad', '⚠'], logged_out: ['off', '○'], not_responding: ['bad', '✖'], unreachable: ['bad', '⌀'],
  idle: ['good', '●'], reserved: ['busy', '◌'], ringing: ['busy', '☎'], connecting: ['busy', '◍'],
  talking: ['busy', '▶'], hold: ['pause', '⏸'], consult: ['busy', '?'], conference: ['busy', '∞'], supervising: ['busy', '◉'], wrap_up: ['pause', '✍'], outbound: ['busy', '↗'],
  ivr: ['off', '#'], bot: ['busy', '⚙'], waiting: ['pause', '⧗'], offered: ['busy', '☎'], transfer: ['busy', '↪'],
  survey: ['off', '★'],
};

let picture = null;
let pictureAt = 0;
let refreshing = false;
let again = false;

function cell(row, content, classes) {
  const td = document.createElement('td');
  if (classes) td.className = classes;
  if (content instanceof Node) td.append(content); else td.textContent = content;
  row.append(td);
  return td;
}

function duration(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const rest = two(Math.floor(total / 60) % 60) + ':' + two(total % 60);
  return hours > 0 ? hours + ':' + rest : rest;
}

// A timer goes on counting between two pictures; the server's clock counts, not the viewer's.
function timer(row, seconds) {
  const td = cell(row, duration(seconds), 'number');
  td.dataset.seconds = seconds;
}

function fill(id, rows, columns, draw) {
  const body = $(id);
  const fresh = rows.map((item) => { const tr = document.createElement('tr'); draw(tr, item); return tr; });
  if (fresh.length === 0) {
    const tr = document.createElement('tr');
    cell(tr, word('none'), 'none').colSpan = columns;
    fresh.push(tr);
  }
  body.replaceChildren(...fresh);
}

// Who calls, as far as this viewer may know it: name, language, segment, how sure that is, what was chosen, offers.
function customer(card) {
  const c = card.customer;
  const who = !c ? [card.language]
    : c.state === 'several' ? [word('several'), ...(c.customers || []).map((one) => one.name || one.id)]
    : c.state === 'unknown' ? [word('unknown'), card.language]
    : [c.name || c.id, c.language || card.language, c.segment, c.identification === 'none' ? null : word(c.identification)];
  const offers = c && c.offers && c.offers.length > 0 ? '★ ' + c.offers.join(', ') : null;
  return [...who, card.chosen.join(' › '), offers].filter(Boolean).join(' · ');
}

function draw() {
  drawWords();
  if (!picture) return;
  fill('queues', picture.queues, 6, (tr, q) => {
    const a = q.agents;
    cell(tr, q.name);
    cell(tr, q.waiting, 'number' + (q.waiting > 0 ? ' pause' : ''));
    if (q.oldest_wait_secs === null) cell(tr, '–', 'number'); else timer(tr, q.oldest_wait_secs);
    cell(tr, a.idle, 'number' + (a.idle > 0 ? ' good' : ' bad'));
    cell(tr, a.reserved + a.ringing + a.connecting + a.talking + a.hold + a.consult + a.conference + a.wrap_up + a.outbound + a.supervising, 'number');
    cell(tr, a.away, 'number');
  });
  fill('agents', picture.agents, 5, (tr, a) => {
    cell(tr, a.name);
    cell(tr, a.team);
    const status = cell(tr, mark(a.status));
    if (a.pending && a.pending !== a.status) status.append(' → ' + word('then') + ' ' + word(a.pending));
    if (!a.reachable && a.status !== 'logged_out') status.append(' (' + word('unreachablePhone') + ')');
    if (a.status === 'logged_out') cell(tr, '–'); else cell(tr, mark(a.activity));
    timer(tr, a.for_secs);
  });
  fill('calls', picture.calls, 5, (tr, c) => {
    cell(tr, c.caller);
    cell(tr, customer(c.card));
    cell(tr, mark(c.state));
    cell(tr, c.place);
    timer(tr, c.for_secs);
  });
  fill('contacts', picture.contacts, 6, (tr, c) => {
    const last = (key) => c.segments.map((s) => s[key]).filter(Boolean).pop();
    cell(tr, new Date(c.started_at).toLocaleTimeString(language));
    cell(tr, c.caller);
    cell(tr, last('queue') || '–');
    cell(tr, last('agent') || '–');
    cell(tr, c.ended_at ? word(last('outcome') || c.reason || '') : word('running'));
    cell(tr, c.duration_secs === null ? '–' : duration(c.duration_secs), 'number');
  });
}

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const contacts = ask('contacts?limit=12').then((page) => page.contacts, (e) => {
      if (e.message === '401') throw e;
      return []; // A house without a database has no contacts to show.
    });
    const [queues, agents, calls, last] = await Promise.all([ask('queues'), ask('agents'), ask('calls'), contacts]);
    picture = { queues, agents, calls, contacts: last };
    pictureAt = performance.now();
    $('login').hidden = true;
    $('house').hidden = false;
    say('live', false);
    draw();
  } catch (error) {
    if (error.message === '401') {
      $('login').hidden = false;
      $('house').hidden = true;
      $('refused').textContent = token ? word('tokenRefused') : '';
      say('', false);
    } else {
      say('lost', true);
    }
  }
  // At most four pictures a second, however much happens.
  setTimeout(() => {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }, 250);
}

let socket = null;
function listen() {
  if (!$('login').hidden) { setTimeout(listen, 2000); return; }
  const url = new URL('api/v1/events', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url, ['dozvon.events.v1'].concat(token ? ['bearer.' + token] : []));
  socket.onmessage = refresh;
  socket.onclose = () => setTimeout(listen, 2000);
}

setInterval(() => {
  const passed = (performance.now() - pictureAt) / 1000;
  document.querySelectorAll('[data-seconds]').forEach((e) => {
    e.textContent = duration(Number(e.dataset.seconds) + passed);
  });
}, 1000);
setInterval(() => { if ($('login').hidden) refresh(); }, 5000);

begin(() => { if (socket) socket.close(); });
refresh().then(listen);
