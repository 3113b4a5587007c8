// Numbers and times as Java prints them: scrapers and people have learnt these forms.
//
// Must agree with Double.toString, Date.toString (in UTC) and InetSocketAddress.toString.

/** A double: `0.0`, `1.2273`, `1.0E9`, `1.0E-5`. */
export function javaDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value);
    return text.includes(".") ? text : `${text}.0`;
  }
  const [mantissa, exponent] = value.toExponential().split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

const DAY_MS = 86_400_000;
const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (value: number): string => String(value).padStart(2, "0");

/** Year, month 1 to 12 and day of a number of days since 1970. */
function civil(days: number): { year: number; month: number; day: number } {
  // Years that start in March have their leap day last; 400 of them are 146097 days.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) -
      Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const march = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** `Sat Nov 21 09:06:43 UTC 2026`. */
export function javaDate(wallMs: number): string {
  const days = Math.floor(wallMs / DAY_MS);
  const { year, month, day } = civil(days);
  const weekday = WEEKDAYS[((days % 7) + 7) % 7];
  return `${weekday} ${MONTHS[month - 1]} ${two(day)} ${clock(wallMs)} UTC ${year}`;
}

/** `11/21/2026 09:06`, as Java servers give the time of their build. */
export function buildDate(wallMs: number): string {
  const { year, month, day } = civil(Math.floor(wallMs / DAY_MS));
  return `${two(month)}/${two(day)}/${year} ${clock(wallMs).slice(0, 5)}`;
}

function clock(wallMs: number): string {
  const seconds = Math.floor((((wallMs % DAY_MS) + DAY_MS) % DAY_MS) / 1000);
  return [seconds / 3600, seconds / 60 % 60, seconds % 60].map((part) => two(Math.floor(part)))
    .join(":");
}

/** `/127.0.0.1:2181`, `/[0:0:0:0:0:0:0:1]:2181`. */
export const javaAddress = (host: string, port: number): string =>
  host.includes(":") ? `/[${host}]:${port}` : `/${host}:${port}`;
