// Lets calls fail: with the SDK's SQS client if told its endpoint and folder,
// else with a stand-in.

import { createRequire } from "node:module";

const [snippet, code, message, authorization] = process.argv.slice(2);
const { reportCredentialFailures } = await import(snippet);

// Of a client, what matters here.
class StandIn {
  #middleware;
  middlewareStack = { add: (middleware) => { this.#middleware = middleware; } };
  send(next) {
    const context = { clientName: "STSClient", commandName: "GetCallerIdentityCommand" };
    const request = { headers: authorization ? { authorization } : {} };
    return this.#middleware(next, context)({ request });
  }
}

if (process.env.ENDPOINT) {
  const { SQSClient, ListQueuesCommand } = createRequire(process.env.MODULES + "/")("@aws-sdk/client-sqs");
  const client = new SQSClient({
    endpoint: process.env.ENDPOINT, region: "eu-west-1", maxAttempts: 1,
    credentials: { accessKeyId: "ASIARTX3GSDS4ORDERSO", secretAccessKey: "invented", sessionToken: "invented" },
  });
  reportCredentialFailures(client, "payments-worker");
  await client.send(new ListQueuesCommand({})).then(() => { throw new Error("the call succeeds"); }, () => {});
} else {
  const client = new StandIn();
  reportCredentialFailures(client, "payments-worker");
  const refused = Object.assign(new Error(message), { name: code });
  const thrown = await client.send(async () => { throw refused; }).catch((error) => error);
  if (thrown !== refused) throw new Error("the program does not see its error");
  if ((await client.send(async () => "an answer")) !== "an answer") throw new Error("the program does not see its answer");
}
