// A real OpenID provider (npm oidc-provider) as a landlord has one: its own log-in page, its own accounts.

import { createServer } from "node:http";
import { once } from "node:events";
import Provider from "oidc-provider";

/** Who has an account there. The name says what its token says. */
const ACCOUNTS = {
  decider: { email: "decider@example.org", email_verified: true },
  shouting: { email: "Decider@Example.ORG", email_verified: true },
  operator: { email: "operator@example.org", email_verified: true },
  guard: { email: "guard@example.org", email_verified: true },
  unverified: { email: "decider@example.org", email_verified: false },
  unknown: { email: "nobody@example.org", email_verified: true },
};

/** Starts it on `port`; `redirect` is where it sends people back to. */
export async function startProvider({ port, redirect, secret }) {
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "ecluse", client_secret: secret, redirect_uris: [redirect], grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub", "amr", "acr"], email: ["email", "email_verified"] },
    cookies: { keys: ["a key of these tests alone"] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true, methods: ["S256"] },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ACCOUNTS[id] && { accountId: id, claims: () => ({ sub: id, ...ACCOUNTS[id] }) },
    // The landlord has agreed for its people.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  const server = createServer(async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answer(request, response);
    if (request.method === "GET") {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      return response.end('<!doctype html><title>Compte</title><form method="post"><input name="account"><input name="amr"><button>OK</button></form>');
    }
    let body = "";
    for await (const part of request) body += part;
    const form = new URLSearchParams(body);
    const amr = form.get("amr").split(" ").filter(Boolean);
    const result = form.get("account") === "" ? { error: "access_denied" } : { login: { accountId: form.get("account"), remember: false, amr } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    issuer,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
