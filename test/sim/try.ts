import { runSeed } from "./run.ts";
const [from, count, members, trace] = process.argv.slice(2);
const started = Date.now();
const tally = new Map<string, number[]>();
let steps=0, acks=0, epochs=0;
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const r = runSeed({ seed, members: members && members !== "0" ? Number(members) : undefined, tracing: trace !== undefined });
  steps+=r.steps; acks+=r.acknowledged; epochs+=r.epochs;
  if (trace) console.log(r.lines.join("\n"));
  if (r.invariant) { const key = `${r.invariant} ${(r.message??"").replace(/\d+/g,"#").replace(/"shop-#"/g,"M").slice(0,130)}`; tally.set(key,[...(tally.get(key)??[]),seed]); }
  if (trace || count === "1") console.log(r.invariant, r.message, r.members, r.durability, r.healedMs);
}
for (const [k,v] of [...tally].sort((a,b)=>b[1].length-a[1].length)) console.log(v.length, k, v.slice(0,6).join(" "));
console.log({ms: Date.now()-started, per: (Date.now()-started)/Number(count), steps: steps/Number(count), acks: acks/Number(count), epochs: epochs/Number(count)});
