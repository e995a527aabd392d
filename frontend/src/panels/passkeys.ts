/**
 * Passkeys on the account pages: the browser makes or uses one, a hidden field carries what it
 * says, and the form is sent as any other. Binary parts travel as base64url, as WebAuthn's own JSON.
 */

type Json = Record<string, unknown>;

const FAILED = "The passkey could not be used. Try again, or another way.";

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function textOf(buffer: ArrayBuffer | null): string | null {
  if (!buffer) return null;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function named(list: unknown): PublicKeyCredentialDescriptor[] {
  const found = (list ?? []) as (PublicKeyCredentialDescriptor & { id: string })[];
  return found.map((one) => ({ ...one, id: bytesOf(one.id) }));
}

/** Return what is asked of the browser: from the server, or from the page that has the form. */
async function optionsOf(form: HTMLFormElement): Promise<Json> {
  const url = form.dataset["optionsUrl"];
  if (!url) return JSON.parse(form.closest("main")!.querySelector("#passkey-options")!.textContent!).publicKey;
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()).request_options.publicKey;
}

/** Let the browser make a passkey; return what the server keeps of it. */
async function created(form: HTMLFormElement): Promise<Json> {
  const options: Json = await optionsOf(form);
  const user = options["user"] as Json & { id: string };
  const wish = form.querySelector<HTMLInputElement>("input[name=passwordless]");
  // Found by the device itself, and only by whom it knows: else it could not stand for a password.
  const isAlone = wish?.checked ?? false;
  const credential = (await navigator.credentials.create({
    publicKey: {
      ...(options as unknown as PublicKeyCredentialCreationOptions),
      challenge: bytesOf(options["challenge"] as string),
      user: { ...(user as unknown as PublicKeyCredentialUserEntity), id: bytesOf(user.id) },
      excludeCredentials: named(options["excludeCredentials"]),
      authenticatorSelection: {
        residentKey: isAlone ? "required" : "discouraged",
        requireResidentKey: isAlone,
        userVerification: isAlone ? "required" : "preferred",
      },
    },
  })) as PublicKeyCredential;
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    ...outside(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      attestationObject: textOf(response.attestationObject),
    },
  };
}

/** Let the browser sign with a passkey; return what the server checks. */
async function used(form: HTMLFormElement): Promise<Json> {
  const options = await optionsOf(form);
  const credential = (await navigator.credentials.get({
    publicKey: {
      ...(options as unknown as PublicKeyCredentialRequestOptions),
      challenge: bytesOf(options["challenge"] as string),
      allowCredentials: named(options["allowCredentials"]),
    },
  })) as PublicKeyCredential;
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    ...outside(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      authenticatorData: textOf(response.authenticatorData),
      signature: textOf(response.signature),
      userHandle: textOf(response.userHandle),
    },
  };
}

function outside(credential: PublicKeyCredential): Json {
  const id = textOf(credential.rawId);
  return {
    id,
    rawId: id,
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

function mountForm(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLInputElement>("input[name=credential]")!;
  const error = form.querySelector<HTMLElement>("[data-passkey-error]")!;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.hidden = true;
    try {
      const ask = form.dataset["passkey"] === "create" ? created : used;
      field.value = JSON.stringify(await ask(form));
    } catch {
      // Given up by the person, too: which of it happened, browsers do not say.
      error.textContent = FAILED;
      error.hidden = false;
      return;
    }
    form.submit(); // which tells no listener
  });
}

/** Bring the passkey forms of a page to life; where the browser knows no passkeys they stay hidden. */
export function mount(page: HTMLElement): void {
  if (!("PublicKeyCredential" in window)) return;
  for (const form of page.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
    mountForm(form);
  }
}
