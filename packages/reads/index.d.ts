/** Types of matriarch-reads. Pools and clients are node-postgres', or look like them. */

export interface Result<Row = Record<string, unknown>> {
  rows: Row[];
  rowCount: number | null;
}

export interface Client {
  query(text: string, values?: unknown[]): Promise<Result>;
  /** true: the session is not used again */
  release(destroy?: boolean): void;
}

export interface Pool {
  query(text: string, values?: unknown[]): Promise<Result>;
  connect(): Promise<Client>;
}

export interface Options {
  /** at the primary endpoint */
  primary: Pool;
  /** at the read endpoint */
  read: Pool;
  /** where this server is; default: FLY_REGION */
  region?: string | undefined;
  /** where writes belong; default: PRIMARY_REGION. Without either nothing is replayed */
  primaryRegion?: string | undefined;
  /** headers that let the proxy send the request again to that region; default: Fly-Replay */
  replay?: (region: string) => Record<string, string>;
  /** a request that has it was sent again once, and is not again; in lower case. Default: fly-replay-src */
  replayedHeader?: string;
  /** for the replica to have what this user wrote; then the primary is read. Default: 1000 */
  waitMs?: number;
  cookie?: string;
  /** how long after a write reads look for it; default: 600 */
  cookieSeconds?: number;
  /** signs the cookie, so that nobody can send the reads of others to the primary by naming a position of tomorrow */
  secret?: string;
  /** the cookie goes over TLS only */
  secure?: boolean;
}

/** One request's way to the database. */
export interface Database {
  /** reads from a replica that has all that this user wrote, or from the primary */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Result<Row>>;
  /** one statement on the primary */
  write<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Result<Row>>;
  /** a transaction on the primary */
  write<T>(work: (client: Client) => Promise<T>): Promise<T>;
}

export interface Replay {
  status: number;
  headers: Record<string, string>;
}

type Header = (name: string) => string | undefined;

export interface Reads {
  /** for other frameworks: what to answer at once, or the request's database */
  begin(request: {
    method: string;
    header: Header;
    setCookie: (cookie: string) => void;
  }): { replay: Replay; db?: undefined } | { replay?: undefined; db: Database };
  /** what to answer when a handler has tried to write where only reads are */
  afterError(error: unknown, header: Header): Replay | undefined;
  /** `on` before the routes, `errors` after them; handlers have `request.db` */
  express(): {
    on: (request: object, response: object, next: (error?: unknown) => void) => void;
    errors: (error: unknown, request: object, response: object, next: (error?: unknown) => void) => void;
  };
  /** to be registered; handlers have `request.db` */
  fastify: (app: object) => Promise<void>;
  /** handlers have `c.get("db")` */
  hono(): (c: object, next: () => Promise<void>) => Promise<Response | undefined>;
}

export function createReads(options: Options): Reads;
export function flyReplay(region: string): Record<string, string>;
export function isReadOnlyError(error: unknown): boolean;
