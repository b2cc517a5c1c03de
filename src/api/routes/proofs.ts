/** Test restores, which prove that what is kept of a cluster can be restored. */
import { operationSchema } from "../../contract/cluster.ts";
import { proofPolicyRequestSchema, proofRequestSchema, proofsSchema } from "../../contract/proof.ts";
import { route } from "../route.ts";

export const proofRoutes = [
  route(
    "GET /v1/clusters/:cluster/proofs",
    {
      id: "showProofs",
      role: "viewer",
      does: "Gives the test restores of a cluster and what they have shown, and when the next one is due.",
      answer: proofsSchema,
    },
    ({ path }, { installation: { proofs } }) => proofs.show(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/proofs",
    {
      id: "proveRestore",
      role: "operator",
      does: "Restores a cluster to a moment by chance into a scratch directory, checks it, and removes it.",
      body: proofRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { proofs } }) => proofs.begin(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/proofs/policy",
    {
      id: "setProofPolicy",
      role: "operator",
      does: "Says how often a test restore is made by itself, and which tables' rows are counted.",
      body: proofPolicyRequestSchema,
      answer: proofsSchema,
    },
    ({ path, body, asked }, { installation: { proofs } }) => proofs.set(path.cluster, body, asked),
  ),
];
