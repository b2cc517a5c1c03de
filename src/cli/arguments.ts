/** Arguments that many commands share, in one wording. */
import { Argument, Option } from "@commander-js/extra-typings";

export const clusterArgument = () => new Argument("<cluster>", "name of the cluster");
export const memberArgument = () => new Argument("<member>", "name of the member, for example shop-2");
export const databaseArgument = () => new Argument("<database>", "name of the database, as it is written");
export const userArgument = () => new Argument("<user>", "name of the database user, as it is written");
export const extensionArgument = () => new Argument("<extension>", "name of the extension, for example postgis");
export const hostArgument = () => new Argument("<host>", "name of the host");

/** Of whoever gets a token or a certificate. */
export const roleOption = () =>
  new Option("--role <role>", "viewer looks, operator changes clusters, admin does everything")
    .choices(["viewer", "operator", "admin"] as const)
    .makeOptionMandatory();
