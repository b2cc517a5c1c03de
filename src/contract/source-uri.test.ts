/** URIs as people copy them from where they come from. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { parseSourceUri } from "./source-uri.ts";

describe("the URI of a source", () => {
  test("Heroku, Fly, RDS, a socket, an address in brackets", () => {
    const seen = [
      "postgres://u1:p%40ss@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d8r82722r2kuvn",
      "postgres://app:secret@app-db.flycast:5432/app?sslmode=disable",
      "postgresql://u@db.x.eu-west-1.rds.amazonaws.com/main?sslmode=verify-full&sslrootcert=/etc/rds.pem&pgbouncer=true",
      "postgres:///main?host=/var/run/postgresql&user=me",
      "postgres://u:p@[::1]:6543/My%20Db\n",
    ].map((uri) => parseSourceUri(uri));
    assert.deepEqual(
      seen.map(({ source: { host, port, user, database }, password }) => [host, port, user, database, password]),
      [
        ["ec2-1-2-3-4.compute-1.amazonaws.com", 5432, "u1", "d8r82722r2kuvn", "p@ss"],
        ["app-db.flycast", 5432, "app", "app", "secret"],
        ["db.x.eu-west-1.rds.amazonaws.com", 5432, "u", "main", ""],
        ["/var/run/postgresql", 5432, "me", "main", ""],
        ["::1", 6543, "u", "My Db", "p"],
      ],
    );
    assert.deepEqual(seen[2]?.source.parameters, { sslmode: "verify-full", sslrootcert: "/etc/rds.pem" });
  });

  test("what is refused tells nothing of the URI that could be secret", () => {
    const bad = [
      "",
      "mysql://u:topsecret@h/d",
      "postgres://u:topsecret@h:0/d",
      "postgres://u:topsecret@h:x/d",
      "postgres://u:topsecret@/d",
      "postgres://:topsecret@h/d",
      "postgres://u:top/secret@h/d",
      "postgres://u:topsecret%@h/d",
      "postgres://u:topsecret%0A@h/d",
      "postgres://u:topsecret@a,b/d",
      "postgres://u:topsecret@h/d?sslpassword=topsecret",
      "postgres://u:topsecret@h/d?service=x",
    ];
    for (const uri of bad)
      assert.throws(
        () => parseSourceUri(uri),
        (error) =>
          error instanceof OpError &&
          error.code === "bad-value" &&
          !`${error.message} ${error.detail} ${error.hint}`.includes("secret"),
        uri,
      );
  });
});
