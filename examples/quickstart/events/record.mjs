// Plays people who sign up at cognito-local. Leaves the events its PostConfirmation trigger was sent, as they came (events.jsonl), and
// beside them the body that the guide's trigger function makes of each. README.md says how to run it.
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const trigger = 19000, pool = 19229, code = "123456";
const events = [];

rmSync(".cognito", { recursive: true, force: true });
mkdirSync(".cognito");
writeFileSync(".cognito/config.json", JSON.stringify({
  LambdaClient: {
    endpoint: `http://127.0.0.1:${trigger}`, region: "eu-west-1", maxRetries: 0,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  },
  UserPoolDefaults: { UsernameAttributes: [] },
  ServerConfig: { hostname: "127.0.0.1", port: pool },
  TriggerFunctions: { PreSignUp: "provisioner", PostConfirmation: "provisioner" },
}));

// The trigger: answers like one that does nothing, but lets the addresses of `example.org` count as verified.
const lambda = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const event = JSON.parse(body);
    if (event.triggerSource.startsWith("PostConfirmation")) events.push(event);
    if (event.triggerSource.startsWith("PreSignUp")) {
      event.response.autoVerifyEmail = event.request.userAttributes.email.endsWith("@example.org");
    }
    response.end(JSON.stringify(event));
  });
}).listen(trigger, "127.0.0.1");

const emulator = spawn(process.execPath, ["node_modules/cognito-local/lib/bin/start.js"], {
  env: { ...process.env, CODE: code }, stdio: "ignore",
});

// As the guide's function does: the user name where a stable id belongs, the real one among the attributes.
function body({ userName, request: { userAttributes } }) {
  return { username: userName, email: userAttributes.email ?? userName, cognito_user_id: userName, user_attributes: userAttributes };
}

async function ask(verb, body) {
  const headers = { "X-Amz-Target": `AWSCognitoIdentityProviderService.${verb}`, "Content-Type": "application/x-amz-json-1.1" };
  const answer = await fetch(`http://127.0.0.1:${pool}/`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${verb}: ${text}`);
  return JSON.parse(text || "{}");
}

async function up() {
  for (let attempt = 0; attempt < 100; attempt++) {
    try { return await ask("ListUserPools", { MaxResults: 1 }); } catch { await new Promise((again) => setTimeout(again, 100)); }
  }
  throw new Error("the emulator did not start");
}

async function poolAndClient(name, settings) {
  const made = await ask("CreateUserPool", { PoolName: name, ...settings });
  const UserPoolId = made.UserPool.Id;
  const client = await ask("CreateUserPoolClient", { UserPoolId, ClientName: name });
  return { UserPoolId, ClientId: client.UserPoolClient.ClientId };
}

async function signUp({ ClientId }, Username, email) {
  await ask("SignUp", { ClientId, Username, Password: "Passw0rd!x", UserAttributes: [{ Name: "email", Value: email }] });
}

try {
  await up();
  const byEmail = await poolAndClient("by-email", { UsernameAttributes: ["email"] });
  const byName = await poolAndClient("by-name", {});
  // Signs up by e-mail, types the code, later forgets the password: two events for one person.
  await signUp(byEmail, "alice@example.com", "alice@example.com");
  await ask("ConfirmSignUp", { ClientId: byEmail.ClientId, Username: "alice@example.com", ConfirmationCode: code });
  await ask("ForgotPassword", { ClientId: byEmail.ClientId, Username: "alice@example.com" });
  await ask("ConfirmForgotPassword",
    { ClientId: byEmail.ClientId, Username: "alice@example.com", ConfirmationCode: code, Password: "Passw0rd!y" });
  // Is confirmed by an administrator; the address counts as verified.
  await signUp(byEmail, "bob@example.org", "bob@example.org");
  await ask("AdminConfirmSignUp", { UserPoolId: byEmail.UserPoolId, Username: "bob@example.org" });
  // Somebody else with the same local part.
  await signUp(byEmail, "alice@example.org", "alice@example.org");
  await ask("ConfirmSignUp", { ClientId: byEmail.ClientId, Username: "alice@example.org", ConfirmationCode: code });
  // Chose a name of her own.
  await signUp(byName, "dora", "dora.smith@example.com");
  await ask("ConfirmSignUp", { ClientId: byName.ClientId, Username: "dora", ConfirmationCode: code });
  const names = ["alice-confirms", "alice-forgot-her-password", "bob-is-confirmed", "another-alice", "dora"];
  writeFileSync("events.jsonl", events.map((event) => JSON.stringify(event) + "\n").join(""));
  events.forEach((event, i) => writeFileSync(`${i + 1}-${names[i]}.json`, JSON.stringify(body(event), null, 2) + "\n"));
} finally {
  emulator.kill();
  lambda.close();
  lambda.closeAllConnections();
}
