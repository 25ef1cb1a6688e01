// What widgets say: statuses with their signs, lengths of time, instants. Pure; instants are milliseconds.

/** Each status with its sign, so that no status is told by colour alone, and the palette's colour. */
export const STATUSES = {
  pending: { sign: "◌", colour: "quiet" },
  starting: { sign: "◔", colour: "busy" },
  running: { sign: "▶", colour: "busy" },
  cancelling: { sign: "◑", colour: "busy" },
  completed: { sign: "✓", colour: "good" },
  failed: { sign: "✕", colour: "bad" },
  cancelled: { sign: "⊘", colour: "quiet" },
};

/** Whether a run has ended; its status does not change any more. */
export const isOver = ({ status }) => status === "completed" || status === "failed" || status === "cancelled";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in its two largest units: "4.2 s", "3 m 05 s", "2 h 10 m", "3 d 4 h". */
export function duration(ms) {
  const length = Math.max(0, ms);
  if (length < 10 * SECOND) return `${(Math.floor(length / 100) / 10).toFixed(1)} s`;
  if (length < MINUTE) return `${Math.floor(length / SECOND)} s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} m ${two((length % MINUTE) / SECOND)} s`;
  if (length < DAY) return `${Math.floor(length / HOUR)} h ${two((length % HOUR) / MINUTE)} m`;
  return `${Math.floor(length / DAY)} d ${Math.floor((length % DAY) / HOUR)} h`;
}

/** A number of at least two digits, without its fraction. */
export const two = (n) => String(Math.floor(n)).padStart(2, "0");

/** An instant beside now, in one unit: "just now", "5 min ago", "in 3 h", "12 d ago". */
export function relative(at, now) {
  const length = Math.abs(at - now);
  if (length < MINUTE) return at > now ? "in a moment" : "just now";
  const [size, unit] = length < HOUR ? [MINUTE, "min"] : length < DAY ? [HOUR, "h"] : [DAY, "d"];
  const words = `${Math.floor(length / size)} ${unit}`;
  return at > now ? `in ${words}` : `${words} ago`;
}

/** An instant in full, in the viewer's time zone: "22 Nov 2026, 14:03:07 GMT+1". */
export const instant = (at) => full().format(at);

/** An instant in full, and the clocks of `zone` beside it where they show another time. */
export function instantIn(at, zone) {
  if (!zone || !full(zone)) return instant(at);
  const [here, there] = [undefined, zone].map((each) => full(each).formatToParts(at));
  if (said(here, BOTH) === said(there, BOTH)) return instant(at);
  return `${instant(at)} your time (${said(there, said(here, DATE) === said(there, DATE) ? CLOCK : BOTH)} in ${zone})`;
}

const DATE = ["day", "month", "year"];
const CLOCK = ["hour", "minute", "second"];
const BOTH = [...DATE, ...CLOCK];

/** What parts of a formatted instant say, with what stands between them. */
const said = (parts, types) => {
  const places = parts.flatMap(({ type }, i) => (types.includes(type) ? [i] : []));
  const between = parts.slice(places[0], places.at(-1) + 1);
  return between.map(({ value }) => value).join("");
};

const FORMATS = new Map();

/** What formats instants in a time zone, the viewer's unless one is named; null for one this browser does not know. */
function full(timeZone) {
  if (!FORMATS.has(timeZone)) FORMATS.set(timeZone, made(timeZone));
  return FORMATS.get(timeZone);
}

const CALENDAR = { day: "numeric", month: "short", year: "numeric" };
const TIME = {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
};

function made(timeZone) {
  try {
    return new Intl.DateTimeFormat(undefined, { ...CALENDAR, ...TIME, timeZone });
  } catch {
    return null;
  }
}

/** How long a run took, or has been running; null before it started. */
export function runTime(run, now) {
  return run.started_at === null ? null : (run.finished_at ?? now) - run.started_at;
}

/** How long a run waited to start, or has been waiting. */
export const waitTime = (run, now) => (run.started_at ?? run.finished_at ?? now) - run.created_at;

/** The last name of a job ref, which is what people call the job: "jobs.flights.load" is "load". */
export const shortName = (ref) => ref.slice(ref.lastIndexOf(".") + 1);
