// Passkeys: a form with `data-passkey-create` or `data-passkey-get` (the server's options) has a button that asks the
// authenticator, puts its answer into the form's field `passkey` and sends it. Where the browser knows no WebAuthn, the
// button stays hidden and the rest of the page does without.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const letters = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (list) => list?.map((credential) => ({ ...credential, id: bytes(credential.id) }));

async function create({ publicKey }) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: named(publicKey.excludeCredentials),
    },
  });
  const { attestationObject, clientDataJSON } = made.response;
  return { made, response: { attestationObject: letters(attestationObject), clientDataJSON: letters(clientDataJSON) } };
}

async function get({ publicKey }) {
  const made = await navigator.credentials.get({
    publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: named(publicKey.allowCredentials) },
  });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  return {
    made,
    response: {
      authenticatorData: letters(authenticatorData),
      clientDataJSON: letters(clientDataJSON),
      signature: letters(signature),
      userHandle: userHandle && letters(userHandle),
    },
  };
}

for (const form of document.querySelectorAll("form[data-passkey-create], form[data-passkey-get]")) {
  if (!window.PublicKeyCredential || !navigator.credentials) break;
  const trouble = form.querySelector("[data-passkey-trouble]");
  for (const part of form.querySelectorAll("[data-passkey-part]")) part.hidden = false;
  form.addEventListener("submit", async (event) => {
    const { passkeyCreate, passkeyGet } = form.dataset;
    if (form.elements.passkey.value) return;
    event.preventDefault();
    trouble.hidden = true;
    try {
      const { made, response } = await (passkeyCreate ? create(JSON.parse(passkeyCreate)) : get(JSON.parse(passkeyGet)));
      form.elements.passkey.value = JSON.stringify({ id: made.id, rawId: letters(made.rawId), type: made.type, response, extensions: {} });
      form.submit();
    } catch {
      // Refused, cancelled, too late, or no such key here: the person tries again or takes the other way.
      trouble.hidden = false;
      trouble.focus();
    }
  });
}
