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
export const instant = (at) => FULL.format(at);

const FULL = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** How long a run took, or has been running; null before it started. */
export function runTime(run, now) {
  return run.started_at === null ? null : (run.finished_at ?? now) - run.started_at;
}

/** How long a run waited to start, or has been waiting. */
export const waitTime = (run, now) => (run.started_at ?? run.finished_at ?? now) - run.created_at;

/** The last name of a job ref, which is what people call the job: "jobs.flights.load" is "load". */
export const shortName = (ref) => ref.slice(ref.lastIndexOf(".") + 1);
