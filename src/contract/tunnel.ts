/** How the command line carries a client's connection over the API: `GET …/tunnel`, upgraded to Postgres' own protocol. */

/** Value of the Upgrade header. */
export const tunnelProtocol = "postgresql";
