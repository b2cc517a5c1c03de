/** Encoding and sorting of the database that an import makes, as near to the source's as the target can. Pure. */
import { literal } from "../../drivers/postgres/session/quote.ts";
import type { SourceLook } from "../../drivers/postgres/import/look.ts";
import type { TargetLook } from "../../drivers/postgres/import/target.ts";

export interface Locale {
  /** of CREATE DATABASE */
  readonly options: string;
  /** what client programs speak on both sides */
  readonly clientEncoding: string;
  readonly note: string | undefined;
}

const byteOrder: ReadonlySet<string> = new Set(["C", "POSIX"]);

export function localeFor(source: SourceLook, target: TargetLook): Locale {
  const isAscii = source.encoding === "SQL_ASCII";
  const clientEncoding = isAscii ? "SQL_ASCII" : "UTF8";
  const encoding = `TEMPLATE template0 ENCODING ${literal(clientEncoding)}`;
  const made = (options: string, note?: string): Locale => ({
    options: `${encoding} ${options}`.trim(),
    clientEncoding,
    note,
  });
  if (isAscii)
    return made("LC_COLLATE 'C' LC_CTYPE 'C'", "SQL_ASCII: bytes are taken as they are, and nothing checks them");
  const converted = source.encoding === "UTF8" ? undefined : `${source.encoding} is converted to UTF8`;
  const { collation, ctype, provider } = source;
  if (provider === "b" && target.major >= 17)
    return made(`LOCALE_PROVIDER builtin BUILTIN_LOCALE ${literal(collation)}`, converted);
  if (provider === "i" && target.icu && target.major >= 15)
    return made(`LOCALE_PROVIDER icu ICU_LOCALE ${literal(collation)}`, converted);
  const sorted = provider === "c" ? known(collation, target) : undefined;
  const typed = provider === "c" ? known(ctype, target) : undefined;
  if (sorted !== undefined && typed !== undefined)
    return made(
      `${target.major >= 15 ? "LOCALE_PROVIDER libc " : ""}LC_COLLATE ${literal(sorted)} LC_CTYPE ${literal(typed)}`,
      converted,
    );
  const differs = `texts are sorted in another way: the servers here do not know "${collation}"`;
  return made("", [converted, differs].filter((part) => part !== undefined).join("; "));
}

/** The target's own spelling: en_US.UTF-8 and en_US.utf8 are one. */
function known(locale: string, { locales }: TargetLook): string | undefined {
  if (byteOrder.has(locale)) return locale;
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9.@_]/g, "");
  return locales.find((candidate) => plain(candidate) === plain(locale));
}
