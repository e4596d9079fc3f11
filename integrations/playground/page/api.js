// Talks to the playground's control API; failures that concern the person become toasts.

import { toast } from "./toast.js";

/** Do something as a person; gives the outcome. A notice, if there is one, is shown. */
export async function act(path, body, { quiet = false } = {}) {
  try {
    const response = await fetch(`/_ui/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (answer.notice && !quiet) toast(answer.notice);
    return { ok: false, errors: {}, notice: "", ...answer };
  } catch {
    toast("The playground does not answer. Is it still running?");
    return { ok: false, errors: {}, notice: "" };
  }
}

/** Read the whole workspace. */
export async function readState() {
  return (await fetch("/_ui/state")).json();
}
