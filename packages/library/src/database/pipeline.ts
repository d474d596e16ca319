import type { PGlite } from '@electric-sql/pglite';

/** Messages that leave a statement half sent until Sync: Parse, Bind, Describe, Execute, Close, Flush. */
const halfway = new Set([...'PBDECH'].map((letter) => letter.charCodeAt(0)));
const sync = new Uint8Array([0x53, 0, 0, 0, 4]);

/**
 * The database as pglite-socket may see it. The socket server hands over one message at a time and keeps to one client only while
 * a transaction is open; between Parse and Sync of a plain statement another client's Parse could then replace the unnamed
 * statement, and one client would read the other's rows. So a half-sent statement counts as a transaction too.
 *
 * The socket server's queue also stands still for ever once a message throws (the WebAssembly instance is lost then): `onBroken`
 * must end the process.
 */
export function oneStatementAtATime(db: PGlite, onBroken: (error: unknown) => void): PGlite {
  let open = false;
  const overrides = {
    isInTransaction: () => open || db.isInTransaction(),
    async execProtocolRawStream(...[message, options]: Parameters<PGlite['execProtocolRawStream']>) {
      try {
        await db.execProtocolRawStream(message, options);
        open = halfway.has(message[0] ?? 0);
      } catch (error) {
        onBroken(error);
        throw error;
      }
    },
    /** The socket server's rollback for a client that left: the half-sent statement has to end before it. */
    async exec(...[sql, options]: Parameters<PGlite['exec']>) {
      if (open) {
        open = false;
        await db.execProtocolRaw(sync);
      }
      return db.exec(sql, options);
    },
  };
  return new Proxy(db, {
    get(target, property) {
      if (Object.hasOwn(overrides, property)) return overrides[property as keyof typeof overrides];
      const value = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
