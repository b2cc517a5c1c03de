/** The blocks of a copy that are its own, as filefrag tells of them on xfs and on btrfs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sumOwn } from "./extents.ts";

test("shared extents and those inside the file system's tree do not count", () => {
  const text = `Filesystem type is: 9123683e
File size of s/big is 16777216 (4096 blocks of 4096 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..    1023:      20528..     21551:   1024:             shared
   1:     1024..    1033:      30000..     30009:     10:      21552:
   2:     1034..    4095:      21562..     24623:   3062:      30010: last,shared,eof
s/big: 3 extents found
File size of s/small is 100 (1 block of 4096 bytes)
   0:        0..    4095:          0..      4095:   4096:             last,not_aligned,inline,eof
s/small: 1 extent found
`;
  assert.equal(sumOwn(text), 10 * 4096);
});
